package conformance

import (
	"context"

	"google.golang.org/protobuf/proto"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
)

func observeChecks(exact Level) []check {
	return []check{
		{
			id: "observe.repeat", level: Must, needs: []string{"session.open-history"},
			requires: "Observe of a step already observed is a no-op and answers OK, so that a caller may repeat what it is not sure of.",
			run:      observeRepeat,
		},
		{
			id: "observe.counted-once", level: exact, needs: []string{"observe.repeat"},
			requires: "A repeated Observe changes no answer.",
			run:      observeCountedOnce,
		},
		{
			id: "observe.score", level: Must, needs: []string{"session.open-history"},
			requires: "A step is taken with a score of 0 to 4, and without one where a criterion was unjudged, if the method knows scores.",
			run:      observeScore,
		},
	}
}

func observeRepeat(ctx context.Context, p *probe) finding {
	run := p.run("repeat")
	moments := life(p.opts.StepSeconds, 40)
	history := p.history(moments[:31], 4)
	before, newest := history[:30], history[30]
	if _, err := p.open(ctx, run, before); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	for _, what := range []string{"the first time", "again", "a third time"} {
		if err := p.observe(ctx, run, last(before), newest); err != nil {
			return broken("OK", "Observe of step %d %s: %s", newest.GetStep(), what, told(err))
		}
	}
	if err := p.observe(ctx, run, history[19].GetStep(), history[20]); err != nil {
		return broken("OK", "Observe of step %d when the session stands at step %d: %s", history[20].GetStep(), newest.GetStep(), told(err))
	}
	if _, err := p.recommend(ctx, run, moments[31], newest.GetStep()); err != nil {
		return broken("the session stands at the newest step", "Recommend after the repeats: %s", told(err))
	}
	return ok("the same step again, and an older one, are no-ops")
}

func observeCountedOnce(ctx context.Context, p *probe) finding {
	run := p.run("once")
	moments := life(p.opts.StepSeconds, 60)
	var c comparison
	for _, n := range repeatedAt {
		history := p.history(moments[:n+1], 2)
		before, newest := history[:n], history[n]
		if _, err := p.open(ctx, run, before); err != nil {
			return broken("OK", "opening: %s", told(err))
		}
		if err := p.observe(ctx, run, last(before), newest); err != nil {
			return broken("OK", "Observe: %s", told(err))
		}
		once, err := p.recommend(ctx, run, moments[n+1], newest.GetStep())
		if err != nil {
			return broken("OK", "Recommend: %s", told(err))
		}
		for range 5 {
			if err := p.observe(ctx, run, last(before), newest); err != nil {
				return broken("OK", "Observe again: %s", told(err))
			}
		}
		again, err := p.recommend(ctx, run, moments[n+1], newest.GetStep())
		if err != nil {
			return broken("OK", "Recommend after the repeats: %s", told(err))
		}
		c.add(moments[n+1].step, once, again)
	}
	return c.finding("answers before and after a repeated Observe")
}

func observeScore(ctx context.Context, p *probe) finding {
	if p.opts.Memory != assistantv1.MemoryLevel_MEMORY_LEVEL_ARS {
		return notApplicable("scores are told to the memory ars alone")
	}
	run := p.run("score")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", told(err))
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
			return broken("OK", "Observe with %s (%d): %s", what, past.GetScore(), told(err))
		}
		at = m.step
	}
	return ok("takes the scores 0 to 4 and their absence")
}
