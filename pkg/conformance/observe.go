package conformance

import (
	"context"

	"google.golang.org/protobuf/proto"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func observeChecks(exact Level) []check {
	return []check{
		{
			id: "observe.repeat", level: Must, needs: []string{"session.open-history"},
			requires: "Observe of a step that was observed before is a no-op and answers OK, so that a caller can retry.",
			run:      observeRepeat,
		},
		{
			id: "observe.counted-once", level: exact, needs: []string{"observe.repeat"},
			requires: "A repeated Observe changes no answer.",
			run:      observeCountedOnce,
		},
		{
			id: "observe.score", level: Must, needs: []string{"session.open-history"},
			requires: "If the method knows scores, a step is accepted with a score of 0 to 4, and without one where a criterion was unjudged.",
			run:      observeScore,
		},
		{
			id: "observe.failure", level: Must, needs: []string{"session.open-history"},
			requires: "A step at which a failure was delivered is accepted, by Observe and in the history: the user experienced silence.",
			run:      observeFailure,
		},
	}
}

func observeRepeat(ctx context.Context, p *probe) finding {
	run := p.run("repeat")
	moments := life(p.opts.StepSeconds, 40)
	history := p.history(moments[:31], 4)
	before, newest := history[:30], history[30]
	if _, err := p.open(ctx, run, before); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	for _, what := range []string{"the first time", "again", "a third time"} {
		if err := p.observe(ctx, run, last(before), newest); err != nil {
			return broken("OK", "Observe of step %d %s: %s", newest.GetStep(), what, outcome(err))
		}
	}
	if err := p.observe(ctx, run, history[19].GetStep(), history[20]); err != nil {
		return broken("OK", "Observe of step %d when the session is at step %d: %s", history[20].GetStep(), newest.GetStep(), outcome(err))
	}
	if _, err := p.recommend(ctx, run, moments[31], newest.GetStep()); err != nil {
		return broken("the session is at the latest step", "Recommend after the repeats: %s", outcome(err))
	}
	return ok("the same step again, and an earlier one, are no-ops")
}

func observeCountedOnce(ctx context.Context, p *probe) finding {
	run := p.run("once")
	moments := life(p.opts.StepSeconds, 60)
	var c comparison
	for _, n := range repeatedAt {
		history := p.history(moments[:n+1], 2)
		before, newest := history[:n], history[n]
		if _, err := p.open(ctx, run, before); err != nil {
			return broken("OK", "opening: %s", outcome(err))
		}
		if err := p.observe(ctx, run, last(before), newest); err != nil {
			return broken("OK", "Observe: %s", outcome(err))
		}
		once, err := p.recommend(ctx, run, moments[n+1], newest.GetStep())
		if err != nil {
			return broken("OK", "Recommend: %s", outcome(err))
		}
		for range 5 {
			if err := p.observe(ctx, run, last(before), newest); err != nil {
				return broken("OK", "Observe again: %s", outcome(err))
			}
		}
		again, err := p.recommend(ctx, run, moments[n+1], newest.GetStep())
		if err != nil {
			return broken("OK", "Recommend after the repeats: %s", outcome(err))
		}
		c.add(moments[n+1].step, once, again)
	}
	return c.finding("answers before and after a repeated Observe")
}

func observeScore(ctx context.Context, p *probe) finding {
	if p.opts.Method.GetMemory() != simv1.MemoryLevel_MEMORY_LEVEL_ARS {
		return notApplicable("only memory level ARS knows scores")
	}
	run := p.run("score")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	at := int32(-1)
	for i, m := range life(p.opts.StepSeconds, 6) {
		past := p.past(m, said(i))
		past.Score = nil
		what := "no score"
		if i < 5 {
			past.Score = proto.Int32(int32(i))
			what = "a score"
		}
		if err := p.observe(ctx, run, at, past); err != nil {
			return broken("OK", "Observe with %s (%d): %s", what, past.GetScore(), outcome(err))
		}
		at = m.step
	}
	return ok("accepts the scores 0 to 4, and none")
}

func observeFailure(ctx context.Context, p *probe) finding {
	run := p.run("failure")
	moments := life(p.opts.StepSeconds, 4)
	first, second := p.past(moments[0], failure()), p.past(moments[1], failure())
	first.Score, second.Score = nil, nil // a failure has no score
	if _, err := p.open(ctx, run, []*simv1.PastStep{first}); err != nil {
		return broken("OK", "opening with a step at which a failure was delivered: %s", outcome(err))
	}
	if err := p.observe(ctx, run, moments[0].step, second); err != nil {
		return broken("OK", "Observe of a step at which a failure was delivered: %s", outcome(err))
	}
	if _, err := p.recommend(ctx, run, moments[2], moments[1].step); err != nil {
		return broken("the session is at the latest step", "Recommend after a failure: %s", outcome(err))
	}
	return ok("accepts steps at which a failure was delivered")
}
