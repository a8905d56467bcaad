package node

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// enter notes what the node does.
func (a *Agent) enter(state trainerv1.NodeState) {
	a.mu.Lock()
	was := a.state
	a.state = state
	if state != trainerv1.NodeState_NODE_STATE_SERVING {
		for _, e := range a.known {
			e.loaded = false
		}
	}
	a.mu.Unlock()
	if was != state {
		a.log.Info("the node changes its state", zap.Stringer("from", was), zap.Stringer("to", state))
	}
}

// admit notes that a request for the model server is in flight until done is
// called. ErrUnavailable while the model server is not there on purpose.
func (a *Agent) admit() (done func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state := a.state; state != trainerv1.NodeState_NODE_STATE_SERVING {
		return nil, fmt.Errorf("%s: %w", absent(state), errs.ErrUnavailable)
	}
	a.inFlight++
	a.lastRequest = a.cfg.Clock()
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.inFlight--
		a.lastRequest = a.cfg.Clock()
	}, nil
}

// noteFault notes what was wrong with the model server; nil for nothing.
func (a *Agent) noteFault(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = ""
	if err != nil {
		a.fault = err.Error()
	}
}

// noteWorker notes whether the worker trains what waits.
func (a *Agent) noteWorker(failed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noWorker = failed
}

// willTrain reports whether jobs may wait for this node's worker. While the node
// trains it is the worker that counts: it asks the trainer for jobs, or is at fault.
// The caller holds mu.
func (a *Agent) willTrain() bool {
	return len(a.cfg.Worker) > 0 && !a.noWorker && a.state != trainerv1.NodeState_NODE_STATE_TRAINING
}

// absent says why the model server is not there.
func absent(state trainerv1.NodeState) string {
	switch state {
	case trainerv1.NodeState_NODE_STATE_TRAINING:
		return "the model server is stopped while a worker trains"
	case trainerv1.NodeState_NODE_STATE_DRAINING:
		return "the model server is about to stop"
	}
	return "the model server is starting"
}

// drainIfIdle closes the node to requests if none was in flight for Idle. It
// reports whether it did.
func (a *Agent) drainIfIdle() bool {
	a.mu.Lock()
	idle := a.inFlight == 0 && a.cfg.Clock().Sub(a.lastRequest) >= a.cfg.Idle
	a.mu.Unlock()
	if !idle {
		return false
	}
	a.enter(trainerv1.NodeState_NODE_STATE_DRAINING)
	a.mu.Lock()
	idle = a.inFlight == 0 // one may have come between
	a.mu.Unlock()
	if !idle {
		a.enter(trainerv1.NodeState_NODE_STATE_SERVING)
	}
	return idle
}

// drain closes the node to requests and waits for those in flight, for as long as
// the gateway does.
func (a *Agent) drain(ctx context.Context) {
	a.enter(trainerv1.NodeState_NODE_STATE_DRAINING)
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		a.mu.Lock()
		left := a.inFlight
		a.mu.Unlock()
		if left == 0 {
			return
		}
		wait(ctx, 10*time.Millisecond)
	}
}
