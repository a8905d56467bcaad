package conformance

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
)

func deadlineChecks() []check {
	return []check{
		{
			id: "deadline.given-up", level: Must, needs: []string{"session.open-history"},
			requires: "A Recommend that the caller has cancelled ends at once, changes nothing, and blocks no later call.",
			run:      givenUp,
		},
		{
			id: "deadline.retry", level: Must, needs: []string{"session.open-history"},
			requires: "An Observe that the caller has cancelled may have counted or not; the same again answers OK, and then it has counted.",
			run:      retriedObserve,
		},
	}
}

// promptly is how long after its deadline a call may end: the machine may be busy.
const promptly = 5 * time.Second

// impatience has the timeouts of the cancelled calls.
var impatience = []time.Duration{0, time.Millisecond, 5 * time.Millisecond}

func givenUp(ctx context.Context, p *probe) finding {
	run := p.run("given-up")
	moments := life(p.opts.StepSeconds, 31)
	history := p.history(moments[:30], 4)
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	for _, patience := range impatience {
		began := time.Now()
		short, cancel := context.WithTimeout(ctx, patience)
		_, err := p.client.Recommend(short, request(run, moments[30], last(history)))
		cancel()
		if c := code(err); err != nil && c != codes.DeadlineExceeded && c != codes.Canceled {
			return broken("DEADLINE_EXCEEDED or CANCELLED, or an answer in time", "Recommend with a timeout of %s: %s", patience, outcome(err))
		}
		if took := time.Since(began); took > patience+promptly {
			return broken(fmt.Sprintf("an end within %s of the deadline", promptly), "Recommend with a timeout of %s took %s", patience, took.Round(time.Millisecond))
		}
		if _, err := p.recommend(ctx, run, moments[30], last(history)); err != nil {
			return broken("OK", "Recommend after one that was cancelled after %s: %s", patience, outcome(err))
		}
	}
	return ok("a cancelled call ends at once and changes nothing")
}

func retriedObserve(ctx context.Context, p *probe) finding {
	run := p.run("retry")
	moments := life(p.opts.StepSeconds, 20)
	history := p.history(moments[:19], 4)
	if _, err := p.open(ctx, run, history[:10]); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	for i, patience := range impatience {
		at, past := history[9+i].GetStep(), history[10+i]
		short, cancel := context.WithTimeout(ctx, patience)
		err := p.observe(short, run, at, past)
		cancel()
		if c := code(err); err != nil && c != codes.DeadlineExceeded && c != codes.Canceled {
			return broken("DEADLINE_EXCEEDED or CANCELLED, or OK in time", "Observe with a timeout of %s: %s", patience, outcome(err))
		}
		if err := p.observe(ctx, run, at, past); err != nil {
			return broken("OK", "the same Observe again after it was cancelled: %s", outcome(err))
		}
	}
	if _, err := p.recommend(ctx, run, moments[13], history[12].GetStep()); err != nil {
		return broken("the session is at the latest step", "Recommend afterwards: %s", outcome(err))
	}
	return ok("a cancelled Observe can be repeated")
}
