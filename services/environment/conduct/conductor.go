package environment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// errHalted ends the conducting of a run that somebody paused or cancelled.
var errHalted = errors.New("halted")

// launch lets a run go on while the service does. The caller holds s.mu.
func (s *Server) launch(r *run) {
	if s.ctx == nil {
		return // Run will
	}
	halt, cancel := context.WithCancel(s.ctx)
	r.mu.Lock()
	if r.halt != nil {
		r.mu.Unlock()
		cancel()
		return
	}
	done := make(chan struct{})
	r.halt, r.done = cancel, done
	r.mu.Unlock()
	c := &conductor{Server: s, run: r, ctx: s.ctx, halt: halt, method: methodOf(r.fixed.GetConfig()), counts: s.metrics.of(r.fixed), scale: simtime.Scale(r.fixed.GetConfig().GetStepSeconds())}
	c.user.open, c.assistant.open = c.openUser, c.openAssistant
	s.going.Add(1)
	s.conducted.Add(1)
	go func() {
		defer s.going.Done()
		defer s.conducted.Add(-1)
		c.conduct()
		r.mu.Lock()
		r.halt, r.done = nil, nil
		r.mu.Unlock()
		cancel()
		close(done)
	}()
}

// conductor leads one run. It belongs to one goroutine.
type conductor struct {
	*Server
	run    *run
	method method
	counts *runMetrics
	scale  simtime.Scale
	world  *simv1.World

	ctx  context.Context // of the service, within the present span: ends a call in hand
	halt context.Context // of the run: ends waiting, and the run after its present step

	chain     *journal.Chain
	waited    bool // the last call had to wait
	user      session
	assistant session
	pairs     pairBatch
	loose     int // sleeping steps handed in and not yet known to be on disk
}

// conduct leads the run to its end, to a failure, or to a halt.
func (c *conductor) conduct() {
	if err := c.slots.Acquire(c.halt, 1); err != nil {
		return
	}
	defer c.slots.Release(1)
	c.run.set(environmentv1.RunState_RUN_STATE_RUNNING, "")
	err := c.untilDone()
	state, reason := environmentv1.RunState_RUN_STATE_FINISHED, ""
	switch {
	case c.halt.Err() != nil && err != nil:
		// Whoever halted it says what becomes of it.
		if c.run.current() != environmentv1.RunState_RUN_STATE_QUEUED {
			c.run.set(environmentv1.RunState_RUN_STATE_QUEUED, "")
		}
		return
	case err != nil:
		state, reason = environmentv1.RunState_RUN_STATE_FAILED, errs.Reason(err)
		c.log.Warn("run failed", zap.String("run", c.run.id), zap.Error(err))
	default:
		c.closeSessions(c.ctx, c.run)
	}
	// Written even if the service stops at this moment.
	if err := c.journal.SetState(context.WithoutCancel(c.ctx), c.run.id, state, reason, c.run.view().GetProgress()); err != nil {
		c.log.Error("the state of a run could not be recorded", zap.String("run", c.run.id), zap.String("state", word(state)), zap.Error(err))
	}
	c.run.set(state, reason)
}

// untilDone goes on from what is committed, again and again while the journal's
// database is away.
func (c *conductor) untilDone() error {
	pause := c.newBackoff()
	for {
		err := c.fromJournal()
		if err == nil || !passing(err) || c.halt.Err() != nil {
			return err
		}
		if err := c.waitFor("journal", err, pause); err != nil {
			return err
		}
	}
}

// fromJournal reads what is committed and goes on from there to the last step.
func (c *conductor) fromJournal() error {
	var err error
	if c.world == nil {
		if c.world, err = c.journal.World(c.ctx, c.run.id); err != nil {
			return err
		}
	}
	if c.chain, err = c.journal.Continue(c.ctx, c.run.id, func(*environmentv1.Entry) error { return c.ctx.Err() }); err != nil {
		return err
	}
	defer c.chain.Release()
	defer c.settle()
	c.loose = 0
	c.resumed()
	if err := c.mendPairs(); err != nil {
		return err
	}
	for total := c.chain.Progress.GetStepsTotal(); c.chain.Progress.GetSteps() < total; {
		if c.halt.Err() != nil {
			return errHalted
		}
		if err := c.turnOfDay(); err != nil {
			return err
		}
		if err := c.step(c.chain.Progress.GetSteps()); err != nil {
			return err
		}
	}
	return c.sendPairs()
}

// settle waits for the sleeping steps on their way. What
// goes wrong with them shows when the run goes on from the journal.
func (c *conductor) settle() {
	if c.loose == 0 {
		return
	}
	if err := c.chain.Flush(); err != nil {
		c.log.Warn("sleeping steps were not committed", zap.String("run", c.run.id), zap.Error(err))
		return
	}
	c.settled()
}

// settled counts and publishes what is now on disk.
func (c *conductor) settled() {
	c.counts.asleep.Add(float64(c.loose))
	c.loose = 0
	c.run.publish(c.chain.Snapshot())
}

// turnOfDay does what lies between two days, once all of the first is
// committed: pairs are handed over, the assistant is trained where its method
// says so, and progress is recorded.
func (c *conductor) turnOfDay() error {
	steps := c.chain.Progress.GetSteps()
	if steps == 0 || steps%c.scale.StepsPerDay() != 0 {
		return nil
	}
	if err := c.sendPairs(); err != nil {
		return err
	}
	if day := c.scale.Day(steps - 1); c.method.trains && c.chain.LastNight < day {
		if err := c.night(day); err != nil {
			return err
		}
	}
	return c.journal.Checkpoint(c.ctx, c.run.id, c.chain.Snapshot())
}

// resumed publishes where the run stands.
func (c *conductor) resumed() {
	c.run.publish(c.chain.Snapshot())
	c.run.set(environmentv1.RunState_RUN_STATE_RUNNING, "")
	c.waited = false
}

func (c *conductor) newBackoff() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = c.cfg.Retry, 50*c.cfg.Retry
	return b
}

// waitFor shows the run as waiting and pauses; errHalted if the run is halted
// meanwhile.
func (c *conductor) waitFor(what string, cause error, pause backoff.BackOff) error {
	c.run.set(environmentv1.RunState_RUN_STATE_WAITING, what+": "+cause.Error())
	if !c.waited {
		c.metrics.waits.WithLabelValues(peerOf(what)).Inc()
		c.log.Info("run waits", zap.String("run", c.run.id), zap.String("for", what), zap.Error(cause))
	}
	c.waited = true
	timer := time.NewTimer(pause.NextBackOff())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.halt.Done():
		return errHalted
	}
}

// call makes a call and stays with it: while the service is away the run waits,
// and a session that was lost is opened again from the journal. What comes back
// otherwise is the run's failure. peer is nil for services without sessions.
func (c *conductor) call(what string, peer *session, rpc func(ctx context.Context) error) (err error) {
	end := c.beginCall(what)
	defer func() { end(err) }()
	var pause backoff.BackOff
	for lost := 0; ; {
		var err error
		opening := peer != nil && !peer.opened
		if opening {
			if err = peer.open(c.ctx); err == nil {
				peer.opened = true
				opening = false
				if lost > 0 || c.waited {
					c.metrics.reopened.WithLabelValues(peerOf(what)).Inc()
				}
			}
		}
		if err == nil {
			err = rpc(c.ctx)
		}
		switch {
		case err == nil:
			if c.waited {
				c.waited = false
				c.run.set(environmentv1.RunState_RUN_STATE_RUNNING, "")
			}
			return nil
		case c.ctx.Err() != nil:
			return errHalted
		case passing(err):
			if peer != nil {
				peer.opened = peer.opened && !opening
			}
			if pause == nil {
				pause = c.newBackoff()
			}
			if err := c.waitFor(what, err, pause); err != nil {
				return err
			}
		case peer != nil && !opening && lost < 3 && sessionLost(err):
			lost++
			peer.opened = false
			c.log.Debug("session is opened again", zap.String("run", c.run.id), zap.String("call", what), zap.Error(err))
		default:
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// peerOf is the service that a call goes to: "user" for "user.Act".
func peerOf(what string) string {
	peer, _, _ := strings.Cut(what, ".")
	return peer
}

// passing reports an error that time may mend.
func passing(err error) bool {
	return errors.Is(err, errs.ErrUnavailable) || errors.Is(err, errs.ErrDeadline) || errors.Is(err, errs.ErrCanceled) ||
		errors.Is(err, context.DeadlineExceeded)
}

// sessionLost reports that a service does not stand where the run does.
func sessionLost(err error) bool {
	return errors.Is(err, errs.ErrNotFound) || errors.Is(err, errs.ErrPrecondition)
}
