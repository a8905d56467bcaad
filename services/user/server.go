// Package user keeps personas and lets simulated people live and judge: the
// PersonaService over a store, and the UserAgentService over sessions in memory.
// Drivers plan, judge and compile rubrics (services/user/driver).
package user

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/planner"
)

// Config says where added personas are kept, and who plays the roles.
type Config struct {
	// DSN is a path, "sqlite:PATH", "postgres://..." or ":memory:".
	DSN string
	// Planners plan the days. The zero value is the embedded planner.
	Planners driver.Planners
	// Judges judge. The zero value is the exact judge.
	Judges driver.Judges
	// Compilers read rubrics. The zero value is the embedded compiler. The
	// built-in people are always read by the embedded one, so that they are the
	// same everywhere and a start needs no model.
	Compilers driver.Compilers
	// Metrics gets the figures of the store; nil for none.
	Metrics prometheus.Registerer
	// Logger may be nil.
	Logger *zap.Logger
}

// Server implements both services of the user.
type Server struct {
	personas *personas
	agents   *agents
}

// New opens the store and compiles the built-in personas. Errors are those of
// store.Open, or name a built-in persona that cannot be read.
func New(cfg Config) (*Server, error) {
	if cfg.Planners.New == nil {
		cfg.Planners = planner.Drivers()
	}
	if cfg.Judges.New == nil {
		cfg.Judges = driver.ExactJudges()
	}
	if cfg.Compilers.Compiler == nil {
		cfg.Compilers = driver.EmbeddedCompiler()
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	ctx := context.Background()
	known, err := builtin(ctx, driver.EmbeddedCompiler().Compiler)
	if err != nil {
		return nil, err
	}
	people, err := openPeople(ctx, cfg.DSN, known)
	if err != nil {
		return nil, err
	}
	if err := people.db.Measure(cfg.Metrics, "users"); err != nil {
		return nil, errors.Join(err, people.close())
	}
	return &Server{
		personas: &personas{people: people, compilers: cfg.Compilers},
		agents:   newAgents(cfg.Logger, drivers{planners: cfg.Planners, judges: cfg.Judges}),
	}, nil
}

// Register adds both services to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	userv1.RegisterPersonaServiceServer(r, s.personas)
	userv1.RegisterUserAgentServiceServer(r, s.agents)
}

// Run blocks until ctx is done: the service only answers calls.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Close closes the store.
func (s *Server) Close() error { return s.personas.people.close() }
