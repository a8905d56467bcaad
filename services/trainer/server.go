// Package trainer turns a night's preference pairs into the next adapter. It
// keeps the jobs, trains the log-linear policy in process, hands other jobs to
// workers under leases, and publishes adapters as content-addressed folders.
package trainer

import (
	"context"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Config says where jobs and adapters are kept and how they are run. DSN and
// AdapterDir belong to one process at a time.
type Config struct {
	// DSN of the jobs: a path, "sqlite:PATH", "postgres://..." or ":memory:".
	DSN string
	// AdapterDir is the folder that holds a folder for each adapter.
	AdapterDir string
	// Workers is how many embedded jobs are trained at once; 0 means one for
	// each processor, but at least four: half of a night is waiting for the disk.
	Workers int
	// Attempts is how often a job of the worker executor is tried, leases that
	// ran out included; 0 means 3.
	Attempts int
	// Clock tells leases the time; nil means time.Now. No result depends on it.
	Clock func() time.Time
	// Logger gets what goes wrong; nil means none.
	Logger *zap.Logger
	// Metrics gets what the service counts; nil means nobody looks.
	Metrics prometheus.Registerer
}

func (c Config) check() error {
	var faults errs.Violations
	if c.AdapterDir == "" {
		faults.Add("adapter_dir", "is empty, want a folder for the adapters")
	}
	if c.Workers < 0 {
		faults.Add("workers", "found %d, want at least 1, or 0 for the default", c.Workers)
	}
	if c.Attempts < 0 {
		faults.Add("attempts", "found %d, want at least 1, or 0 for 3", c.Attempts)
	}
	return faults.OrNil()
}

// Server implements TrainerService and WorkerService.
type Server struct {
	trainerv1.UnimplementedTrainerServiceServer
	trainerv1.UnimplementedWorkerServiceServer
	cfg      Config
	log      *zap.Logger
	buffer   bufferv1.PreferenceBufferServiceClient
	jobs     *jobs
	adapters *adapters
	wake     chan struct{} // a token for each embedded worker that should look for jobs
}

// New opens the jobs and the folder of adapters. It returns Violations that
// name each setting at fault, errors of store.Open, and ErrDenied for a folder
// that cannot be written.
func New(cfg Config, buffer bufferv1.PreferenceBufferServiceClient) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Workers == 0 {
		cfg.Workers = max(4, runtime.NumCPU())
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 3
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	files, err := openAdapters(cfg.AdapterDir)
	if err != nil {
		return nil, err
	}
	j, err := openJobs(context.Background(), cfg.DSN, cfg.Metrics)
	if err != nil {
		return nil, err
	}
	return &Server{
		cfg: cfg, log: cfg.Logger, buffer: buffer, jobs: j, adapters: files, wake: make(chan struct{}, cfg.Workers),
	}, nil
}

// Register adds both services to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	trainerv1.RegisterTrainerServiceServer(r, s)
	trainerv1.RegisterWorkerServiceServer(r, s)
}

// Close closes the store of jobs. Run must have returned.
func (s *Server) Close() error { return s.jobs.Close() }
