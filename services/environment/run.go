package environment

import (
	"context"
	"sync"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// run is what the service knows of a run while it is up.
type run struct {
	id    string
	fixed *environmentv1.Run // what never changes: no state, reason, progress

	mu       sync.Mutex
	state    environmentv1.RunState  // guarded by mu
	reason   string                  // guarded by mu
	progress *environmentv1.Progress // guarded by mu; replaced, never changed
	changed  chan struct{}           // guarded by mu; closed at a change of state
	halt     context.CancelFunc      // guarded by mu; nil while nobody conducts it
	done     chan struct{}           // guarded by mu; closed when it is no longer conducted
}

// newRun takes a stored run in. A run that was on its way waits for its turn.
func newRun(stored *environmentv1.Run) *run {
	r := &run{id: stored.GetId(), state: stored.GetState(), reason: stored.GetReason(), progress: stored.GetProgress(),
		changed: make(chan struct{})}
	r.fixed = &environmentv1.Run{
		Id: stored.GetId(), Config: stored.GetConfig(), Persona: stored.GetPersona(), Version: stored.GetVersion(),
		CreatedUnixMs: stored.GetCreatedUnixMs(), ForkedFrom: stored.GetForkedFrom(), ForkedAtStep: stored.GetForkedAtStep(),
	}
	switch r.state {
	case environmentv1.RunState_RUN_STATE_RUNNING, environmentv1.RunState_RUN_STATE_WAITING:
		r.state, r.reason = environmentv1.RunState_RUN_STATE_QUEUED, ""
	}
	return r
}

// over reports a state in which nothing more happens by itself, but for a
// pause.
func over(state environmentv1.RunState) bool {
	switch state {
	case environmentv1.RunState_RUN_STATE_FINISHED, environmentv1.RunState_RUN_STATE_CANCELLED, environmentv1.RunState_RUN_STATE_FAILED:
		return true
	}
	return false
}

// final reports a state that no call can change.
func final(state environmentv1.RunState) bool {
	return state == environmentv1.RunState_RUN_STATE_FINISHED || state == environmentv1.RunState_RUN_STATE_CANCELLED
}

func (r *run) current() environmentv1.RunState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// view returns the run as it stands. The caller must not change it.
func (r *run) view() *environmentv1.Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.viewLocked()
}

func (r *run) viewLocked() *environmentv1.Run {
	f := r.fixed
	return &environmentv1.Run{
		Id: f.Id, Config: f.Config, Persona: f.Persona, State: r.state, Reason: r.reason, Progress: r.progress,
		Version: f.Version, CreatedUnixMs: f.CreatedUnixMs, ForkedFrom: f.ForkedFrom, ForkedAtStep: f.ForkedAtStep,
	}
}

// set changes the state and tells the watchers.
func (r *run) set(state environmentv1.RunState, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == state && r.reason == reason {
		return
	}
	r.state, r.reason = state, reason
	close(r.changed)
	r.changed = make(chan struct{})
}

// publish replaces the progress.
func (r *run) publish(p *environmentv1.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = p
}

// stop asks whoever conducts the run to end after the present step, and waits
// until that is so. ErrDeadline or ErrCanceled when the caller does not wait so
// long.
func (r *run) stop(ctx context.Context) error {
	r.mu.Lock()
	halt, done := r.halt, r.done
	r.mu.Unlock()
	if halt == nil {
		return nil
	}
	halt()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errs.FromContext(ctx)
	}
}

// conducted reports that somebody conducts the run.
func (r *run) conducted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halt != nil
}
