package environment

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// ExtendRun implements RunService.
func (s *Server) ExtendRun(ctx context.Context, req *environmentv1.ExtendRunRequest) (*environmentv1.ExtendRunResponse, error) {
	r, err := s.run(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.extend(ctx, r, req.GetDays()); err != nil {
		return nil, err
	}
	s.launch(r)
	return &environmentv1.ExtendRunResponse{Run: r.View()}, nil
}

// extend records more days under a lease of its own, so that nobody conducts the
// run meanwhile.
func (s *Server) extend(ctx context.Context, r *run, days int32) error {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	default:
		return fmt.Errorf("run %s is conducted by this process: pause it first: %w", r.ID(), errs.ErrPrecondition)
	}
	lease, err := s.journal.Acquire(ctx, r.ID(), s.holder, s.cfg.LeaseTTL)
	if err != nil {
		return err // of a run that another process conducts, it says which
	}
	defer s.release(lease)
	stored, err := s.journal.Run(ctx, r.ID())
	if err != nil {
		return err
	}
	before := stored.GetConfig().GetDays()
	switch {
	case days < before:
		return errs.Invalid("days", "found %d, want at least the %d that the run has", days, before)
	case stored.GetState() == cancelled:
		return fmt.Errorf("run %s is %s: %w", r.ID(), live.Word(cancelled), errs.ErrPrecondition)
	case days == before:
		r.Extend(days)
		return nil
	}
	progress := proto.CloneOf(stored.GetProgress())
	progress.StepsTotal = days * simtime.Scale(stored.GetConfig().GetStepSeconds()).StepsPerDay()
	progress.Day = simtime.Scale(stored.GetConfig().GetStepSeconds()).Day(progress.GetSteps())
	if err := s.journal.Extend(ctx, lease, days, progress); err != nil {
		return err
	}
	r.Extend(days)
	r.show(queued, "", progress)
	return nil
}
