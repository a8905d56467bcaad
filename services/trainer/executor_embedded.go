package trainer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

const (
	// patience is how long a job waits for a buffer that cannot be reached before it
	// fails.
	patience = 10 * time.Minute
	// drawing is the timeout of one draw of pairs for the embedded executor.
	drawing = 2 * time.Minute
	// embeddedLease is the length of the lease of an embedded job, which is renewed
	// three times within it. A coordinator that dies delays its jobs by so much at
	// the most.
	embeddedLease = time.Minute
)

// train leases and trains one embedded job after the other, and waits when there
// is none.
func (s *Server) train(ctx context.Context, name string) error {
	for ctx.Err() == nil {
		queued := s.queued.wait()
		leased, err := retry(ctx, patience, func() (*record, error) {
			return s.jobs.lease(ctx, leasing{executor: trainerv1.Executor_EXECUTOR_EMBEDDED, worker: name, length: embeddedLease})
		})
		if err != nil {
			return fmt.Errorf("trainer: lease a job: %w", err)
		}
		if leased == nil {
			s.idle(ctx, queued)
			continue
		}
		if err := s.trainJob(ctx, leased); err != nil {
			return fmt.Errorf("trainer: job %s: %w", leased.job.GetId(), err)
		}
	}
	return nil
}

// trainJob trains a leased job. The error is one of storing the job; a failure of
// the training ends the job.
func (s *Server) trainJob(ctx context.Context, leased *record) error {
	job := leased.job
	within, stop := s.keepLease(ctx, leased)
	defer stop()
	began := time.Now()
	err := s.night(within, leased)
	s.jobs.metrics.seconds.Observe(time.Since(began).Seconds())
	switch {
	case err == nil, errors.Is(err, errs.ErrLeaseLost):
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // the job is leased again after the next start
	case within.Err() != nil:
		return nil // cancelled, or the lease was lost
	}
	s.log.Warn("training failed", zap.String("job", job.GetId()), zap.String("run", job.GetRunId()), zap.Int32("day", job.GetDay()), zap.Error(err))
	cause := err
	_, err = retry(ctx, patience, func() (*trainerv1.Job, error) {
		return s.jobs.conclude(ctx, job.GetId(), leased.token, outcomeOf(cause), cause)
	})
	if errors.Is(err, errs.ErrLeaseLost) {
		return nil
	}
	return err
}

// errRejected marks a training whose result is not fit for use.
var errRejected = errors.New("rejected")

// outcomeOf is the state that an error ends a job in.
func outcomeOf(err error) trainerv1.JobState {
	if errors.Is(err, errRejected) {
		return trainerv1.JobState_JOB_STATE_REJECTED
	}
	return trainerv1.JobState_JOB_STATE_FAILED
}

// keepLease renews a lease until stop is called. The context that it returns ends
// when the job is cancelled or the lease is lost.
func (s *Server) keepLease(ctx context.Context, leased *record) (within context.Context, stop func()) {
	within, cancel := context.WithCancel(ctx)
	watcher, unwatch := s.jobs.watchers.watch(leased.job.GetId())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer unwatch()
		renew := time.NewTicker(embeddedLease / 3)
		defer renew.Stop()
		for {
			select {
			case <-within.Done():
				return
			case <-watcher.signal:
				if taken := watcher.take(); len(taken) > 0 && taken[len(taken)-1].job.GetState() == trainerv1.JobState_JOB_STATE_CANCELLED {
					cancel()
				}
			case <-renew.C:
				_, err := s.jobs.changeHeld(within, leased.job.GetId(), leased.token, func(_ *sql.Tx, r *record) error {
					r.leaseUntil = r.now.Add(embeddedLease)
					return nil
				})
				if errors.Is(err, errs.ErrLeaseLost) {
					cancel()
				}
			}
		}
	}()
	return within, func() {
		cancel()
		<-done
	}
}

// night draws the pairs, trains the parent on them and hands over the result.
func (s *Server) night(ctx context.Context, leased *record) error {
	job := leased.job
	parent, err := s.parent(job)
	if err != nil {
		return err
	}
	drawn, err := retry(ctx, patience, func() (*draw, error) { return s.drawPairs(ctx, job) })
	if err != nil {
		return err
	}
	s.jobs.metrics.pairs.Observe(float64(len(drawn.pairs)))
	child, metrics, err := policy.Train(parent, drawn.pairs, job.GetHyperparameters(), job.GetSeed())
	if errors.Is(err, errs.ErrInternal) {
		return fmt.Errorf("%w: %w", errRejected, err) // weights that are not finite
	}
	if err != nil {
		return err
	}
	weights := child.Weights()
	result := &result{metrics: metrics, policy: policy.Name, digest: drawn.header.GetDigest(), files: []*trainerv1.ArtifactFile{artifact.Describe(artifact.ModelFile, weights)}}
	_, err = retry(ctx, patience, func() (*record, error) { return s.handIn(ctx, leased, result, weights) })
	return err
}

// handIn uploads weights that are in memory.
func (s *Server) handIn(ctx context.Context, leased *record, result *result, weights []byte) (_ *record, err error) {
	upload, err := s.store.Upload(result.files)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, upload.Close()) }()
	if err := artifact.Chunks(result.files, map[string][]byte{artifact.ModelFile: weights}, upload.Write); err != nil {
		return nil, err
	}
	return s.trained(ctx, leased, upload, result)
}

// parent is the policy to train from.
func (s *Server) parent(job *trainerv1.Job) (*policy.Policy, error) {
	if job.GetParentAdapter() == "" {
		return policy.Base(), nil
	}
	m, err := s.store.Manifest(job.GetParentAdapter())
	if err != nil {
		return nil, fmt.Errorf("parent: %w", err)
	}
	p, err := s.loadPolicy(m)
	if err != nil {
		return nil, fmt.Errorf("parent: %w", err)
	}
	return p, nil
}

// errNoPairs is the reason of a job whose run has no pairs yet.
var errNoPairs = errors.New("no pairs to train on")

// draw is a whole draw of pairs.
type draw struct {
	header *bufferv1.SampleHeader
	pairs  []*bufferv1.PreferencePair
}

// drawPairs draws a job's pairs.
func (s *Server) drawPairs(ctx context.Context, job *trainerv1.Job) (*draw, error) {
	ctx, cancel := context.WithTimeout(ctx, drawing)
	defer cancel()
	out := &draw{}
	err := s.sample(ctx, job, func(header *bufferv1.SampleHeader) error {
		out.header, out.pairs = header, make([]*bufferv1.PreferencePair, 0, min(header.GetCount(), job.GetHyperparameters().GetPairs()))
		return nil
	}, func(batch *bufferv1.PairBatch) error {
		out.pairs = append(out.pairs, batch.GetPairs()...)
		return nil
	})
	return out, err
}

// sample passes the drawn pairs of a job on as they come: first the header, then
// batches. errNoPairs when there are none. A draw that differs from the one the
// job had before is an ErrDataLoss: the buffer has lost or changed pairs.
func (s *Server) sample(ctx context.Context, job *trainerv1.Job, header func(*bufferv1.SampleHeader) error, batch func(*bufferv1.PairBatch) error) error {
	hp := job.GetHyperparameters()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.buffer.Sample(ctx, &bufferv1.SampleRequest{
		RunId: job.GetRunId(), Count: hp.GetPairs(), Seed: job.GetSeed(), ThroughDay: job.GetDay(), Draw: hp.GetDraw(), HalfLifeDays: hp.GetHalfLifeDays(),
	})
	if err != nil {
		return fmt.Errorf("draw pairs: %w", err)
	}
	left := int32(-1) // pairs that are still to come; -1 before the header
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) && left != 0 {
			return fmt.Errorf("draw pairs: the buffer ended the stream %d pairs early: %w", left, errs.ErrDataLoss)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("draw pairs: %w", err)
		}
		if h := part.GetHeader(); h != nil {
			if err := checkDraw(job, h); err != nil {
				return err
			}
			left = h.GetCount()
			err = header(h)
		} else {
			left -= int32(len(part.GetBatch().GetPairs()))
			err = batch(part.GetBatch())
		}
		if err != nil {
			return err
		}
	}
}

func checkDraw(job *trainerv1.Job, h *bufferv1.SampleHeader) error {
	if h.GetCount() == 0 {
		return errNoPairs
	}
	if job.GetDataDigest() != "" && job.GetDataDigest() != h.GetDigest() {
		return fmt.Errorf("the buffer gives pairs with digest %s, gave %s before: %w", h.GetDigest(), job.GetDataDigest(), errs.ErrDataLoss)
	}
	return nil
}

// retry repeats a call that failed with a transient error, for as long as patience is.
func retry[T any](ctx context.Context, patience time.Duration, op func() (T, error)) (T, error) {
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
