package conformance

import (
	"context"
	"math"
	"time"

	"google.golang.org/grpc/codes"

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
			requires: "The history comes in any number of messages; the answer is its last step, and the session stands there.",
			run:      openHistory,
		},
		{
			id: "session.open-long", level: Must, needs: []string{"session.open-history"},
			requires: "A history of two weeks opens within the time a call may take.",
			run:      openLong,
		},
		{
			id: "session.settings", level: Must, needs: []string{"session.open"},
			requires: "Any seed and any time scale from 10 to 3600 seconds a step that divides a day is taken.",
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
			requires: "A server whose session stands elsewhere than last_step answers FAILED_PRECONDITION, and its session stays as it is.",
			run:      missedStep,
		},
		{
			id: "session.close", level: Must, needs: []string{"session.open"},
			requires: "CloseSession forgets the session; an unknown one is a no-op.",
			run:      closeSession,
		},
		{
			id: "session.open-aborted", level: Must, needs: []string{"session.open-history"},
			requires: "An OpenSession that breaks off leaves the session there was, or one that asks to be opened again; it holds up nobody.",
			run:      abortedOpen,
		},
	}
}

func openEmpty(ctx context.Context, p *probe) finding {
	got, err := p.open(ctx, p.run("empty"))
	if err != nil {
		return broken("OK; a server that knows only methods, a memory or a scheme of its own is checked with these", "method %q: %s", p.opts.Method, told(err))
	}
	if got != -1 {
		return broken("last_step -1", "last_step %d", got)
	}
	first := life(p.opts.StepSeconds, 1)[0]
	if _, err := p.recommend(ctx, p.run("empty"), first, -1); err != nil {
		return broken("OK", "Recommend at the first step: %s", told(err))
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
			return broken("OK", "%d steps in %d messages: %s", len(history), len(chunks), told(err))
		}
		if got != last(history) {
			return broken("the step of the last PastStep", "%d steps up to step %d in %d messages: last_step %d", len(history), last(history), len(chunks), got)
		}
	}
	if _, err := p.recommend(ctx, p.run("history"), next, last(history)); err != nil {
		return broken("OK", "Recommend after the history: %s", told(err))
	}
	return ok("takes 70 steps in 1, 3 and 70 messages and stands at the last")
}

func openLong(ctx context.Context, p *probe) finding {
	start := p.start(p.run("long"))
	start.Settings.StepSeconds = 150
	history := p.history(life(150, 14*384), 20)
	began := time.Now()
	got, err := p.openWith(ctx, start, chunked(history, 1000)...)
	if err != nil {
		return broken("OK within the call's timeout", "%d steps in messages of 1000: %s", len(history), told(err))
	}
	if got != last(history) {
		return broken("the step of the last PastStep", "%d steps up to step %d: last_step %d", len(history), last(history), got)
	}
	return ok("takes %d steps in %d ms", len(history), time.Since(began).Milliseconds())
}

func openSettings(ctx context.Context, p *probe) finding {
	for _, s := range []*simv1.Settings{
		{Seed: 0, Stream: "a", StepSeconds: 10, Days: 1},
		{Seed: math.MaxUint64, Stream: "b", StepSeconds: 150, Days: 14},
		{Seed: 1, Stream: "c", StepSeconds: 3600, Days: 3650},
	} {
		start := p.start(p.run("settings"))
		start.Settings = s
		if _, err := p.openWith(ctx, start); err != nil {
			return broken("OK", "seed %d, %d seconds a step, %d days: %s", s.GetSeed(), s.GetStepSeconds(), s.GetDays(), told(err))
		}
		if _, err := p.recommend(ctx, p.run("settings"), life(s.GetStepSeconds(), 1)[0], -1); err != nil {
			return broken("OK", "Recommend with seed %d and %d seconds a step: %s", s.GetSeed(), s.GetStepSeconds(), told(err))
		}
	}
	return ok("takes 10, 150 and 3600 seconds a step and the greatest seed")
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
			return broken("OK", "opening again with %d steps: %s", n, told(err))
		}
		if _, err := p.recommend(ctx, run, moments[n], last(history)); err != nil {
			return broken("the session stands where the last opening ended", "after opening again with %d steps, Recommend with last_step %d: %s", n, last(history), told(err))
		}
	}
	return ok("the last opening counts, longer or shorter than the one before")
}

func unknownSession(ctx context.Context, p *probe) finding {
	run := p.run("never-opened")
	moments := life(p.opts.StepSeconds, 2)
	_, err := p.recommend(ctx, run, moments[0], -1)
	if code(err) != codes.NotFound {
		return broken("NOT_FOUND", "Recommend for a run that was never opened: %s", told(err))
	}
	err = p.observe(ctx, run, -1, p.past(moments[0], silence()))
	if code(err) != codes.NotFound {
		return broken("NOT_FOUND", "Observe for a run that was never opened: %s", told(err))
	}
	err = p.use(ctx, run, p.adapter())
	if c := code(err); err == nil {
		return broken("NOT_FOUND, or UNIMPLEMENTED where no adapter is taken", "UseAdapter for a run that was never opened: %s", told(err))
	} else if c != codes.NotFound && c != codes.Unimplemented {
		return ok("Recommend and Observe answer NOT_FOUND; UseAdapter refuses too, with %s", c)
	}
	return ok("answers NOT_FOUND")
}

func missedStep(ctx context.Context, p *probe) finding {
	run := p.run("missed")
	moments := life(p.opts.StepSeconds, 14)
	history := p.history(moments[:10], 4)
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	at := last(history)
	const allowed = "FAILED_PRECONDITION"
	for _, wrong := range []struct {
		what string
		last int32
	}{{"ahead of the session", moments[11].step}, {"behind the session", moments[4].step}, {"-1 after ten steps", -1}} {
		if _, err := p.recommend(ctx, run, moments[12], wrong.last); code(err) != codes.FailedPrecondition {
			return broken(allowed, "Recommend with last_step %s: %s", wrong.what, told(err))
		}
	}
	if err := p.observe(ctx, run, moments[11].step, p.past(moments[12], silence())); code(err) != codes.FailedPrecondition {
		return broken(allowed, "Observe with last_step ahead of the session: %s", told(err))
	}
	if _, err := p.recommend(ctx, run, moments[10], at); err != nil {
		return broken("the session stays as it is", "Recommend with the right last_step after the refusals: %s", told(err))
	}
	if err := p.observe(ctx, run, at, p.past(moments[10], silence())); err != nil {
		return broken("the session stays as it is", "Observe with the right last_step after the refusals: %s", told(err))
	}
	return ok("answers FAILED_PRECONDITION ahead and behind, and goes on afterwards")
}

func closeSession(ctx context.Context, p *probe) finding {
	run := p.run("close")
	moments := life(p.opts.StepSeconds, 1)
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	if err := p.close(ctx, run); err != nil {
		return broken("OK", "closing an open session: %s", told(err))
	}
	if _, err := p.recommend(ctx, run, moments[0], -1); code(err) != codes.NotFound {
		return broken("NOT_FOUND", "Recommend after closing: %s", told(err))
	}
	if err := p.close(ctx, run); err != nil {
		return broken("OK", "closing again: %s", told(err))
	}
	if err := p.close(ctx, p.run("never-opened")); err != nil {
		return broken("OK", "closing a run that was never opened: %s", told(err))
	}
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening again after closing: %s", told(err))
	}
	return ok("forgets the session; again, and for an unknown run, it is a no-op")
}

// abortedOpen breaks off an opening in the middle, as a caller does that is
// killed, and then asks the session that was there before. A server that has
// put the part in its place is told by last_step that it stands elsewhere, so
// that does no harm. The server learns of the break a moment later than the
// caller does, so it is asked a few times over.
func abortedOpen(ctx context.Context, p *probe) finding {
	run := p.run("aborted")
	moments := life(p.opts.StepSeconds, 20)
	history := p.history(moments[:10], 4)
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	aborting, abort := context.WithTimeout(ctx, p.opts.Timeout)
	defer abort()
	stream, err := p.client.OpenSession(aborting)
	if err != nil {
		return broken("OK", "opening again: %s", told(err))
	}
	for _, req := range []*assistantv1.OpenSessionRequest{startRequest(p.start(run)), historyRequest(history[:3])} {
		if err := stream.Send(req); err != nil {
			return broken("OK", "sending the first messages of an opening: %s", told(err))
		}
	}
	// A round trip on the same connection, and some time for the server to read:
	// a stream that is cancelled at once may never reach it.
	if _, err := p.open(ctx, p.run("aborted-beside")); err != nil {
		return broken("OK", "opening another run while an opening is under way: %s", told(err))
	}
	if err := wait(ctx, 30*time.Millisecond); err != nil {
		return broken("", "%v", err)
	}
	abort()
	for range 3 {
		_, err := p.recommend(ctx, run, moments[10], last(history))
		if c := code(err); c != codes.OK && c != codes.NotFound && c != codes.FailedPrecondition {
			return broken("OK, NOT_FOUND or FAILED_PRECONDITION", "Recommend after an opening that broke off: %s", told(err))
		}
		if wait(ctx, 20*time.Millisecond) != nil {
			break
		}
	}
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening again after an opening that broke off: %s", told(err))
	}
	if _, err := p.recommend(ctx, run, moments[10], last(history)); err != nil {
		return broken("OK", "Recommend after opening again: %s", told(err))
	}
	return ok("an opening that breaks off does no harm")
}

// wait pauses; it returns early with the error of a context that ends.
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
