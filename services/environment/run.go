package environment

import (
	"context"
	"sync"
	"time"

	"github.com/propersim/propersim/internal/journal"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// run is a run with what this process does with it.
type run struct {
	*live.Run
	position int64 // in the order of creation

	// turn has a token that whoever acquires the lease in this process takes
	// before: a second Acquire by the same process would take the lease from the
	// first.
	turn chan struct{}

	// recording is held while the state is written to the journal, so that the
	// last state is written last.
	recording sync.Mutex

	mu     sync.Mutex
	lease  *journal.Lease         // guarded by mu; nil while this process does not have it
	halt   context.CancelFunc     // guarded by mu; nil while no goroutine is launched
	cut    context.CancelFunc     // guarded by mu; with halt: ends calls in progress too
	done   chan struct{}          // guarded by mu; closed when that goroutine has ended
	target environmentv1.RunState // guarded by mu; what the halt is for: paused, cancelled, or unspecified
	lost   bool                   // guarded by mu; the lease is lost
	err    error                  // guarded by mu; why the target was not recorded
	stuck  bool                   // guarded by mu; it failed and the journal could not record it
	asked  bool                   // guarded by mu; CreateRun of this process named the run
	epoch  int                    // guarded by mu; changes with everything this process does with the run
	shown  shown                  // guarded by recording; what the journal says
}

// shown is a state as the journal has it.
type shown struct {
	state  environmentv1.RunState
	reason string
}

func newRun(stored *environmentv1.Run, position int64) *run {
	r := &run{Run: live.New(stored), position: position, turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r
}

// LabelDedicated is the label of a run that only a process conducts whose own
// CreateRun created it or named it again by its request id: the processes of a
// Kubernetes Job, one for each person, share a journal and must not take each
// other's runs. Its value is "true".
const LabelDedicated = "dedicated"

// ask records that CreateRun of this process named the run.
func (r *run) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = true
}

// ours reports whether this process may conduct the run.
func (r *run) ours() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked || r.Fixed().GetLabels()[LabelDedicated] != "true"
}

// begin marks the run as launched; false where it is already.
func (r *run) begin(halt, cut context.CancelFunc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halt != nil {
		return false
	}
	r.halt, r.cut, r.done = halt, cut, make(chan struct{})
	r.target, r.lost, r.err, r.stuck = environmentv1.RunState_RUN_STATE_UNSPECIFIED, false, nil, false
	r.epoch++
	return true
}

// end marks the run as no longer launched.
func (r *run) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.done)
	r.halt, r.cut, r.done = nil, nil, nil
	r.epoch++
}

// hold records that this process has the lease; nil that it has it no longer.
func (r *run) hold(lease *journal.Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lease = lease
	r.epoch++
}

// held returns the lease that this process has, or nil.
func (r *run) held() *journal.Lease {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lease
}

// stop halts the run after its present step, for a target state. It returns a
// channel that is closed when that is done, or nil where no goroutine is
// launched.
func (r *run) stop(target environmentv1.RunState) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halt == nil {
		return nil
	}
	if r.target != environmentv1.RunState_RUN_STATE_CANCELLED {
		r.target = target
	}
	r.halt()
	return r.done
}

// lose ends the conducting of a run whose lease is lost at once.
func (r *run) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut != nil {
		r.lost = true
		r.cut()
	}
}

// halted returns what the run was halted for, and whether its lease is lost.
func (r *run) halted() (target environmentv1.RunState, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.target, r.lost
}

// fail keeps why the target state was not recorded, for whoever asked for it.
func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// fall shows a run as failed although the journal says otherwise, because it
// cannot be written. This process conducts it again when it is resumed.
func (r *run) fall(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stuck = true
	r.SetConductor("", time.Time{})
	r.Set(environmentv1.RunState_RUN_STATE_FAILED, reason)
}

// failure returns it.
func (r *run) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// age returns a number that changes with everything this process does with the
// run.
func (r *run) age() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch
}

// standing takes in the state of a run that this process does not conduct,
// unless it has done something with it since age was read. It reports whether it
// did.
func (r *run) standing(age int, progress *environmentv1.Progress, st journal.Standing) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lease != nil || r.epoch != age || (r.stuck && live.Active(st.State) && st.Holder == "") {
		return false
	}
	r.stuck = false
	if progress != nil {
		r.Publish(progress)
	}
	state := st.State
	if st.Holder != "" && state == environmentv1.RunState_RUN_STATE_QUEUED {
		state = environmentv1.RunState_RUN_STATE_RUNNING // its conductor has not recorded it yet
	}
	if live.Active(state) {
		r.SetConductor(st.Holder, st.Until)
	} else { // the lease is about to be released
		r.SetConductor("", time.Time{})
	}
	r.Set(state, st.Reason)
	return true
}

// show shows a state that this process has recorded without conducting the run.
func (r *run) show(state environmentv1.RunState, reason string, progress *environmentv1.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch++
	r.Publish(progress)
	r.SetConductor("", time.Time{})
	r.Set(state, reason)
}
