package environment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

const (
	queued    = environmentv1.RunState_RUN_STATE_QUEUED
	paused    = environmentv1.RunState_RUN_STATE_PAUSED
	failed    = environmentv1.RunState_RUN_STATE_FAILED
	cancelled = environmentv1.RunState_RUN_STATE_CANCELLED
)

// PauseRun implements RunService.
func (s *Server) PauseRun(ctx context.Context, req *environmentv1.PauseRunRequest) (*environmentv1.PauseRunResponse, error) {
	r, err := s.send(ctx, req.GetId(), paused)
	if err != nil {
		return nil, err
	}
	return &environmentv1.PauseRunResponse{Run: r.View()}, nil
}

// CancelRun implements RunService. It also cancels the training job of the
// present night and closes the sessions; where the trainer does not answer, the
// run is cancelled, and a repeat of the call cancels the job.
func (s *Server) CancelRun(ctx context.Context, req *environmentv1.CancelRunRequest) (*environmentv1.CancelRunResponse, error) {
	r, err := s.send(ctx, req.GetId(), cancelled)
	if err != nil {
		return nil, err
	}
	s.conductor.CloseSessions(ctx, r.Run)
	if err := s.conductor.CancelJobs(ctx, r.Run); err != nil {
		return nil, fmt.Errorf("run %s is cancelled, but its training job may not be: cancel the run again: %w", r.ID(), err)
	}
	return &environmentv1.CancelRunResponse{Run: r.View()}, nil
}

// ResumeRun implements RunService.
func (s *Server) ResumeRun(ctx context.Context, req *environmentv1.ResumeRunRequest) (*environmentv1.ResumeRunResponse, error) {
	r, err := s.send(ctx, req.GetId(), queued)
	if err != nil {
		return nil, err
	}
	s.launch(r)
	return &environmentv1.ResumeRunResponse{Run: r.View()}, nil
}

// permitted reports whether a call may send a run from one state to another, and
// whether there is anything to do.
func permitted(id string, from, to environmentv1.RunState) (necessary bool, err error) {
	forbidden := live.Final(from) && from != to
	if to == paused && live.Ended(from) {
		forbidden = true
	}
	if forbidden {
		return false, fmt.Errorf("run %s is %s: %w", id, live.Word(from), errs.ErrPrecondition)
	}
	if to == queued {
		return !live.Active(from), nil
	}
	return from != to, nil
}

// send sends a run to a state: paused, cancelled, or queued again. A run in
// progress ends after its present step. It returns when the state is recorded,
// whichever process conducts the run; ErrDeadline or ErrCanceled when the caller
// does not wait so long.
func (s *Server) send(ctx context.Context, id string, to environmentv1.RunState) (*run, error) {
	r, err := s.run(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.held() == nil { // another process may have changed it
		if err := s.follow(ctx); err != nil {
			return nil, err
		}
	}
	for {
		necessary, err := permitted(id, r.State(), to)
		if err != nil || !necessary {
			return r, err
		}
		if to != queued {
			if done := r.stop(to); done != nil {
				if err := wait(ctx, done, 0); err != nil {
					return nil, err
				}
				if err := r.failure(); err != nil {
					return nil, err
				}
				continue // it may have come to its end in the meantime
			}
		}
		if err := s.sendIdle(ctx, r, to); err != nil {
			return nil, err
		}
	}
}

// sendIdle sends a run to a state that this process does not conduct: under a
// lease of its own, or by asking its conductor.
func (s *Server) sendIdle(ctx context.Context, r *run, to environmentv1.RunState) error {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	default: // launched in this process meanwhile
		return wait(ctx, nil, time.Millisecond)
	}
	lease, err := s.journal.Acquire(ctx, r.ID(), s.holder, s.cfg.LeaseTTL)
	var held *journal.HeldError
	if errors.As(err, &held) {
		return s.ask(ctx, r, to)
	}
	if err != nil {
		return err
	}
	defer s.release(lease)
	stored, err := s.journal.Run(ctx, r.ID())
	if err != nil {
		return err
	}
	state, reason := stored.GetState(), stored.GetReason()
	if necessary, err := permitted(r.ID(), state, to); err != nil {
		return err
	} else if necessary {
		err := s.journal.SetState(ctx, lease, to, "", stored.GetProgress())
		if errors.Is(err, errs.ErrLeaseLost) {
			return nil // another process was faster: look again
		}
		if err != nil {
			return err
		}
		state, reason = to, ""
	}
	r.show(state, reason, stored.GetProgress())
	return nil
}

// ask asks the process that conducts a run for a state, and waits a moment for
// it. To resume a run that is about to stop, waiting is enough.
func (s *Server) ask(ctx context.Context, r *run, to environmentv1.RunState) error {
	if to != queued {
		if _, err := s.journal.Wish(ctx, r.ID(), to); err != nil {
			return err
		}
	}
	_, changed := r.News()
	if err := wait(ctx, changed, s.cfg.Poll); err != nil {
		return err
	}
	return s.follow(ctx)
}

// wait waits until done is closed or a time has passed; 0 means without end.
// ErrDeadline or ErrCanceled when ctx is done before.
func wait(ctx context.Context, done <-chan struct{}, at time.Duration) error {
	var timeout <-chan time.Time
	if at > 0 {
		timer := time.NewTimer(at)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-done:
	case <-timeout:
	case <-ctx.Done():
		return errs.FromContext(ctx)
	}
	return nil
}
