// Package environment conducts runs: it keeps the clock and the world, leads
// every step from the user's action to the commit, and keeps the journal. It
// calls the other services; none of them calls it.
package environment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/internal/slowreader"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/worlds"
)

// Config says where the journal is and how many runs go on at once.
type Config struct {
	// DSN of the journal: a path, "sqlite:PATH", "postgres://..." or ":memory:".
	DSN string
	// Parallel is the greatest number of runs that go on at once; 0 means 32.
	Parallel int
	// Version of the program, recorded with every run.
	Version string
	// Hold leaves the runs of the journal where they are until ResumeRun, for
	// commands that only read. New runs start all the same.
	Hold bool
	// Retry is the first pause after a service did not answer; it grows to
	// fifty times that. 0 means 100 ms.
	Retry time.Duration
	// WatchPatience is how long a watcher may leave its stream unread before it is
	// cut; 0 means 30 s.
	WatchPatience time.Duration
	// Worlds are the places there are; nil means those of the program.
	Worlds []*simv1.World
	// Logger gets what happens to runs; nil means none.
	Logger *zap.Logger
	// Metrics gets what the service counts; nil means nobody looks.
	Metrics prometheus.Registerer
	// Tracer gets a trace of every step; nil means none.
	Tracer trace.TracerProvider
	// Now is the wall clock for creation times; nil means time.Now. It decides
	// no result.
	Now func() time.Time
}

// Clients are the services that a run needs.
type Clients struct {
	Personas   userv1.PersonaServiceClient
	Users      userv1.UserAgentServiceClient
	Assistants assistantv1.AssistantServiceClient
	Buffer     bufferv1.PreferenceBufferServiceClient
	Trainer    trainerv1.TrainerServiceClient
}

// Server is the environment: RunService and WorldService.
type Server struct {
	environmentv1.UnimplementedRunServiceServer
	environmentv1.UnimplementedWorldServiceServer

	cfg     Config
	clients Clients
	log     *zap.Logger
	journal *journal.Journal
	worlds  []*simv1.World // by id
	slots   *semaphore.Weighted
	metrics *metrics
	tracer  trace.Tracer // nil without traces

	watchdog *slowreader.Watchdog
	pacer    *pacer
	pages    *pages

	mu    sync.Mutex
	runs  map[string]*run // guarded by mu
	order []*run          // in the order of creation; guarded by mu
	ctx   context.Context // set while Run goes on; guarded by mu
	going sync.WaitGroup  // the conducted runs

	conducted atomic.Int64 // how many runs go on
}

// New opens the journal and reads which runs there are; nothing goes on before
// Run. Errors are those of the journal.
func New(cfg Config, clients Clients) (*Server, error) {
	if cfg.Parallel <= 0 {
		cfg.Parallel = 32
	}
	if cfg.Retry <= 0 {
		cfg.Retry = 100 * time.Millisecond
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{cfg: cfg, clients: clients, log: cfg.Logger, worlds: cfg.Worlds,
		slots: semaphore.NewWeighted(int64(cfg.Parallel)), runs: map[string]*run{},
		watchdog: slowreader.New(cfg.WatchPatience)}
	s.pacer = newPacer(func() bool { return s.conducted.Load() > 0 })
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if cfg.Tracer != nil {
		s.tracer = cfg.Tracer.Tracer(instrumentation)
	}
	var err error
	if s.metrics, err = newMetrics(cfg.Metrics); err != nil {
		return nil, err
	}
	if s.worlds == nil {
		if s.worlds, err = worlds.All(); err != nil {
			return nil, err
		}
	}
	ctx := context.Background()
	if s.journal, err = journal.New(ctx, cfg.DSN); err != nil {
		return nil, err
	}
	s.pages = newPages(s.journal)
	if err := errors.Join(s.load(ctx), s.measure(cfg.Metrics)); err != nil {
		_ = s.journal.Close()
		return nil, err
	}
	return s, nil
}

// measure counts the runs and what the journal does.
func (s *Server) measure(registry prometheus.Registerer) error {
	if registry == nil {
		return nil
	}
	return errors.Join(registry.Register(newRunStates(s)), s.journal.Measure(registry))
}

func (s *Server) load(ctx context.Context) error {
	stored, err := s.journal.Runs(ctx)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for _, one := range stored {
		r := newRun(one)
		if s.cfg.Hold && !over(r.state) && r.state != environmentv1.RunState_RUN_STATE_PAUSED {
			r.state, r.reason = environmentv1.RunState_RUN_STATE_PAUSED, "held at the start of the service"
		}
		s.runs[r.id] = r
		s.order = append(s.order, r)
	}
	return nil
}

// Register registers RunService and WorldService.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	environmentv1.RegisterRunServiceServer(r, s)
	environmentv1.RegisterWorldServiceServer(r, s)
}

// Run conducts the runs until ctx is done. Those that were on their way when
// the service last ended go on by themselves. Everything acknowledged is in the
// journal when it returns.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	for _, r := range s.order {
		if r.current() == environmentv1.RunState_RUN_STATE_QUEUED {
			s.launch(r)
		}
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.going.Wait()
	return nil
}

// Close closes the journal, after Run has returned.
func (s *Server) Close() error { return s.journal.Close() }
