package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// attempts is how often a night that failed may be tried anew by resuming the
// run.
const attempts = 100

// night trains the assistant on the pairs up to the end of a day, puts the
// adapter in force, and commits the turn of the day.
func (c *conductor) night(day int32) (err error) {
	end := c.beginSpan("night", func() []attribute.KeyValue { return append(c.about(), attribute.Int("propersim.day", int(day))) })
	defer func() { end(err) }()
	night := &environmentv1.Night{Day: day, Adapter: c.chain.Adapter}
	if c.chain.Progress.GetPairs() == 0 {
		night.NoPairs = true
		return c.commitNight(night)
	}
	began := time.Now()
	job, err := c.train(day)
	if err != nil {
		return err
	}
	c.metrics.night.Observe(time.Since(began).Seconds())
	if job.GetState() != trainerv1.JobState_JOB_STATE_ACTIVE {
		night.Failure = failure(job)
		if c.run.fixed.GetConfig().GetOnFailedNight() != environmentv1.OnFailedNight_ON_FAILED_NIGHT_KEEP {
			c.metrics.nights.WithLabelValues("failed").Inc()
			return fmt.Errorf("night %d: %s (resume the run to train it anew): %w", day, night.GetFailure(), errs.ErrInternal)
		}
		c.metrics.nights.WithLabelValues("kept").Inc()
		return c.commitNight(night)
	}
	c.metrics.nights.WithLabelValues("trained").Inc()
	night.Adapter, night.Metrics = job.GetAdapter(), job.GetMetrics()
	if err := c.useAdapter(night.GetAdapter()); err != nil {
		return err
	}
	return c.commitNight(night)
}

func (c *conductor) commitNight(night *environmentv1.Night) error {
	return c.commit(&environmentv1.EntryBody{Event: &environmentv1.EntryBody_Night{Night: night}}, nil)
}

// train submits the night's job and waits until it is final. A job that had
// failed before it was asked for now belongs to an earlier attempt: where the
// run stops at a failed night, whoever resumed it wants another, with another
// draw.
func (c *conductor) train(day int32) (*trainerv1.Job, error) {
	config := c.run.fixed.GetConfig()
	source := seeded.New(config.GetSeed(), config.GetPersonaId(), "training")
	anew := config.GetOnFailedNight() == environmentv1.OnFailedNight_ON_FAILED_NIGHT_STOP
	for attempt := range attempts {
		var job *trainerv1.Job
		err := c.call("trainer.SubmitJob", nil, func(ctx context.Context) error {
			resp, err := c.clients.Trainer.SubmitJob(ctx, &trainerv1.SubmitJobRequest{
				RunId: c.run.id, Day: day, ParentAdapter: c.chain.Adapter, Hyperparameters: config.GetTraining(),
				Executor: config.GetExecutor(), Seed: source.Uint64(int(day), attempt),
			})
			job = resp.GetJob()
			return err
		})
		if err != nil {
			return nil, err
		}
		if failed(job.GetState()) && anew {
			continue
		}
		return c.await(job)
	}
	return nil, fmt.Errorf("night %d failed %d times: %w", day, attempts, errs.ErrInternal)
}

// await watches a job until it is final. It ends early when the run is halted:
// the job goes on, and is found again.
func (c *conductor) await(job *trainerv1.Job) (*trainerv1.Job, error) {
	if finalJob(job.GetState()) {
		return job, nil
	}
	err := c.call("trainer.WatchJob", nil, func(context.Context) error {
		ctx, cancel := context.WithCancel(trace.ContextWithSpan(c.halt, trace.SpanFromContext(c.ctx)))
		defer cancel()
		stream, err := c.clients.Trainer.WatchJob(ctx, &trainerv1.WatchJobRequest{Id: job.GetId()})
		if err != nil {
			return err
		}
		for {
			resp, err := stream.Recv()
			switch {
			case c.halt.Err() != nil:
				return errHalted
			case errors.Is(err, io.EOF):
				return fmt.Errorf("the stream ended before job %s did: %w", job.GetId(), errs.ErrUnavailable)
			case err != nil:
				return err
			}
			if job = resp.GetJob(); finalJob(job.GetState()) {
				return nil
			}
		}
	})
	return job, err
}

// useAdapter puts an adapter in force. A session that must be opened anew for
// it is opened with the adapter before, which is the committed one.
func (c *conductor) useAdapter(id string) error {
	var adapter *assistantv1.Adapter
	err := c.call("trainer.GetAdapter", nil, func(ctx context.Context) (err error) {
		adapter, err = c.adapter(ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	return c.call("assistant.UseAdapter", &c.assistant, func(ctx context.Context) error {
		_, err := c.clients.Assistants.UseAdapter(ctx, &assistantv1.UseAdapterRequest{RunId: c.run.id, Adapter: adapter})
		return err
	})
}

func failed(state trainerv1.JobState) bool {
	switch state {
	case trainerv1.JobState_JOB_STATE_FAILED, trainerv1.JobState_JOB_STATE_REJECTED, trainerv1.JobState_JOB_STATE_CANCELLED:
		return true
	}
	return false
}

func finalJob(state trainerv1.JobState) bool {
	return failed(state) || state == trainerv1.JobState_JOB_STATE_ACTIVE
}

func failure(job *trainerv1.Job) string {
	what := map[trainerv1.JobState]string{
		trainerv1.JobState_JOB_STATE_FAILED: "failed", trainerv1.JobState_JOB_STATE_REJECTED: "was rejected", trainerv1.JobState_JOB_STATE_CANCELLED: "was cancelled",
	}[job.GetState()]
	return "training job " + job.GetId() + " " + what + ": " + job.GetReason()
}
