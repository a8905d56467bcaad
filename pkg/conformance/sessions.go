package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func sessionChecks() []check {
	return []check{
		{
			id: "session.open", level: Must,
			requires: "OpenSession starts the session of a run; without a history it answers last_step -1.",
			run:      openEmpty,
		},
		{
			id: "session.open-history", level: Must, needs: []string{"session.open"},
			requires: "The history comes in any number of messages; the answer is its last waking step, and the session is at that step.",
			run:      openHistory,
		},
		{
			id: "session.open-long", level: Must, needs: []string{"session.open-history"},
			requires: "A history of two weeks opens within the timeout of a call.",
			run:      openLong,
		},
		{
			id: "session.settings", level: Must, needs: []string{"session.open"},
			requires: "Every seed and every time scale from 10 to 3600 seconds per step that divides a day is accepted.",
			run:      openSettings,
		},
		{
			id: "session.replace", level: Must, needs: []string{"session.open-history"},
			requires: "OpenSession replaces the session of a run that already has one.",
			run:      replaceSession,
		},
		{
			id: "session.unknown", level: Must, needs: []string{"session.open"},
			requires: "A server without the session answers NOT_FOUND, so that the caller opens it again.",
			run:      unknownSession,
		},
		{
			id: "session.missed-step", level: Must, needs: []string{"session.open-history"},
			requires: "A server whose session is at another step than last_step answers FAILED_PRECONDITION, and its session stays unchanged.",
			run:      missedStep,
		},
		{
			id: "session.reasons", level: Must, needs: []string{"session.unknown", "session.missed-step"},
			requires: "These two answers have a google.rpc.ErrorInfo of the domain propersim with the reason SESSION_NOT_FOUND and SESSION_BEHIND. The caller opens a session again for these reasons alone.",
			run:      sessionReasons,
		},
		{
			id: "session.close", level: Must, needs: []string{"session.open"},
			requires: "CloseSession forgets the session; an unknown one is a no-op.",
			run:      closeSession,
		},
		{
			id: "session.open-aborted", level: Must, needs: []string{"session.open-history"},
			requires: "An OpenSession that is aborted leaves the previous session, or one that must be opened again; it blocks no other call.",
			run:      abortedOpen,
		},
	}
}

func openEmpty(ctx context.Context, p *probe) finding {
	got, err := p.open(ctx, p.run("empty"))
	if err != nil {
		return broken("OK; check a server that knows only its own methods, memory levels or schemes with one of these", "method %q: %s", p.opts.Method.GetName(), outcome(err))
	}
	if got != -1 {
		return broken("last_step -1", "last_step %d", got)
	}
	first := life(p.opts.StepSeconds, 1)[0]
	if _, err := p.recommend(ctx, p.run("empty"), first, -1); err != nil {
		return broken("OK", "Recommend at the first step: %s", outcome(err))
	}
	return ok("opens without history and answers the first step")
}

func openHistory(ctx context.Context, p *probe) finding {
	moments := life(p.opts.StepSeconds, 71)
	history, next := p.history(moments[:70], 4), moments[70]
	for _, size := range []int{70, 25, 1} {
		chunks := chunked(history, size)
		got, err := p.open(ctx, p.run("history"), chunks...)
		if err != nil {
			return broken("OK", "%d steps in %d messages: %s", len(history), len(chunks), outcome(err))
		}
		if got != last(history) {
			return broken("the step of the last PastStep", "%d steps up to step %d in %d messages: last_step %d", len(history), last(history), len(chunks), got)
		}
	}
	if _, err := p.recommend(ctx, p.run("history"), next, last(history)); err != nil {
		return broken("OK", "Recommend after the history: %s", outcome(err))
	}
	return ok("accepts 70 steps in 1, 3 and 70 messages and is at the last one")
}

func openLong(ctx context.Context, p *probe) finding {
	start := p.start(p.run("long"))
	start.Settings.StepSeconds = 150
	history := p.history(life(150, 14*384), 20)
	began := time.Now()
	got, err := p.openWith(ctx, start, chunked(history, 1000)...)
	if err != nil {
		return broken("OK within the call's timeout", "%d steps in messages of 1000: %s", len(history), outcome(err))
	}
	if got != last(history) {
		return broken("the step of the last PastStep", "%d steps up to step %d: last_step %d", len(history), last(history), got)
	}
	return ok("accepts %d steps in %d ms", len(history), time.Since(began).Milliseconds())
}

func openSettings(ctx context.Context, p *probe) finding {
	for _, s := range []*simv1.Settings{
		{Seed: 0, StepSeconds: 10, Days: 1},
		{Seed: math.MaxUint64, StepSeconds: 150, Days: 14},
		{Seed: 1, StepSeconds: 3600, Days: 3650},
	} {
		start := p.start(p.run("settings"))
		start.Settings = s
		if _, err := p.openWith(ctx, start); err != nil {
			return broken("OK", "seed %d, %d seconds a step, %d days: %s", s.GetSeed(), s.GetStepSeconds(), s.GetDays(), outcome(err))
		}
		if _, err := p.recommend(ctx, p.run("settings"), life(s.GetStepSeconds(), 1)[0], -1); err != nil {
			return broken("OK", "Recommend with seed %d and %d seconds a step: %s", s.GetSeed(), s.GetStepSeconds(), outcome(err))
		}
	}
	return ok("accepts 10, 150 and 3600 seconds per step and the largest seed")
}

func replaceSession(ctx context.Context, p *probe) finding {
	run := p.run("replace")
	moments := life(p.opts.StepSeconds, 31)
	for _, n := range []int{20, 30, 0} {
		history := p.history(moments[:n], 4)
		var chunks [][]*simv1.PastStep
		if n > 0 {
			chunks = chunked(history, 1000)
		}
		if _, err := p.open(ctx, run, chunks...); err != nil {
			return broken("OK", "opening again with %d steps: %s", n, outcome(err))
		}
		if _, err := p.recommend(ctx, run, moments[n], last(history)); err != nil {
			return broken("the session is at the last step of the last opening", "after opening again with %d steps, Recommend with last_step %d: %s", n, last(history), outcome(err))
		}
	}
	return ok("the last opening counts, with a longer or a shorter history than the one before")
}

func unknownSession(ctx context.Context, p *probe) finding {
	run := p.run("never-opened")
	moments := life(p.opts.StepSeconds, 2)
	_, err := p.recommend(ctx, run, moments[0], -1)
	if code(err) != codes.NotFound {
		return broken("NOT_FOUND", "Recommend for a run that was never opened: %s", outcome(err))
	}
	err = p.observe(ctx, run, -1, p.past(moments[0], silence()))
	if code(err) != codes.NotFound {
		return broken("NOT_FOUND", "Observe for a run that was never opened: %s", outcome(err))
	}
	err = p.use(ctx, run, p.adapter())
	if c := code(err); err == nil {
		return broken("NOT_FOUND, or UNIMPLEMENTED for a server without adapters", "UseAdapter for a run that was never opened: %s", outcome(err))
	} else if c != codes.NotFound && c != codes.Unimplemented {
		return ok("Recommend and Observe answer NOT_FOUND; UseAdapter answers %s", c)
	}
	return ok("answers NOT_FOUND")
}

func missedStep(ctx context.Context, p *probe) finding {
	run := p.run("missed")
	moments := life(p.opts.StepSeconds, 14)
	history := p.history(moments[:10], 4)
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	at := last(history)
	const allowed = "FAILED_PRECONDITION"
	for _, wrong := range []struct {
		what string
		last int32
	}{{"ahead of the session", moments[11].step}, {"behind the session", moments[4].step}, {"-1 after ten steps", -1}} {
		if _, err := p.recommend(ctx, run, moments[12], wrong.last); code(err) != codes.FailedPrecondition {
			return broken(allowed, "Recommend with last_step %s: %s", wrong.what, outcome(err))
		}
	}
	if err := p.observe(ctx, run, moments[11].step, p.past(moments[12], silence())); code(err) != codes.FailedPrecondition {
		return broken(allowed, "Observe with last_step ahead of the session: %s", outcome(err))
	}
	if _, err := p.recommend(ctx, run, moments[10], at); err != nil {
		return broken("the session stays unchanged", "Recommend with the right last_step after the refusals: %s", outcome(err))
	}
	if err := p.observe(ctx, run, at, p.past(moments[10], silence())); err != nil {
		return broken("the session stays unchanged", "Observe with the right last_step after the refusals: %s", outcome(err))
	}
	return ok("answers FAILED_PRECONDITION ahead and behind, and continues afterwards")
}

// sessionReasons reads the reasons as a caller does: from the error's ErrorInfo.
func sessionReasons(ctx context.Context, p *probe) finding {
	const allowed = "google.rpc.ErrorInfo{reason: %q, domain: %q} in the details of the status"
	moments := life(p.opts.StepSeconds, 3)
	_, missing := p.recommend(ctx, p.run("never-opened"), moments[0], -1)
	if !errors.Is(errs.FromStatus(missing), errs.ErrSessionNotFound) {
		return broken(fmt.Sprintf(allowed, "SESSION_NOT_FOUND", errs.Domain), "Recommend for a run that was never opened: %s, without that reason", outcome(missing))
	}
	if _, err := p.open(ctx, p.run("reasons")); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	_, behind := p.recommend(ctx, p.run("reasons"), moments[2], moments[1].step)
	if !errors.Is(errs.FromStatus(behind), errs.ErrSessionBehind) {
		return broken(fmt.Sprintf(allowed, "SESSION_BEHIND", errs.Domain), "Recommend with last_step ahead of the session: %s, without that reason", outcome(behind))
	}
	return ok("gives the reasons SESSION_NOT_FOUND and SESSION_BEHIND")
}

func closeSession(ctx context.Context, p *probe) finding {
	run := p.run("close")
	moments := life(p.opts.StepSeconds, 1)
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	if err := p.close(ctx, run); err != nil {
		return broken("OK", "closing an open session: %s", outcome(err))
	}
	if _, err := p.recommend(ctx, run, moments[0], -1); code(err) != codes.NotFound {
		return broken("NOT_FOUND", "Recommend after closing: %s", outcome(err))
	}
	if err := p.close(ctx, run); err != nil {
		return broken("OK", "closing again: %s", outcome(err))
	}
	if err := p.close(ctx, p.run("never-opened")); err != nil {
		return broken("OK", "closing a run that was never opened: %s", outcome(err))
	}
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening again after closing: %s", outcome(err))
	}
	return ok("forgets the session; closing it again, or an unknown one, is a no-op")
}

// abortedOpen aborts an opening in the middle, as a caller that is killed, and then
// uses the session that was there before. A server that has replaced it by the
// incomplete one does no harm: last_step differs, and the caller opens it again.
// The server notices the abort a little later than the caller, so the question is
// repeated.
func abortedOpen(ctx context.Context, p *probe) finding {
	run := p.run("aborted")
	moments := life(p.opts.StepSeconds, 20)
	history := p.history(moments[:10], 4)
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	aborting, abort := context.WithTimeout(ctx, p.opts.Timeout)
	defer abort()
	stream, err := p.client.OpenSession(aborting)
	if err != nil {
		return broken("OK", "opening again: %s", outcome(err))
	}
	for _, req := range []*assistantv1.OpenSessionRequest{startRequest(p.start(run)), historyRequest(history[:3])} {
		if err := stream.Send(req); err != nil {
			return broken("OK", "sending the first messages of an opening: %s", outcome(err))
		}
	}
	// A stream that is cancelled at once may never reach the server. A round trip on
	// the same connection and a pause give it time to read.
	if _, err := p.open(ctx, p.run("aborted-beside")); err != nil {
		return broken("OK", "opening another run during an opening: %s", outcome(err))
	}
	if err := wait(ctx, 30*time.Millisecond); err != nil {
		return broken("", "%v", err)
	}
	abort()
	for range 3 {
		_, err := p.recommend(ctx, run, moments[10], last(history))
		if c := code(err); c != codes.OK && c != codes.NotFound && c != codes.FailedPrecondition {
			return broken("OK, NOT_FOUND or FAILED_PRECONDITION", "Recommend after an aborted opening: %s", outcome(err))
		}
		if wait(ctx, 20*time.Millisecond) != nil {
			break
		}
	}
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening again after an aborted opening: %s", outcome(err))
	}
	if _, err := p.recommend(ctx, run, moments[10], last(history)); err != nil {
		return broken("OK", "Recommend after opening again: %s", outcome(err))
	}
	return ok("an aborted opening does no harm")
}

// wait pauses. It returns early, with the context's error, when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
