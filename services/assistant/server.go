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
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/assistant/loglinear"
)

// Server is the assistant service. Safe for concurrent use.
type Server struct {
	assistantv1.UnimplementedAssistantServiceServer
	cfg       Config // with defaults
	retrieval retrievalv1.RetrievalServiceClient

	mu       sync.RWMutex
	sessions map[string]*session // by run; guarded by mu
}

// New returns a server. It finds similar moments at retrieval; the embedded policy
// downloads its adapters from trainer. It returns errs.ErrInvalid for an
// impossible configuration.
func New(cfg Config, retrieval retrievalv1.RetrievalServiceClient, trainer trainerv1.TrainerServiceClient) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if retrieval == nil {
		return nil, errs.Invalid("retrieval", "is missing, want a client of the retrieval service")
	}
	if cfg.Policy == nil {
		if cfg.Policy, err = loglinear.New(trainer); err != nil {
			return nil, err
		}
	}
	return &Server{cfg: cfg, retrieval: retrieval, sessions: map[string]*session{}}, nil
}

// Register registers AssistantService.
func (s *Server) Register(r grpc.ServiceRegistrar) { assistantv1.RegisterAssistantServiceServer(r, s) }

// Run blocks until ctx ends; the service has no background work.
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
		return nil, fmt.Errorf("no session of run %q: %w", run, errs.ErrSessionNotFound)
	}
	return found, nil
}

// OpenSession implements AssistantService. It returns errs.ErrInvalid for a method
// or backends that this server does not have, and for steps that are out of order
// or contain what the method may not see; errs.ErrExhausted when too many sessions
// are open; and the errors of the adapter's download and of the retrieval service.
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
	opened, err := s.newSession(stream.Context(), first.GetStart())
	if err != nil {
		return err
	}
	response, err := opened.open(stream)
	if err != nil {
		return err
	}
	if err := s.keep(opened); err != nil {
		return err
	}
	return stream.SendAndClose(response)
}

// open folds in the history of a stream and makes the index agree with it.
func (s *session) open(stream grpc.ClientStreamingServer[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]) (*assistantv1.OpenSessionResponse, error) {
	var ended []*retrievalv1.Point
	reached := int32(-1)
	for {
		next, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if next.GetHistory() == nil {
			return nil, errs.Invalid("part", "every message after the first must be history")
		}
		points, err := s.replay(next.GetHistory().GetSteps(), &reached)
		if err != nil {
			return nil, err
		}
		ended = append(ended, points...)
	}
	out := &assistantv1.OpenSessionResponse{LastStep: s.last}
	if s.moments != nil {
		effects, err := s.index.Rebuild(stream.Context(), ended)
		if err != nil {
			return nil, err
		}
		out.Calls, out.Timings, out.Notes = effects.Calls, effects.Timings, effects.Notes
	}
	return out, nil
}

func (s *Server) keep(opened *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, replaces := s.sessions[opened.run]; !replaces && len(s.sessions) >= s.cfg.MaxSessions {
		return fmt.Errorf("%d sessions are open, at most %d may be: %w", len(s.sessions), s.cfg.MaxSessions, errs.ErrExhausted)
	}
	s.sessions[opened.run] = opened
	return nil
}

// Recommend implements AssistantService. It returns errs.ErrSessionNotFound
// without a session, errs.ErrSessionBehind when it is at another step, and the
// errors of the policy, the summarizer and the retrieval service.
func (s *Server) Recommend(ctx context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	found, err := s.session(req.GetRunId())
	if err != nil {
		return nil, err
	}
	return found.recommend(ctx, req)
}

// Observe implements AssistantService. Errors are those of Recommend, and
// errs.ErrInvalid for content that the method may not see.
func (s *Server) Observe(ctx context.Context, req *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
	found, err := s.session(req.GetRunId())
	if err != nil {
		return nil, err
	}
	effects, err := found.observe(ctx, req.GetLastStep(), req.GetPast())
	if err != nil {
		return nil, err
	}
	return &assistantv1.ObserveResponse{Calls: effects.Calls, Timings: effects.Timings, Notes: effects.Notes}, nil
}

// UseAdapter implements AssistantService. It returns errs.ErrInvalid for an adapter
// that does not fit the policy and for a method without a policy, and the errors
// of the adapter's download.
func (s *Server) UseAdapter(ctx context.Context, req *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error) {
	found, err := s.session(req.GetRunId())
	if err != nil {
		return nil, err
	}
	if err := found.useAdapter(ctx, req.GetAdapter()); err != nil {
		return nil, err
	}
	return &assistantv1.UseAdapterResponse{}, nil
}

// CloseSession implements AssistantService; an unknown session is a no-op.
func (s *Server) CloseSession(_ context.Context, req *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, req.GetRunId())
	return &assistantv1.CloseSessionResponse{}, nil
}
