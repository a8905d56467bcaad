package assistant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
)

// Server is the assistant service. Safe for concurrent use; calls of one run
// are taken one at a time.
type Server struct {
	assistantv1.UnimplementedAssistantServiceServer
	retrieval   retrievalv1.RetrievalServiceClient
	maxSessions int

	mu       sync.RWMutex
	sessions map[string]*session // by run; guarded by mu
}

// New returns a server that finds similar moments through retrieval. It returns
// errs.ErrInvalid for an impossible configuration.
func New(cfg Config, retrieval retrievalv1.RetrievalServiceClient) (*Server, error) {
	limit, err := cfg.maxSessions()
	if err != nil {
		return nil, err
	}
	if retrieval == nil {
		return nil, errs.Invalid("retrieval", "is missing, want a client of the retrieval service")
	}
	return &Server{retrieval: retrieval, maxSessions: limit, sessions: map[string]*session{}}, nil
}

// Register registers AssistantService.
func (s *Server) Register(r grpc.ServiceRegistrar) { assistantv1.RegisterAssistantServiceServer(r, s) }

// Run blocks until ctx is done; the service has no work of its own.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Close forgets every session.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
	return nil
}

func (s *Server) session(run string) (*session, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.sessions[run]
	if !ok {
		return nil, noSession(run)
	}
	return found, nil
}

// OpenSession starts or replaces the session of a run. errs.ErrInvalid for a
// method that is not ours, settings that the method may not have, and steps out
// of order or with content that the method may not see.
func (s *Server) OpenSession(stream grpc.ClientStreamingServer[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return errs.Invalid("part", "the stream is empty, want start and then history")
	}
	if err != nil {
		return err
	}
	if first.GetStart() == nil {
		return errs.Invalid("part", "the first message must be start")
	}
	opened, err := newSession(first.GetStart(), s.retrieval)
	if err != nil {
		return err
	}
	for {
		next, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if next.GetHistory() == nil {
			return errs.Invalid("part", "every message after the first must be history")
		}
		if err := opened.replay(next.GetHistory().GetSteps()); err != nil {
			return err
		}
	}
	if err := opened.ready(stream.Context()); err != nil {
		return err
	}
	if err := s.keep(opened); err != nil {
		return err
	}
	return stream.SendAndClose(&assistantv1.OpenSessionResponse{LastStep: opened.last})
}

func (s *Server) keep(opened *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, replaces := s.sessions[opened.run]; !replaces && len(s.sessions) >= s.maxSessions {
		return fmt.Errorf("%d sessions are open, at most %d may be: %w", len(s.sessions), s.maxSessions, errs.ErrExhausted)
	}
	s.sessions[opened.run] = opened
	return nil
}

// Recommend returns candidates for a step. errs.ErrNotFound without a session,
// errs.ErrPrecondition when it stands elsewhere, and the retrieval service's
// error where similar moments could not be found.
func (s *Server) Recommend(ctx context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	found, err := s.session(req.GetRunId())
	if err != nil {
		return nil, err
	}
	return found.recommend(ctx, req)
}

// Observe folds in a committed step; one already observed is a no-op. Errors as
// Recommend, and errs.ErrInvalid for content that the method may not see.
func (s *Server) Observe(ctx context.Context, req *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
	found, err := s.session(req.GetRunId())
	if err != nil {
		return nil, err
	}
	if err := found.observe(ctx, req.GetLastStep(), req.GetPast()); err != nil {
		return nil, err
	}
	return &assistantv1.ObserveResponse{}, nil
}

// UseAdapter puts an adapter in force. errs.ErrInvalid for weights that do not
// fit the policy, and for a method without a policy.
func (s *Server) UseAdapter(_ context.Context, req *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error) {
	found, err := s.session(req.GetRunId())
	if err != nil {
		return nil, err
	}
	if err := found.useAdapter(req.GetAdapter()); err != nil {
		return nil, err
	}
	return &assistantv1.UseAdapterResponse{}, nil
}

// CloseSession forgets a session; an unknown one is a no-op.
func (s *Server) CloseSession(_ context.Context, req *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, req.GetRunId())
	return &assistantv1.CloseSessionResponse{}, nil
}
