// Package node is the agent of a GPU node. It alone tells the node's model server
// (vLLM) which adapters to load: it fetches them from the trainer, checks them,
// loads, probes and unloads them, and loads again what the model server has lost.
// Its gateway is the only way for others to the model server.
package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Config says what a node serves.
type Config struct {
	// Dir is the folder of the agent's adapters; the model server reads them there.
	Dir string
	// Upstream is the model server, such as "http://127.0.0.1:8000".
	Upstream string
	// Model is the name of the base model, in manifests and at the model server.
	Model string
	// MaxRank is the greatest rank that the model server takes; 0 means 16.
	MaxRank int32
	// Keep is how many adapters stay loaded; 0 means 64. Above it, those that were
	// not used for the longest time are unloaded; a request loads them again.
	Keep int
	// Supervision says how the model server is run by the agent.
	Supervision
	// Every is how often the agent compares what the model server has loaded with
	// what it should have; 0 means 2 s.
	Every time.Duration
	// Clock is the time of the last use of an adapter; nil means time.Now.
	Clock func() time.Time
	// Logger receives what the agent does; nil means none.
	Logger *zap.Logger
}

// Check returns Violations that name each setting at fault.
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
}

func (c Config) withDefaults() (Config, error) {
	var faults errs.Violations
	if c.Dir == "" {
		faults.Add("dir", "is empty, want a folder for the adapters")
	}
	if u, err := url.Parse(c.Upstream); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		faults.Add("upstream", "found %q, want http://host:port of the model server", c.Upstream)
	}
	if c.Model == "" {
		faults.Add("model", "is empty, want the name of the base model")
	}
	if c.MaxRank < 0 || c.Keep < 0 {
		faults.Add("max_rank", "found %d and keep %d, want numbers from 0", c.MaxRank, c.Keep)
	}
	c.Supervision.withDefaults(&faults)
	c.MaxRank, c.Keep, c.Every = cmp.Or(c.MaxRank, 16), cmp.Or(c.Keep, 64), cmp.Or(c.Every, 2*time.Second)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	return c, faults.OrNil()
}

// entry is a name that the agent knows.
type entry struct {
	adapter  string
	runs     []string // handles of the runs that use it, sorted
	loaded   bool     // in the model server, as far as the agent knows
	idle     bool     // unloaded to make room; a request loads it again
	inFlight int
	lastUse  time.Time
}

// Trainer is what an agent asks of the trainer.
type Trainer interface {
	artifact.Downloader
	// ListJobs pages through the jobs.
	ListJobs(ctx context.Context, req *trainerv1.ListJobsRequest, opts ...grpc.CallOption) (*trainerv1.ListJobsResponse, error)
	// ListKeptAdapters pages through the adapters, also those that it has collected.
	ListKeptAdapters(ctx context.Context, req *trainerv1.ListKeptAdaptersRequest, opts ...grpc.CallOption) (*trainerv1.ListKeptAdaptersResponse, error)
	// GetAdapter returns an adapter; ErrNotFound for one that it has collected.
	GetAdapter(ctx context.Context, req *trainerv1.GetAdapterRequest, opts ...grpc.CallOption) (*trainerv1.GetAdapterResponse, error)
}

// Agent implements NodeService.
type Agent struct {
	trainerv1.UnimplementedNodeServiceServer
	cfg     Config
	id      string // of the folder: marks the agent's processes
	log     *zap.Logger
	store   *artifact.Store
	trainer Trainer
	server  *vllm

	// fetching is held for reading from the start of LoadAdapter to its end, and for
	// writing while an adapter is removed. Take it before loading.
	fetching sync.RWMutex
	loading  sync.Mutex // held while the model server loads or unloads

	trainAfter time.Time // no training before; of the goroutine that supervises

	mu          sync.Mutex
	known       map[string]*entry   // by name; guarded by mu
	state       trainerv1.NodeState // guarded by mu
	inFlight    int                 // requests for the model server; guarded by mu
	lastRequest time.Time           // when one was last in flight; guarded by mu
	fault       string              // of the last reconcile; guarded by mu
	noWorker    bool                // the worker has failed workerTries times and not trained since; guarded by mu
}

// New opens the agent's folder and reads which names it kept loaded. It returns
// Violations that name each setting at fault, ErrDenied for a folder that cannot be
// written, ErrDataLoss for a damaged list of names.
func New(cfg Config, trainer Trainer) (*Agent, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir) // the model server has a folder of its own
	if err != nil {
		return nil, err
	}
	cfg.Dir = dir
	store, err := artifact.Open(dir)
	if err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, log: cfg.Logger, store: store, trainer: trainer, server: newVLLM(cfg.Upstream), known: map[string]*entry{}, state: trainerv1.NodeState_NODE_STATE_SERVING}
	if len(cfg.Server) > 0 {
		a.state = trainerv1.NodeState_NODE_STATE_STARTING
	}
	if err := a.removeLeftOver(); err != nil {
		return nil, err
	}
	if err := a.readID(); err != nil {
		return nil, err
	}
	return a, a.readNames()
}

// removeLeftOver removes what an agent before this one was writing when it was
// killed. The folder has one agent at a time.
func (a *Agent) removeLeftOver() error {
	if err := a.store.Clean(time.Now(), func(string) bool { return false }); err != nil {
		return err
	}
	err := errors.Join(outfile.RemoveLeftOver(a.path(idFile)), outfile.RemoveLeftOver(a.path(namesFile)))
	if err != nil {
		return fmt.Errorf("folder %s cannot be cleaned: %w: %w", a.cfg.Dir, err, errs.ErrDenied)
	}
	return nil
}

// Register adds the service to a gRPC server.
func (a *Agent) Register(r grpc.ServiceRegistrar) { trainerv1.RegisterNodeServiceServer(r, a) }

// Run keeps the model server's adapters as they should be until ctx is done. Where
// it supervises the model server, that runs until then. It begins with ending the
// processes that an agent of the same folder has left.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.endLeftOver(ctx); err != nil {
		a.log.Error("processes of the node were left over and may keep the GPU", zap.Error(err)) // no model server is started beside them
	}
	background := sync.WaitGroup{}
	background.Go(func() { a.collect(ctx) })
	defer background.Wait() // Run returns at the end of ctx alone
	if len(a.cfg.Server) > 0 {
		a.supervise(ctx)
		return a.endLeftOver(context.WithoutCancel(ctx))
	}
	ticker := time.NewTicker(a.cfg.Every)
	defer ticker.Stop()
	for {
		if err := a.reconcile(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("adapters could not be compared with the model server", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// reconcile asks the model server what it has loaded and loads again what it has
// lost, which it does when it restarts.
func (a *Agent) reconcile(ctx context.Context) (err error) {
	a.loading.Lock()
	defer a.loading.Unlock()
	defer func() { a.noteFault(err) }()
	there, err := a.server.models(ctx)
	if err != nil {
		return err
	}
	var lost []string
	a.mu.Lock()
	for name, e := range a.known {
		e.loaded = slices.Contains(there, name)
		if !e.loaded && !e.idle {
			lost = append(lost, name)
		}
	}
	a.mu.Unlock()
	slices.Sort(lost)
	for _, name := range lost {
		a.log.Info("the model server has lost an adapter", zap.String("name", name))
		err = errors.Join(err, a.load(ctx, name))
	}
	return err
}

// load loads a known name. The caller holds loading.
func (a *Agent) load(ctx context.Context, name string) error {
	a.mu.Lock()
	e := a.known[name]
	a.mu.Unlock()
	if e == nil {
		return fmt.Errorf("adapter name %q: %w", name, errs.ErrNotFound)
	}
	m, err := a.store.Manifest(e.adapter)
	if err != nil {
		return err
	}
	if err := a.store.Check(m); err != nil { // every byte, before the model server reads any
		return err
	}
	if err := a.server.load(ctx, name, a.store.Folder(e.adapter)); err != nil {
		return err
	}
	a.mu.Lock()
	e.loaded, e.idle, e.lastUse = true, false, a.cfg.Clock()
	a.mu.Unlock()
	return a.makeRoom(ctx, name)
}

// makeRoom unloads adapters that were not used for the longest time, until Keep are
// left. The caller holds loading.
func (a *Agent) makeRoom(ctx context.Context, except string) error {
	for {
		name := a.leastUsed(except)
		if name == "" {
			return nil
		}
		if err := a.server.unload(ctx, name); err != nil {
			return err
		}
		a.mu.Lock()
		if e := a.known[name]; e != nil {
			e.loaded, e.idle = false, true
		}
		a.mu.Unlock()
		a.log.Info("adapter unloaded to make room", zap.String("name", name))
	}
}

func (a *Agent) leastUsed(except string) (name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	loaded := 0
	for other, e := range a.known {
		if !e.loaded {
			continue
		}
		loaded++
		if other != except && e.inFlight == 0 && (name == "" || e.lastUse.Before(a.known[name].lastUse)) {
			name = other
		}
	}
	if loaded <= a.cfg.Keep {
		return ""
	}
	return name
}

// ownerOnly is the mode of the agent's files: handles admit to the adapters.
const ownerOnly = 0o600

// namesFile has the names that the agent keeps.
const namesFile = "names.json"

// path returns the path of a file of the agent's folder.
func (a *Agent) path(file string) string { return filepath.Join(a.cfg.Dir, file) }

// kept is what namesFile has of a name.
type kept struct {
	Adapter string   `json:"adapter"`
	Runs    []string `json:"runs"`
}

func (a *Agent) readNames() error {
	text, err := os.ReadFile(a.path(namesFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var names map[string]kept
	if err == nil {
		err = json.Unmarshal(text, &names)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w: %w", a.path(namesFile), err, errs.ErrDataLoss)
	}
	for name, k := range names {
		a.known[name] = &entry{adapter: k.Adapter, runs: k.Runs, lastUse: a.cfg.Clock()}
	}
	return nil
}

// writeNames stores the names, whole or not at all. The caller holds mu.
func (a *Agent) writeNames() error {
	names := make(map[string]kept, len(a.known))
	for name, e := range a.known {
		names[name] = kept{e.adapter, e.runs}
	}
	text, err := json.MarshalIndent(names, "", "  ")
	if err != nil {
		return err
	}
	return outfile.WriteFile(a.path(namesFile), append(text, '\n'), ownerOnly)
}
