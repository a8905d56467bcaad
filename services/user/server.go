// Package user keeps personas and lets simulated people live and judge: the
// PersonaService over a store, and the UserAgentService over sessions in
// memory, planned by services/user/planner and judged by pkg/judge.
package user

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// Config says where added personas are kept.
type Config struct {
	// DSN is a path, "sqlite:PATH", "postgres://..." or ":memory:".
	DSN string
	// Metrics gets the figures of the store; nil means nobody looks.
	Metrics prometheus.Registerer
	// Logger may be nil.
	Logger *zap.Logger
}

// Server implements both services of the user.
type Server struct {
	people *people
	agents *agents
}

// New opens the store and reads the built-in personas. Errors are those of
// store.Open, or name a built-in persona that cannot be read.
func New(cfg Config) (*Server, error) {
	log := cfg.Logger
	if log == nil {
		log = zap.NewNop()
	}
	people, err := openPeople(context.Background(), cfg.DSN)
	if err != nil {
		return nil, err
	}
	if err := people.db.Measure(cfg.Metrics, "users"); err != nil {
		return nil, errors.Join(err, people.close())
	}
	return &Server{people: people, agents: newAgents(log)}, nil
}

// Register adds both services to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	userv1.RegisterPersonaServiceServer(r, s.people)
	userv1.RegisterUserAgentServiceServer(r, s.agents)
}

// Run blocks until ctx is done: the service does nothing of its own accord.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Close closes the store.
func (s *Server) Close() error { return s.people.close() }
