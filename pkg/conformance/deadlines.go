package conformance

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
)

func deadlineChecks() []check {
	return []check{
		{
			id: "deadline.given-up", level: Must, needs: []string{"session.open-history"},
			requires: "A Recommend that the caller has given up ends at once, moves nothing, and holds up no later call.",
			run:      givenUp,
		},
		{
			id: "deadline.retry", level: Must, needs: []string{"session.open-history"},
			requires: "An Observe that the caller has given up may have counted or not; the same again is OK and then it has.",
			run:      retriedObserve,
		},
	}
}

// impatience are the deadlines after which a call is given up.
var impatience = []time.Duration{0, time.Millisecond, 5 * time.Millisecond}

func givenUp(ctx context.Context, p *probe) finding {
	run := p.run("given-up")
	moments := life(p.opts.StepSeconds, 31)
	history := p.history(moments[:30], 4)
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	for _, patience := range impatience {
		began := time.Now()
		short, cancel := context.WithTimeout(ctx, patience)
		_, err := p.client.Recommend(short, request(run, moments[30], last(history)))
		cancel()
		if c := code(err); err != nil && c != codes.DeadlineExceeded && c != codes.Canceled {
			return broken("DEADLINE_EXCEEDED or CANCELLED, or an answer in time", "Recommend with %s to go: %s", patience, told(err))
		}
		if took := time.Since(began); took > patience+time.Second {
			return broken("an end within a second of the deadline", "Recommend with %s to go took %s", patience, took.Round(time.Millisecond))
		}
		if _, err := p.recommend(ctx, run, moments[30], last(history)); err != nil {
			return broken("OK", "Recommend after one that was given up after %s: %s", patience, told(err))
		}
	}
	return ok("a call that is given up ends at once and disturbs nothing")
}

func retriedObserve(ctx context.Context, p *probe) finding {
	run := p.run("retry")
	moments := life(p.opts.StepSeconds, 20)
	history := p.history(moments[:19], 4)
	if _, err := p.open(ctx, run, history[:10]); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	for i, patience := range impatience {
		at, past := history[9+i].GetStep(), history[10+i]
		short, cancel := context.WithTimeout(ctx, patience)
		err := p.observe(short, run, at, past)
		cancel()
		if c := code(err); err != nil && c != codes.DeadlineExceeded && c != codes.Canceled {
			return broken("DEADLINE_EXCEEDED or CANCELLED, or OK in time", "Observe with %s to go: %s", patience, told(err))
		}
		if err := p.observe(ctx, run, at, past); err != nil {
			return broken("OK", "the same Observe again after it was given up: %s", told(err))
		}
	}
	if _, err := p.recommend(ctx, run, moments[13], history[12].GetStep()); err != nil {
		return broken("the session stands at the newest step", "Recommend afterwards: %s", told(err))
	}
	return ok("an Observe that was given up can be repeated")
}
