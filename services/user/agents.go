package user

import (
	"context"
	"fmt"
	"sync"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// agents implements UserAgentService: the sessions by run.
type agents struct {
	userv1.UnimplementedUserAgentServiceServer
	log     *zap.Logger
	drivers drivers

	mu       sync.RWMutex
	sessions map[string]*session // guarded by mu
}

func newAgents(log *zap.Logger, drivers drivers) *agents {
	return &agents{log: log, drivers: drivers, sessions: map[string]*session{}}
}

// find returns the session of a run; ErrSessionNotFound where none is open.
func (a *agents) find(runID string) (*session, error) {
	a.mu.RLock()
	s := a.sessions[runID]
	a.mu.RUnlock()
	if s == nil {
		return nil, fmt.Errorf("run %q has no open session here: %w", runID, errs.ErrSessionNotFound)
	}
	return s, nil
}

// OpenSession implements UserAgentService. An earlier session of the run stays in
// force until the whole stream was read.
func (a *agents) OpenSession(stream grpc.ClientStreamingServer[userv1.OpenSessionRequest, userv1.OpenSessionResponse]) error {
	s, err := a.drivers.open(stream)
	if err != nil {
		return err
	}
	last := s.history.Last()
	a.mu.Lock()
	a.sessions[s.runID] = s
	a.mu.Unlock()
	a.log.Debug("session opened", zap.String("run", s.runID), zap.Int32("last_step", last))
	return stream.SendAndClose(&userv1.OpenSessionResponse{LastStep: last})
}

// Act implements UserAgentService.
func (a *agents) Act(ctx context.Context, req *userv1.ActRequest) (*userv1.ActResponse, error) {
	s, err := a.find(req.GetRunId())
	if err != nil {
		return nil, err
	}
	answer, err := s.act(ctx, req.GetStep(), req.GetLastStep())
	if err != nil {
		return nil, err
	}
	return &userv1.ActResponse{
		Action: answer.plan.Action, Observation: answer.plan.Observation,
		Calls: answer.effects.Calls, Timings: answer.effects.Timings, Notes: answer.effects.Notes,
	}, nil
}

// Evaluate implements UserAgentService.
func (a *agents) Evaluate(ctx context.Context, req *userv1.EvaluateRequest) (*userv1.EvaluateResponse, error) {
	s, err := a.find(req.GetRunId())
	if err != nil {
		return nil, err
	}
	return s.evaluate(ctx, req)
}

// Observe implements UserAgentService.
func (a *agents) Observe(ctx context.Context, req *userv1.ObserveRequest) (*userv1.ObserveResponse, error) {
	s, err := a.find(req.GetRunId())
	if err != nil {
		return nil, err
	}
	if err := s.observe(ctx, req.GetPast(), req.GetLastStep()); err != nil {
		return nil, err
	}
	return &userv1.ObserveResponse{}, nil
}

// CloseSession implements UserAgentService.
func (a *agents) CloseSession(_ context.Context, req *userv1.CloseSessionRequest) (*userv1.CloseSessionResponse, error) {
	a.mu.Lock()
	delete(a.sessions, req.GetRunId())
	a.mu.Unlock()
	return &userv1.CloseSessionResponse{}, nil
}
