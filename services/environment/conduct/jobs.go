package conduct

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// jobs yields the training jobs of a run. It ends after the first error.
func jobs(ctx context.Context, trainer trainerv1.TrainerServiceClient, run string) iter.Seq2[*trainerv1.Job, error] {
	return func(yield func(*trainerv1.Job, error) bool) {
		for token := ""; ; {
			resp, err := trainer.ListJobs(ctx, &trainerv1.ListJobsRequest{RunId: run, PageToken: token})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, job := range resp.GetJobs() {
				if !yield(job, nil) {
					return
				}
			}
			if token = resp.GetNextPageToken(); token == "" {
				return
			}
		}
	}
}

// CancelJobs cancels the training jobs of a run that are not final. Errors are
// those of the trainer, when it could not be asked or refused.
func (c *Conductor) CancelJobs(ctx context.Context, run *live.Run) error {
	if !run.Config().GetMethod().GetTrains() {
		return nil
	}
	for job, err := range jobs(ctx, c.Trainer, run.ID()) {
		if err != nil {
			return fmt.Errorf("list the training jobs of run %s: %w", run.ID(), err)
		}
		if finalJob(job.GetState()) {
			continue
		}
		// It may have come to its end in the meantime.
		_, err := c.Trainer.CancelJob(ctx, &trainerv1.CancelJobRequest{Id: job.GetId()})
		if err != nil && !errors.Is(err, errs.ErrPrecondition) {
			return fmt.Errorf("cancel training job %s: %w", job.GetId(), err)
		}
	}
	return nil
}
