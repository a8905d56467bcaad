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
	log *zap.Logger

	mu       sync.RWMutex
	sessions map[string]*session // guarded by mu
}

func newAgents(log *zap.Logger) *agents {
	return &agents{log: log, sessions: map[string]*session{}}
}

// find returns the session of a run; ErrNotFound for an unknown one.
func (a *agents) find(runID string) (*session, error) {
	a.mu.RLock()
	s := a.sessions[runID]
	a.mu.RUnlock()
	if s == nil {
		return nil, fmt.Errorf("run %q has no session here: %w", runID, errs.ErrNotFound)
	}
	return s, nil
}

// OpenSession implements UserAgentService. The session of the run, if any,
// stays in force until the whole stream was read.
func (a *agents) OpenSession(stream grpc.ClientStreamingServer[userv1.OpenSessionRequest, userv1.OpenSessionResponse]) error {
	s, err := openSession(stream)
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
func (a *agents) Act(_ context.Context, req *userv1.ActRequest) (*userv1.ActResponse, error) {
	s, err := a.find(req.GetRunId())
	if err != nil {
		return nil, err
	}
	action, seen, err := s.act(req.GetStep(), req.GetLastStep())
	if err != nil {
		return nil, err
	}
	return &userv1.ActResponse{Action: action, Observation: seen}, nil
}

// Evaluate implements UserAgentService.
func (a *agents) Evaluate(_ context.Context, req *userv1.EvaluateRequest) (*userv1.EvaluateResponse, error) {
	s, err := a.find(req.GetRunId())
	if err != nil {
		return nil, err
	}
	return s.evaluate(req)
}

// Observe implements UserAgentService.
func (a *agents) Observe(_ context.Context, req *userv1.ObserveRequest) (*userv1.ObserveResponse, error) {
	s, err := a.find(req.GetRunId())
	if err != nil {
		return nil, err
	}
	if err := s.observe(req.GetPast(), req.GetLastStep()); err != nil {
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
