package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// LoadAdapter implements NodeService.
func (a *Agent) LoadAdapter(ctx context.Context, req *trainerv1.LoadAdapterRequest) (*trainerv1.LoadAdapterResponse, error) {
	if req.GetName() == a.cfg.Model {
		return nil, errs.Invalid("name", "found %q, which is the base model", req.GetName())
	}
	if err := a.checkName(req); err != nil {
		return nil, err
	}
	a.fetching.RLock() // the adapter is not removed meanwhile
	defer a.fetching.RUnlock()
	m, err := a.store.Fetch(ctx, a.trainer, req.GetAdapter())
	if err != nil {
		return nil, fmt.Errorf("fetch adapter %s: %w", req.GetAdapter(), err)
	}
	if err := a.checkFit(m); err != nil {
		return nil, err
	}
	if err := a.addName(req); err != nil {
		return nil, err
	}
	a.loading.Lock()
	defer a.loading.Unlock()
	done, err := a.admit()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := a.load(ctx, req.GetName()); err != nil {
		return nil, err
	}
	a.log.Info("adapter loaded", zap.String("name", req.GetName()), zap.String("adapter", req.GetAdapter()))
	return &trainerv1.LoadAdapterResponse{}, nil
}

// checkName refuses a name that has another adapter: the model server's prefix
// cache relies on names that never change.
func (a *Agent) checkName(req *trainerv1.LoadAdapterRequest) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.known[req.GetName()]; e != nil && e.adapter != req.GetAdapter() {
		return fmt.Errorf("name %q has the adapter %s: %w", req.GetName(), e.adapter, errs.ErrExists)
	}
	return nil
}

// addName makes a name known and binds it to a run.
func (a *Agent) addName(req *trainerv1.LoadAdapterRequest) error {
	if err := a.checkName(req); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.known[req.GetName()]
	if was != nil && slices.Contains(was.runs, req.GetRunHandle()) {
		return nil
	}
	e := &entry{adapter: req.GetAdapter(), lastUse: a.cfg.Clock()}
	if was != nil {
		e = was
	}
	runs := e.runs
	e.runs = append(slices.Clone(runs), req.GetRunHandle())
	slices.Sort(e.runs)
	a.known[req.GetName()] = e
	if err := a.writeNames(); err != nil {
		e.runs = runs
		if was == nil {
			delete(a.known, req.GetName())
		}
		return fmt.Errorf("names cannot be stored: %w: %w", err, errs.ErrInternal)
	}
	return nil
}

// checkFit returns Violations for an adapter that the model server must not see.
func (a *Agent) checkFit(m *trainerv1.Manifest) error {
	var faults errs.Violations
	if m.GetPolicy() != artifact.LoraPolicy {
		faults.Add("adapter", "found one of policy %q, want %q", m.GetPolicy(), artifact.LoraPolicy)
	}
	if m.GetModel() != a.cfg.Model {
		faults.Add("adapter", "found one of base model %q, this node serves %q", m.GetModel(), a.cfg.Model)
	}
	if rank := m.GetHyperparameters().GetLora().GetRank(); rank > a.cfg.MaxRank {
		faults.Add("adapter", "found rank %d, this node takes at most %d", rank, a.cfg.MaxRank)
	}
	if len(faults) > 0 {
		return faults
	}
	return artifact.CheckLora(m, func(name string) (*os.File, error) { return a.store.OpenFile(m, name) })
}

// ProbeAdapter implements NodeService.
func (a *Agent) ProbeAdapter(ctx context.Context, req *trainerv1.ProbeAdapterRequest) (*trainerv1.ProbeAdapterResponse, error) {
	done, err := a.admit()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := a.ensure(ctx, req.GetName()); err != nil {
		return nil, err
	}
	return a.server.probe(ctx, a.cfg.Model, req)
}

// ensure loads a known name unless it is loaded. ErrNotFound for an unknown one.
func (a *Agent) ensure(ctx context.Context, name string) error {
	a.mu.Lock()
	e := a.known[name]
	ready := e != nil && e.loaded
	a.mu.Unlock()
	if e == nil {
		return fmt.Errorf("adapter name %q: %w", name, errs.ErrNotFound)
	}
	if ready {
		return nil
	}
	a.loading.Lock()
	defer a.loading.Unlock()
	a.mu.Lock()
	ready = e.loaded // by another request meanwhile
	a.mu.Unlock()
	if ready {
		return nil
	}
	return a.load(ctx, name)
}

// UnloadAdapter implements NodeService. The files stay: other names may have them.
func (a *Agent) UnloadAdapter(ctx context.Context, req *trainerv1.UnloadAdapterRequest) (*trainerv1.UnloadAdapterResponse, error) {
	a.loading.Lock()
	defer a.loading.Unlock()
	a.mu.Lock()
	e := a.known[req.GetName()]
	a.mu.Unlock()
	if e == nil {
		return &trainerv1.UnloadAdapterResponse{}, nil
	}
	if err := a.server.unload(ctx, req.GetName()); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, req.GetName())
	if err := a.writeNames(); err != nil {
		return nil, fmt.Errorf("names cannot be stored: %w: %w", err, errs.ErrInternal)
	}
	return &trainerv1.UnloadAdapterResponse{}, nil
}

// ListAdapters implements NodeService.
func (a *Agent) ListAdapters(context.Context, *trainerv1.ListAdaptersRequest) (*trainerv1.ListAdaptersResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	resp := &trainerv1.ListAdaptersResponse{State: a.state, Model: a.cfg.Model, WillTrain: a.willTrain(), Fault: a.fault}
	for _, name := range slices.Sorted(maps.Keys(a.known)) {
		e := a.known[name]
		resp.Adapters = append(resp.Adapters, &trainerv1.LoadedAdapter{Name: name, Adapter: e.adapter, Loaded: e.loaded, InFlight: int32(e.inFlight)})
	}
	return resp, nil
}
