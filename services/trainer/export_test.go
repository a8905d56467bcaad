package trainer

import (
	"context"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Advance takes a job one commit further, as Run would do, and returns the state
// that it is in then. It is for tests that stop between two states.
func (s *Server) Advance(ctx context.Context, id string) (trainerv1.JobState, error) {
	r, err := s.jobs.get(ctx, id)
	if err != nil {
		return 0, err
	}
	switch r.job.GetState() {
	case trainerv1.JobState_JOB_STATE_QUEUED:
		r, err = s.jobs.lease(ctx, leasing{executor: r.job.GetExecutor(), worker: s.holder(0), length: embeddedLease})
	case trainerv1.JobState_JOB_STATE_LEASED:
		// What a restart does with the lease of a dead process, and the training.
		if err = s.recover(ctx); err == nil {
			r, err = s.jobs.lease(ctx, leasing{executor: r.job.GetExecutor(), worker: s.holder(0), length: embeddedLease})
		}
		if err == nil {
			err = s.night(ctx, r)
		}
		if err == nil {
			r, err = s.jobs.get(ctx, id)
		}
	default:
		r, err = s.advance(ctx, r)
	}
	return r.state(), err
}

func (r *record) state() trainerv1.JobState {
	if r == nil {
		return trainerv1.JobState_JOB_STATE_UNSPECIFIED
	}
	return r.job.GetState()
}

// ErrMoved is what Advance returns for a job that is final.
var ErrMoved = errMoved

// Mark marks what nothing needs, as a collection does that ends in a crash before it
// has removed anything.
func (s *Server) Mark(ctx context.Context) error { return s.jobs.mark(ctx, s.cfg.Keep) }

// FailUnwanted fails the jobs for which no worker was there for too long, as Run does
// from time to time.
func (s *Server) FailUnwanted(ctx context.Context) error { return s.failUnwanted(ctx) }
