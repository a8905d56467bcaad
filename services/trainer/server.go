// Package trainer turns a night's preference pairs into the next adapter. It is
// the coordinator: it stores the jobs, trains the log-linear policy in process,
// leases other jobs to workers, and takes what was trained to where it is served.
// Each state of a job is a commit of its own; after a crash at any point the
// coordinator continues from the last one. Adapters are content-addressed
// folders (pkg/artifact).
package trainer

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

const (
	// lookAgain is how often whoever waits for a job looks for what no signal says:
	// an expired lease, or a change by another process.
	lookAgain = time.Second
	// cleaning is how often left-over uploads are removed, and leftOver the age from
	// which they are.
	cleaning = time.Hour
	leftOver = 24 * time.Hour
	// patrol is how often the coordinator looks for jobs that no worker takes.
	patrol = 2 * time.Second
)

// Config says where jobs and adapters are stored and how jobs run. Several
// processes may share a PostgreSQL database if they share AdapterDir too; any
// other DSN belongs to one process at a time.
type Config struct {
	// DSN of the jobs: a path, "sqlite:PATH", "postgres://..." or ":memory:".
	DSN string
	// AdapterDir is the folder that has a folder for each adapter.
	AdapterDir string
	// ReadOnly serves jobs and adapters that exist as they are, also while another
	// process writes them: nothing is trained, and calls that change something return
	// ErrDenied.
	ReadOnly bool
	// Workers is how many embedded jobs are trained at once, and how many trained
	// jobs are published at once; 0 means one for each processor, but at least
	// four, because half of a night is waiting for the disk.
	Workers int
	// Attempts is how often a job of the worker executor is tried, expired leases
	// included; 0 means 3.
	Attempts int
	// WorkerWait is how long a job of the worker executor may wait while there is no
	// worker that can train it, before it fails; 0 means an hour. A worker that is busy
	// with other jobs is there, and so is that of a node that takes turns.
	WorkerWait time.Duration
	// Instance names this process among those that share the database; empty means
	// the host's name.
	Instance string
	// Keep is how many of the newest adapters of each run stay in the store, and at
	// least 2; 0 keeps all. What a run or a job can still need stays in any case.
	Keep int
	// Loader loads the adapters of language models; nil leaves them in the store.
	Loader Loader
	// Clock is the time of leases; nil means time.Now. No result depends on it.
	Clock func() time.Time
	// Logger receives failures; nil means none.
	Logger *zap.Logger
	// Metrics receives counters and histograms; nil means none are kept.
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
	if c.Keep < 0 {
		faults.Add("keep", "found %d, want at least 1, or 0 for all", c.Keep)
	}
	if c.WorkerWait < 0 {
		faults.Add("worker_wait", "found %v, want a positive time, or 0 for 1h", c.WorkerWait)
	}
	if c.Attempts < 0 {
		faults.Add("attempts", "found %d, want at least 1, or 0 for 3", c.Attempts)
	}
	return faults.OrNil()
}

func (c Config) withDefaults() Config {
	setDefault(&c.Workers, max(4, runtime.NumCPU()))
	setDefault(&c.Attempts, 3)
	setDefault(&c.WorkerWait, time.Hour)
	if c.Instance == "" {
		c.Instance, _ = os.Hostname() // an empty name is as good, for a single process
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	return c
}

// Server implements TrainerService and WorkerService.
type Server struct {
	trainerv1.UnimplementedTrainerServiceServer
	trainerv1.UnimplementedWorkerServiceServer
	cfg     Config
	log     *zap.Logger
	buffer  bufferv1.PreferenceBufferServiceClient
	jobs    *jobs
	workers workers
	store   *artifact.Store
	loader  Loader

	queued   signal        // a job was queued
	results  signal        // a job was trained
	stopping chan struct{} // closed when Run ends
	opened   time.Time     // what is older was left by a process before this one
	began    time.Time     // when this process started, by Config.Clock

	mu      sync.Mutex
	claimed map[string]bool // jobs that a loader works on, by id; guarded by mu
	// when a node last offered to train jobs of a base model; guarded by mu
	offered map[string]time.Time
}

// fileTick is how far the time of a file may be behind the clock at most: a tick of
// the kernel. An upload of this process must not look like one from before its
// start.
const fileTick = 10 * time.Millisecond

// New opens the jobs and the folder of adapters. It returns Violations that
// name each setting at fault, errors of store.Open, and ErrDenied for a folder
// that cannot be written; with ReadOnly, ErrNotFound where there is no database.
func New(cfg Config, buffer bufferv1.PreferenceBufferServiceClient) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	opened := time.Now().Add(-fileTick)
	files := artifact.At(cfg.AdapterDir)
	if !cfg.ReadOnly {
		var err error
		if files, err = artifact.Open(cfg.AdapterDir); err != nil {
			return nil, err
		}
	}
	j, err := openJobs(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, buffer: buffer, jobs: j, workers: workers{j.db}, store: files,
		stopping: make(chan struct{}), opened: opened, began: cfg.Clock(), claimed: map[string]bool{}, offered: map[string]time.Time{},
	}
	s.loader = storeLoader{s}
	if cfg.Loader != nil {
		s.loader = byKind{lora: cfg.Loader, other: s.loader}
	}
	return s, nil
}

// Register adds both services to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	trainerv1.RegisterTrainerServiceServer(r, s)
	trainerv1.RegisterWorkerServiceServer(r, s)
}

// Close closes the store of jobs. Run must have returned.
func (s *Server) Close() error { return s.jobs.Close() }

// Run trains the jobs of the embedded executor and takes trained jobs to their
// end, until ctx is done; call it once. It begins with what a process before it
// left unfinished. With ReadOnly it only waits for ctx. It returns an error when
// jobs can no longer be stored.
func (s *Server) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { close(s.stopping) })()
	if s.cfg.ReadOnly {
		<-ctx.Done()
		return nil
	}
	if err := s.recover(ctx); err != nil {
		return unlessDone(ctx, fmt.Errorf("trainer: recover: %w", err))
	}
	group, within := errgroup.WithContext(ctx)
	for i := range s.cfg.Workers {
		group.Go(func() error { return s.train(within, s.holder(i)) })
		group.Go(func() error { return s.load(within) })
	}
	group.Go(func() error {
		return s.every(within, cleaning, "left-over uploads could not be removed", func(ctx context.Context) error {
			return s.removeLeftOver(ctx, time.Now().Add(-leftOver))
		})
	})
	group.Go(func() error {
		return s.every(within, patrol, "jobs that no worker takes could not be failed", s.failUnwanted)
	})
	group.Go(func() error { return s.collect(within) })
	return unlessDone(ctx, group.Wait())
}

// holder is the name under which this process leases embedded jobs.
func (s *Server) holder(i int) string { return fmt.Sprintf("embedded@%s#%d", s.cfg.Instance, i) }

// recover queues the embedded jobs again that this process held when it last
// ended, and removes half-written uploads. Of a database that is not shared, every
// holder is known to be dead.
func (s *Server) recover(ctx context.Context) error {
	prefix, before := "", s.opened // a worker may upload while this runs
	if s.jobs.shared() {
		prefix, before = fmt.Sprintf("embedded@%s#", s.cfg.Instance), s.opened.Add(-leftOver)
	}
	if err := s.jobs.release(ctx, trainerv1.Executor_EXECUTOR_EMBEDDED, prefix); err != nil {
		return err
	}
	return s.removeLeftOver(ctx, before)
}

func (s *Server) removeLeftOver(ctx context.Context, before time.Time) error {
	needed := map[string]bool{}
	err := s.jobs.unfinished(ctx, func(r *record) bool {
		needed[r.manifest.GetId()] = true
		return true
	})
	if err != nil {
		return err
	}
	return s.store.Clean(before, func(id string) bool { return needed[id] })
}

// every calls fn once in each interval until ctx is done. An error is logged under
// the words failed; the next call tries again.
func (s *Server) every(ctx context.Context, interval time.Duration, failed string, fn func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn(failed, zap.Error(err))
			}
		}
	}
}

// idle waits for a signal, or until it is time to look again for what another
// process did.
func (s *Server) idle(ctx context.Context, signal <-chan struct{}) {
	var again <-chan time.Time
	if s.jobs.shared() {
		again = time.After(lookAgain)
	}
	select {
	case <-ctx.Done():
	case <-signal:
	case <-again:
	}
}

func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
