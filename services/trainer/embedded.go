package trainer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

const (
	// patience is how long an embedded job waits for a buffer that is away
	// before it fails.
	patience = 10 * time.Minute
	// drawing is how long one draw of pairs may take: it is the largest answer
	// there is, and half a megabyte of it is to pass a connection of 10 KB/s.
	drawing = 2 * time.Minute
	// embeddedLease outlasts patience and the training after it, so that a lease
	// of a living worker never runs out. What a crash leaves leased is released
	// at the next start.
	embeddedLease = 30 * time.Minute
)

// Run trains the jobs of the embedded executor until ctx is done. It first
// releases the leases of those who held them when the process last ended. It
// returns an error when the jobs cannot be kept any more.
func (s *Server) Run(ctx context.Context) error {
	if err := s.jobs.release(ctx, trainerv1.Executor_EXECUTOR_EMBEDDED); err != nil {
		return unlessDone(ctx, fmt.Errorf("trainer: release jobs: %w", err))
	}
	group, within := errgroup.WithContext(ctx)
	for i := range s.cfg.Workers {
		group.Go(func() error { return s.work(within, fmt.Sprintf("embedded-%d", i)) })
	}
	return unlessDone(ctx, group.Wait())
}

func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// wakeWorker lets a worker look for jobs; when every one is told already, none
// more needs to be.
func (s *Server) wakeWorker() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// work trains one job after the other, and waits when there is none.
func (s *Server) work(ctx context.Context, name string) error {
	for {
		leased, err := retry(ctx, func() (*record, error) {
			now := s.cfg.Clock()
			return s.jobs.lease(ctx, trainerv1.Executor_EXECUTOR_EMBEDDED, name, now, now.Add(embeddedLease), 0)
		})
		if err != nil {
			return fmt.Errorf("trainer: lease a job: %w", err)
		}
		if leased != nil {
			if err := s.train(ctx, leased); err != nil {
				return fmt.Errorf("trainer: job %s: %w", leased.job.GetId(), err)
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
	}
}

// train runs a leased job to its end. The error is one of keeping the job; what
// goes wrong in training ends the job.
func (s *Server) train(ctx context.Context, leased *record) error {
	began := time.Now()
	res, err := s.night(ctx, leased.job)
	s.jobs.metrics.seconds.Observe(time.Since(began).Seconds())
	if err == nil {
		_, err = retry(ctx, func() (*trainerv1.Job, error) { return s.complete(ctx, leased, res) })
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // the job is leased again after the next start
	case errors.Is(err, errs.ErrPrecondition):
		return nil // cancelled meanwhile
	}
	state := trainerv1.JobState_JOB_STATE_FAILED
	if errors.Is(err, errRejected) {
		state = trainerv1.JobState_JOB_STATE_REJECTED
	}
	s.log.Warn("training did not succeed", zap.String("job", leased.job.GetId()), zap.String("run", leased.job.GetRunId()),
		zap.Int32("day", leased.job.GetDay()), zap.Error(err))
	_, keep := retry(ctx, func() (*trainerv1.Job, error) {
		return s.conclude(ctx, leased.job.GetId(), leased.token, state, errs.Reason(err))
	})
	if errors.Is(keep, errs.ErrPrecondition) {
		return nil
	}
	return keep
}

// night draws the pairs and trains the parent on them.
func (s *Server) night(ctx context.Context, job *trainerv1.Job) (*result, error) {
	parent, err := s.parent(job)
	if err != nil {
		return nil, err
	}
	drawn, err := retry(ctx, func() (*bufferv1.SampleResponse, error) { return s.drawPairs(ctx, job) })
	if err != nil {
		return nil, err
	}
	s.jobs.metrics.pairs.Observe(float64(len(drawn.GetPairs())))
	child, metrics, err := policy.Train(parent, drawn.GetPairs(), job.GetHyperparameters(), job.GetSeed())
	if errors.Is(err, errs.ErrInternal) {
		return nil, fmt.Errorf("%w: %w", errRejected, err) // weights that are no numbers
	}
	if err != nil {
		return nil, err
	}
	return &result{weights: child.Weights(), metrics: metrics, policy: policy.Name, digest: drawn.GetDigest()}, nil
}

// parent is the policy to train from.
func (s *Server) parent(job *trainerv1.Job) (*policy.Policy, error) {
	if job.GetParentAdapter() == "" {
		return policy.Base(), nil
	}
	a, err := s.adapters.read(job.GetParentAdapter())
	if err != nil {
		return nil, fmt.Errorf("parent: %w", err)
	}
	if a.manifest.GetPolicy() != policy.Name {
		return nil, fmt.Errorf("parent: adapter %s is for policy %q, want %q: %w", a.manifest.GetId(), a.manifest.GetPolicy(), policy.Name, errs.ErrInvalid)
	}
	return policy.Load(a.weights)
}

// errNoPairs is the reason of a job whose run has no pairs yet.
var errNoPairs = errors.New("no pairs to train on")

// drawPairs draws a job's pairs. A draw that differs from the one the job had
// before is an ErrDataLoss: the buffer has lost or changed pairs.
func (s *Server) drawPairs(ctx context.Context, job *trainerv1.Job) (*bufferv1.SampleResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, drawing)
	defer cancel()
	drawn, err := s.buffer.Sample(ctx, &bufferv1.SampleRequest{
		RunId: job.GetRunId(), Count: job.GetHyperparameters().GetPairs(), Seed: job.GetSeed(), ThroughDay: job.GetDay(),
	})
	if err != nil {
		return nil, fmt.Errorf("draw pairs: %w", err)
	}
	if len(drawn.GetPairs()) == 0 {
		return nil, errNoPairs
	}
	if job.GetDataDigest() != "" && job.GetDataDigest() != drawn.GetDigest() {
		return nil, fmt.Errorf("the buffer gives pairs with digest %s, gave %s before: %w", drawn.GetDigest(), job.GetDataDigest(), errs.ErrDataLoss)
	}
	return drawn, nil
}

// retry repeats what fails because something is away, until patience ends.
func retry[T any](ctx context.Context, op func() (T, error)) (T, error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 5*time.Second
	return backoff.Retry(ctx, func() (T, error) {
		out, err := op()
		if err != nil && !errors.Is(err, errs.ErrUnavailable) && !errors.Is(err, errs.ErrDeadline) {
			return out, backoff.Permanent(err)
		}
		return out, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(patience))
}
