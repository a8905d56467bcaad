// Package live has what a server knows of a run while it is up: its state, why,
// and how far it has come. Whoever conducts the run writes it; watchers and
// callers read it.
package live

import (
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Run is one run. It is safe for concurrent use.
type Run struct {
	fixed atomic.Pointer[environmentv1.Run] // what only Extend changes; replaced, never changed

	mu       sync.Mutex
	state    environmentv1.RunState  // guarded by mu
	reason   string                  // guarded by mu
	progress *environmentv1.Progress // guarded by mu; replaced, never changed
	holder   string                  // guarded by mu; who conducts it, empty for nobody
	until    time.Time               // guarded by mu; when the holder's lease expires
	changed  chan struct{}           // guarded by mu; closed at a change of state, reason or holder
}

// New returns a run as it is stored.
func New(stored *environmentv1.Run) *Run {
	r := &Run{state: stored.GetState(), reason: stored.GetReason(), progress: stored.GetProgress(), changed: make(chan struct{})}
	r.fixed.Store(fixed(stored, stored.GetConfig()))
	return r
}

// fixed returns the parts of a run that do not change while it is conducted.
func fixed(r *environmentv1.Run, config *environmentv1.RunConfig) *environmentv1.Run {
	return &environmentv1.Run{
		Id: r.GetId(), Config: config, Persona: r.GetPersona(), Version: r.GetVersion(),
		CreateTime: r.GetCreateTime(), ForkedFrom: r.GetForkedFrom(), ForkedAtStep: r.GetForkedAtStep(),
		Handle: r.GetHandle(), Labels: r.GetLabels(),
	}
}

// Extend sets the days of a run that nobody conducts.
func (r *Run) Extend(days int32) {
	before := r.fixed.Load()
	if before.GetConfig().GetDays() == days {
		return
	}
	config := proto.CloneOf(before.GetConfig())
	config.Days = days
	r.fixed.Store(fixed(before, config))
}

// ID returns the id of the run.
func (r *Run) ID() string { return r.fixed.Load().GetId() }

// Handle returns the opaque name under which the user, the assistant and its
// index know the run.
func (r *Run) Handle() string { return r.fixed.Load().GetHandle() }

// Fixed returns what does not change while the run is conducted: no state, no
// reason, no progress and no conductor. The caller must not change it.
func (r *Run) Fixed() *environmentv1.Run { return r.fixed.Load() }

// Config returns the configuration. The caller must not change it.
func (r *Run) Config() *environmentv1.RunConfig { return r.fixed.Load().GetConfig() }

// State returns the present state.
func (r *Run) State() environmentv1.RunState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Progress returns what the run has done so far. The caller must not change it.
func (r *Run) Progress() *environmentv1.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

// View returns the run with its present state. The caller must not change it.
func (r *Run) View() *environmentv1.Run {
	view, _ := r.News()
	return view
}

// News returns the run, and a channel that is closed at its next change of
// state, reason or conductor. Progress has no such channel: watchers poll it.
func (r *Run) News() (*environmentv1.Run, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.fixed.Load()
	view := &environmentv1.Run{
		Id: f.Id, Config: f.Config, Persona: f.Persona, State: r.state, Reason: r.reason, Progress: r.progress, Version: f.Version,
		CreateTime: f.CreateTime, ForkedFrom: f.ForkedFrom, ForkedAtStep: f.ForkedAtStep, Handle: f.Handle, Labels: f.Labels,
	}
	if r.holder != "" && Active(r.state) { // the lease of a run that has ended is about to be released
		view.Conductor = &environmentv1.Conductor{Name: r.holder, LeaseUntil: timestamppb.New(r.until)}
	}
	return view, r.changed
}

// Set changes the state and its reason, and wakes the watchers.
func (r *Run) Set(state environmentv1.RunState, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != state || r.reason != reason {
		r.state, r.reason = state, reason
		r.wake()
	}
}

// SetConductor says who conducts the run, and until when its lease lasts; an
// empty name means nobody.
func (r *Run) SetConductor(name string, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = until
	if r.holder != name {
		r.holder = name
		r.wake()
	}
}

// Publish replaces the progress.
func (r *Run) Publish(p *environmentv1.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = p
}

// wake is called with mu held.
func (r *Run) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Ended reports a state in which a run does nothing more unless somebody resumes
// it: finished, cancelled or failed.
func Ended(state environmentv1.RunState) bool {
	return Final(state) || state == environmentv1.RunState_RUN_STATE_FAILED
}

// Final reports a state that nothing can change: finished or cancelled.
func Final(state environmentv1.RunState) bool {
	return state == environmentv1.RunState_RUN_STATE_FINISHED || state == environmentv1.RunState_RUN_STATE_CANCELLED
}

// Active reports a state in which somebody conducts the run, or should: queued,
// running or waiting.
func Active(state environmentv1.RunState) bool {
	switch state {
	case environmentv1.RunState_RUN_STATE_QUEUED, environmentv1.RunState_RUN_STATE_RUNNING, environmentv1.RunState_RUN_STATE_WAITING:
		return true
	}
	return false
}

// Word returns a state as a word, e.g. "finished".
func Word(state environmentv1.RunState) string {
	switch state {
	case environmentv1.RunState_RUN_STATE_QUEUED:
		return "queued"
	case environmentv1.RunState_RUN_STATE_RUNNING:
		return "running"
	case environmentv1.RunState_RUN_STATE_WAITING:
		return "waiting"
	case environmentv1.RunState_RUN_STATE_PAUSED:
		return "paused"
	case environmentv1.RunState_RUN_STATE_FINISHED:
		return "finished"
	case environmentv1.RunState_RUN_STATE_FAILED:
		return "failed"
	case environmentv1.RunState_RUN_STATE_CANCELLED:
		return "cancelled"
	}
	return "unknown"
}
