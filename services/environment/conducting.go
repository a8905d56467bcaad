package environment

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/conduct"
	"github.com/propersim/propersim/services/environment/live"
)

// recordTimeout bounds what is written when a run stops, so that a database that
// does not answer cannot keep the service from ending.
const recordTimeout = 10 * time.Second

// launch conducts a run as soon as there is a place for it, while the service
// works. A run that is dedicated to another process is left to it.
func (s *Server) launch(r *run) {
	if !r.ours() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return // follow launches it once Run works
	}
	ctx, cut := context.WithCancel(s.ctx)
	halt, stop := context.WithCancel(ctx)
	if !r.begin(stop, cut) {
		stop()
		cut()
		return
	}
	s.going.Add(1)
	s.launched.Add(1)
	go func() {
		defer s.going.Done()
		defer s.launched.Add(-1)
		defer cut()
		defer r.end()
		if s.slots.Acquire(halt, 1) != nil {
			return
		}
		defer s.slots.Release(1)
		s.conduct(ctx, halt, r)
	}()
}

// conduct acquires the lease of a run, conducts it, and records how it ended.
func (s *Server) conduct(ctx, halt context.Context, r *run) {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-halt.Done():
		return
	}
	lease, err := s.claim(halt, r)
	if err != nil {
		if halt.Err() == nil {
			s.log.Warn("the lease of a run could not be acquired", zap.String("run", r.ID()), zap.Error(err))
		}
		return // follow launches it again while it is queued
	}
	if lease == nil {
		return
	}
	if wish := lease.Wish(); wish != environmentv1.RunState_RUN_STATE_UNSPECIFIED {
		r.stop(wish) // asked of a conductor that has ended
	}
	s.conclude(r, s.conductor.Conduct(ctx, halt, r.Run, lease))
}

// claim acquires the lease of a run that is still to be conducted. It returns
// nil where another process conducts it, or where it no longer needs a conductor.
func (s *Server) claim(ctx context.Context, r *run) (*journal.Lease, error) {
	lease, err := s.journal.Acquire(ctx, r.ID(), s.holder, s.cfg.LeaseTTL)
	var held *journal.HeldError
	if errors.As(err, &held) {
		r.SetConductor(held.Holder, held.Until)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Another process may have ended it since this one last looked.
	stored, err := s.journal.Run(ctx, r.ID())
	if err != nil || !live.Active(stored.GetState()) {
		s.release(lease)
		return nil, err
	}
	r.Extend(stored.GetConfig().GetDays()) // another process may have extended it
	r.recording.Lock()
	r.shown = shown{stored.GetState(), stored.GetReason()}
	r.hold(lease)
	r.recording.Unlock()
	r.Publish(stored.GetProgress())
	r.SetConductor(s.holder, lease.Until())
	return lease, nil
}

// conclude records the state in which a run stopped, and releases its lease.
func (s *Server) conclude(r *run, err error) {
	r.recording.Lock()
	defer r.recording.Unlock()
	lease := r.held()
	defer r.hold(nil)
	target, lost := r.halted()
	if lost || errors.Is(err, errs.ErrLeaseLost) {
		s.giveUp(r, lease, err)
		return
	}
	state, reason := environmentv1.RunState_RUN_STATE_FINISHED, ""
	switch {
	case err == nil:
	case errors.Is(err, conduct.ErrHalted):
		if state = target; state == environmentv1.RunState_RUN_STATE_UNSPECIFIED { // the service ends
			s.release(lease)
			s.withdraw(r)
			return
		}
	case errors.Is(err, errs.ErrBudgetSpent):
		state, reason = environmentv1.RunState_RUN_STATE_PAUSED, errs.Reason(err)
	default:
		state, reason = environmentv1.RunState_RUN_STATE_FAILED, errs.Reason(err)
		s.log.Warn("run failed", zap.String("run", r.ID()), zap.Error(err))
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout) // also while the service ends
	defer cancel()
	if state == environmentv1.RunState_RUN_STATE_FINISHED {
		s.conductor.CloseSessions(ctx, r.Run)
	}
	err = s.journal.SetState(ctx, lease, state, reason, r.Progress())
	if errors.Is(err, errs.ErrLeaseLost) { // after its last step; who asked for the state asks the new conductor
		s.giveUp(r, lease, err)
		return
	}
	if err != nil {
		s.log.Error("the state of a run was not recorded", zap.String("run", r.ID()), zap.String("state", live.Word(state)), zap.Error(err))
		r.fail(err)
		s.release(lease)
		if state == environmentv1.RunState_RUN_STATE_FAILED {
			r.fall(reason) // launched again it would fail again, and so on
			return
		}
		s.withdraw(r)
		return
	}
	s.release(lease)
	r.SetConductor("", time.Time{})
	r.Set(state, reason)
}

// giveUp leaves a run to the process that took it over.
func (s *Server) giveUp(r *run, lease *journal.Lease, err error) {
	s.lost.Inc()
	s.log.Warn("the lease of a run is lost: another process conducts it", zap.String("run", r.ID()), zap.Error(err))
	s.release(lease) // a no-op unless the lease was lost in error
	s.withdraw(r)
}

// withdraw shows a run that this process no longer conducts as queued, until
// follow knows better.
func (s *Server) withdraw(r *run) {
	r.SetConductor("", time.Time{})
	r.Set(environmentv1.RunState_RUN_STATE_QUEUED, "")
}

// release lets other processes acquire a run at once. A lease that cannot be
// released expires.
func (s *Server) release(lease *journal.Lease) {
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	if err := lease.Release(ctx); err != nil {
		s.log.Warn("a lease was not released; it expires", zap.String("run", lease.Run()), zap.Time("until", lease.Until()), zap.Error(err))
	}
}
