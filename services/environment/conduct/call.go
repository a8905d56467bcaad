package conduct

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// reopenings is how often a session that was lost is opened again for one call.
const reopenings = 3

// errGaveUp says that a service did not answer for Config.GiveUp.
var errGaveUp = errors.New("gave up waiting")

// peer is the run's session in another service.
type peer struct {
	open    func(ctx context.Context, moved func()) error // moved is called for each part that the service took
	timeout time.Duration                                 // of one call, and of an opening in which nothing moves; 0 for none
	roles   rolesOf
	opened  bool
	pending effects // of answers that come with no step: committed with the next one
}

// lose forgets that the session is open, and what it decided that was not
// committed.
func (p *peer) lose() {
	p.opened, p.pending = false, effects{}
}

// call makes a call and repeats it until it succeeds: while the service does not
// answer the run waits, and a session that was lost is opened again from the
// journal. Any other error is the run's failure. p is nil for services without
// sessions.
func (r *runner) call(what string, p *peer, rpc func(ctx context.Context) error) (err error) {
	end := r.beginCall(what)
	defer func() { end(err) }()
	var pause backoff.BackOff
	for lost := 0; ; {
		opening, err := r.attempt(what, p, lost > 0, rpc)
		switch {
		case err == nil:
			r.answered()
			return nil
		case r.ctx.Err() != nil:
			return ErrHalted
		case p != nil && !opening && sessionLost(err) && lost < reopenings:
			lost++
			p.opened = false
			r.Logger.Debug("session is opened again", zap.String("run", r.run.ID()), zap.String("call", what), zap.Error(err))
		case errs.IsTransient(err):
			if p != nil && !answeredWithDelay(err) {
				// The call may have reached the service, and its answer with notes may be
				// lost: only the journal says what holds.
				p.opened = false
			}
			if pause == nil {
				pause = r.newBackoff()
			}
			if err := r.waitFor(what, err, pause); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// attempt opens the session if necessary and makes the call once. It reports
// whether the error is one of opening.
func (r *runner) attempt(what string, p *peer, again bool, rpc func(ctx context.Context) error) (opening bool, err error) {
	if p == nil {
		return false, rpc(r.ctx)
	}
	if !p.opened {
		p.lose()
		if err := p.openInTime(r.ctx); err != nil {
			return true, err
		}
		p.opened = true
		if again || !r.waiting.IsZero() {
			r.metrics.reopened.WithLabelValues(serviceOf(what)).Inc()
		}
	}
	if p.timeout == 0 {
		return false, rpc(r.ctx)
	}
	ctx, cancel := context.WithTimeout(r.ctx, p.timeout)
	defer cancel()
	return false, rpc(ctx)
}

// openInTime opens the session. An opening sends the whole history, so that its
// length has no bound; but each part of it must be taken, and the answer must
// come, within the timeout. It returns an errs.ErrDeadline otherwise.
func (p *peer) openInTime(ctx context.Context) error {
	if p.timeout == 0 {
		return p.open(ctx, func() {})
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := fmt.Errorf("the session was not opened: nothing moved for %v: %w", p.timeout, errs.ErrDeadline)
	timer := time.AfterFunc(p.timeout, func() { cancel(late) })
	defer timer.Stop()
	err := p.open(ctx, func() { timer.Reset(p.timeout) })
	if err != nil && errors.Is(context.Cause(ctx), late) {
		return late
	}
	return err
}

// answered shows the run as running again after it waited.
func (r *runner) answered() {
	if !r.waiting.IsZero() {
		r.waiting = time.Time{}
		r.run.Set(environmentv1.RunState_RUN_STATE_RUNNING, "")
	}
}

func (r *runner) newBackoff() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = r.cfg.Retry, 50*r.cfg.Retry
	return b
}

// waitFor shows the run as waiting, with the cause, and pauses: at least for as
// long as the service asks. ErrHalted if the run is halted meanwhile, errGaveUp
// when a service has not answered for Config.GiveUp.
func (r *runner) waitFor(what string, cause error, pause backoff.BackOff) error {
	now := time.Now()
	if r.waiting.IsZero() {
		r.waiting = now
		r.metrics.waits.WithLabelValues(serviceOf(what)).Inc()
		r.Logger.Info("run waits", zap.String("run", r.run.ID()), zap.String("for", what), zap.Error(cause))
	}
	// A database that does not answer cannot record a failure either.
	if waited := now.Sub(r.waiting); what != "journal" && r.cfg.GiveUp > 0 && waited >= r.cfg.GiveUp {
		return fmt.Errorf("%w: %s has not succeeded for %s: %s; resume the run when the service answers again",
			errGaveUp, what, waited.Round(time.Millisecond), errs.Reason(cause))
	}
	r.run.Set(environmentv1.RunState_RUN_STATE_WAITING, what+": "+errs.Reason(cause))
	wait := pause.NextBackOff()
	if asked, ok := errs.RetryDelay(cause); ok {
		wait = max(wait, asked)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.halt.Done():
		return ErrHalted
	}
}

// serviceOf is the service that a call goes to: "user" for "user.Act".
func serviceOf(what string) string {
	service, _, _ := strings.Cut(what, ".")
	return service
}

// answeredWithDelay reports that the service itself asked for a retry: it
// answered, so that nothing of the call took effect.
func answeredWithDelay(err error) bool {
	_, ok := errs.RetryDelay(err)
	return ok
}

// sessionLost reports that a service has no session of the run, or one at
// another step.
func sessionLost(err error) bool {
	return errors.Is(err, errs.ErrSessionNotFound) || errors.Is(err, errs.ErrSessionBehind)
}
