package environment

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/journal"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/environment/conduct"
	"github.com/propersim/propersim/services/environment/watch"
	"github.com/propersim/propersim/worlds"
)

// Config says where the journal is and how runs are conducted.
type Config struct {
	// DSN of the journal: a path, "sqlite:PATH", "postgres://..." or ":memory:".
	DSN string
	// Parallel is the greatest number of runs that this process conducts at once; 0
	// means 32.
	Parallel int
	// Version of the program, recorded with every run.
	Version string
	// Retry is the first pause after a service did not answer; pauses grow to fifty
	// times that. 0 means 100 ms.
	Retry time.Duration
	// GiveUp is how long a run waits for a service that does not answer before it
	// fails, so that ResumeRun can continue it; 0 means without end.
	GiveUp time.Duration
	// UserTimeout and AssistantTimeout bound one call of the user and of the
	// assistant, and an opening of a session in which nothing moves. 0 means the
	// default of the connection.
	UserTimeout, AssistantTimeout time.Duration
	// LeaseTTL is how long a run stays with a process that no longer renews its
	// lease; leases are renewed four times as often. 0 means 20 s.
	LeaseTTL time.Duration
	// Poll is the time between two looks at what other processes do with the runs
	// of the journal; 0 means 1 s.
	Poll time.Duration
	// WatchPatience is how long a watcher may leave its stream unread before the
	// stream ends; 0 means 30 s.
	WatchPatience time.Duration
	// Worlds are the worlds that runs can have; nil means those of the program.
	Worlds []*simv1.World
	// Logger gets what happens to runs; nil means none.
	Logger *zap.Logger
	// Metrics is where the metrics are registered; nil means nowhere.
	Metrics prometheus.Registerer
	// Tracer gets a trace of every step; nil means none.
	Tracer trace.TracerProvider
	// Now is the wall clock for creation times; nil means time.Now. It decides no
	// result.
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

	cfg       Config
	holder    string // of the leases of this process
	personas  userv1.PersonaServiceClient
	log       *zap.Logger
	journal   *journal.Journal
	worlds    []*simv1.World // by id
	slots     *semaphore.Weighted
	conductor *conduct.Conductor
	watchers  *watch.Watchers
	lost      prometheus.Counter // leases

	mu    sync.Mutex
	runs  map[string]*run // guarded by mu
	order []*run          // by position; guarded by mu
	ctx   context.Context // set while Run works; guarded by mu
	going sync.WaitGroup  // goroutines of launched runs

	launched  atomic.Int64 // runs that are conducted or wait for a place
	following sync.Mutex   // one follow at a time
}

// New opens the journal and reads which runs there are; nothing is conducted
// before Run. Errors are those of the journal.
func New(cfg Config, clients Clients) (*Server, error) {
	cfg.setDefaults()
	s := &Server{cfg: cfg, holder: journal.NewHolder(), personas: clients.Personas, log: cfg.Logger, worlds: cfg.Worlds,
		slots: semaphore.NewWeighted(int64(cfg.Parallel)), runs: map[string]*run{}}
	var err error
	if s.worlds == nil {
		if s.worlds, err = worlds.All(); err != nil {
			return nil, err
		}
	}
	ctx := context.Background()
	if s.journal, err = journal.New(ctx, cfg.DSN); err != nil {
		return nil, err
	}
	if err := errors.Join(s.build(clients), s.follow(ctx)); err != nil {
		return nil, errors.Join(err, s.journal.Close())
	}
	return s, nil
}

func (c *Config) setDefaults() {
	if c.Parallel <= 0 {
		c.Parallel = 32
	}
	if c.LeaseTTL <= 0 {
		c.LeaseTTL = journal.LeaseTTL
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// build makes the parts that work on the journal.
func (s *Server) build(clients Clients) (err error) {
	s.conductor, err = conduct.New(
		conduct.Config{Retry: s.cfg.Retry, GiveUp: s.cfg.GiveUp, UserTimeout: s.cfg.UserTimeout, AssistantTimeout: s.cfg.AssistantTimeout},
		conduct.Deps{Journal: s.journal, Users: clients.Users, Assistants: clients.Assistants, Buffer: clients.Buffer, Trainer: clients.Trainer,
			Logger: s.log, Tracer: s.cfg.Tracer, Registry: s.cfg.Metrics})
	if err != nil {
		return err
	}
	busy := func() bool { return s.launched.Load() > 0 }
	if s.watchers, err = watch.New(s.journal, s.cfg.WatchPatience, busy, s.cfg.Metrics); err != nil {
		return err
	}
	return s.measure(s.cfg.Metrics)
}

// Register registers RunService and WorldService.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	environmentv1.RegisterRunServiceServer(r, s)
	environmentv1.RegisterWorldServiceServer(r, s)
}

// Run conducts the runs until ctx is done. Runs that were in progress when the
// service last ended continue by themselves. When it returns, everything
// acknowledged is in the journal, and other processes can take the runs over.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	var loops sync.WaitGroup
	loops.Go(func() { s.followLoop(ctx) })
	loops.Go(func() { s.renewLoop(ctx) })
	loops.Wait()
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.going.Wait()
	return nil
}

// Close closes the journal, after Run has returned.
func (s *Server) Close() error { return s.journal.Close() }
