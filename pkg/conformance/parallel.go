package conformance

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func parallelChecks(exact Level) []check {
	return []check{
		{
			id: "runs.beside", level: Must, needs: []string{"session.open-history"},
			requires: "Sessions of several runs exist at the same time, each at its own step; closing one leaves the others.",
			run:      runsBeside,
		},
		{
			id: "runs.apart", level: exact, needs: []string{"runs.beside"},
			requires: "Nothing of one run reaches another: a run answers beside other runs as it does alone.",
			run:      runsApart,
		},
		{
			id: "runs.at-once", level: Must, needs: []string{"session.open-history"},
			requires: "Eight runs can call at the same time.",
			run:      runsAtOnce,
		},
	}
}

// couple returns two runs whose memories have nothing in common: a morning with
// many recommendations and an afternoon without.
func (p *probe) couple() (loud, quiet *course) {
	moments := life(p.opts.StepSeconds, 60)
	loud = &course{run: p.run("loud"), history: p.history(moments[:6], 1), ahead: moments[6:10]}
	quiet = &course{run: p.run("quiet"), history: p.history(moments[:40], 1000), ahead: moments[40:44]}
	loud.delivered = said(1)
	quiet.delivered = silence()
	return loud, quiet
}

// course is a run in progress: its history and the moments that follow.
type course struct {
	run       string
	history   []*simv1.PastStep
	ahead     []moment
	delivered *simv1.Candidate
	at        int32
	answers   []*assistantv1.RecommendResponse
}

func (c *course) open(ctx context.Context, p *probe) error {
	_, err := p.open(ctx, c.run, c.history)
	c.at, c.answers = last(c.history), nil
	return err
}

// step takes the next moment: Recommend and Observe.
func (c *course) step(ctx context.Context, p *probe) error {
	m := c.ahead[len(c.answers)]
	answer, err := p.recommend(ctx, c.run, m, c.at)
	if err != nil {
		return fmt.Errorf("on Recommend at step %d: %s", m.step, outcome(err))
	}
	if err := p.observe(ctx, c.run, c.at, p.past(m, c.delivered)); err != nil {
		return fmt.Errorf("on Observe at step %d: %s", m.step, outcome(err))
	}
	c.at, c.answers = m.step, append(c.answers, answer)
	return nil
}

// together opens two courses and takes their moments in turn.
func together(ctx context.Context, p *probe, a, b *course) error {
	for _, c := range []*course{a, b} {
		if err := c.open(ctx, p); err != nil {
			return fmt.Errorf("OpenSession: %s", outcome(err))
		}
	}
	for range a.ahead {
		for _, c := range []*course{a, b} {
			if err := c.step(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func runsBeside(ctx context.Context, p *probe) finding {
	loud, quiet := p.couple()
	if err := together(ctx, p, loud, quiet); err != nil {
		return broken("OK", "two runs in turn: %v", err)
	}
	if err := p.close(ctx, quiet.run); err != nil {
		return broken("OK", "closing one of two: %s", outcome(err))
	}
	next := moment{step: loud.at + 1, seen: loud.ahead[0].seen}
	if _, err := p.recommend(ctx, loud.run, next, loud.at); err != nil {
		return broken("OK", "Recommend of one run after the other was closed: %s", outcome(err))
	}
	return ok("two runs continue in turn, each at its own step")
}

func runsApart(ctx context.Context, p *probe) finding {
	loud, quiet := p.couple()
	alone := map[*course][]*assistantv1.RecommendResponse{}
	for _, c := range []*course{loud, quiet} {
		if err := c.open(ctx, p); err != nil {
			return broken("OK", "OpenSession: %s", outcome(err))
		}
		for range c.ahead {
			if err := c.step(ctx, p); err != nil {
				return broken("OK", "a run alone: %v", err)
			}
		}
		alone[c] = c.answers
		if err := p.close(ctx, c.run); err != nil {
			return broken("OK", "CloseSession: %s", outcome(err))
		}
	}
	if err := together(ctx, p, loud, quiet); err != nil {
		return broken("OK", "two runs in turn: %v", err)
	}
	var diff comparison
	for _, c := range []*course{loud, quiet} {
		for i, answer := range c.answers {
			diff.add(c.ahead[i].step, alone[c][i], answer)
		}
	}
	return diff.finding("answers alone and beside another run")
}

func runsAtOnce(ctx context.Context, p *probe) finding {
	const runs = 8
	moments := life(p.opts.StepSeconds, 60)
	group, ctx := errgroup.WithContext(ctx)
	for i := range runs {
		group.Go(func() error {
			n := i * 5
			c := &course{
				run: p.run(fmt.Sprintf("at-once-%d", i)), history: p.history(moments[:n], 3),
				ahead: moments[n : n+4], delivered: silence(),
			}
			if err := c.open(ctx, p); err != nil {
				return fmt.Errorf("OpenSession: %s", outcome(err))
			}
			for range c.ahead {
				if err := c.step(ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return broken("OK", "%d runs at once: %v", runs, err)
	}
	return ok("%d runs at once, 4 steps each", runs)
}
