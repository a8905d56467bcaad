package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func stepChecks(exact Level) []check {
	return []check{
		{
			id: "run.life", level: Must, needs: []string{"session.open"},
			requires: "A run goes step by step: Recommend, then Observe of what was delivered; sleeping steps are left out.",
			run:      liveThrough,
		},
		{
			id: "run.observations", level: Must, needs: []string{"session.open"},
			requires: "Any observation is answered: out of sight, on the way, of any kind, in any language.",
			run:      oddObservations,
		},
		{
			id: "run.rebuilt", level: exact, needs: []string{"session.open-history", "run.life"},
			requires: "A session is a fold over the run's committed waking steps: one rebuilt from the history answers as the one that lived through it.",
			run:      rebuilt,
		},
		{
			id: "recommend.unmoved", level: Must, needs: []string{"session.open-history"},
			requires: "Recommend is repeatable: only Observe moves the session.",
			run:      recommendUnmoved,
		},
		{
			id: "recommend.same-answer", level: exact, needs: []string{"session.open-history"},
			requires: "The same step with the same session gives the same answer where the backend allows it.",
			run:      sameAnswer,
		},
	}
}

// liveThrough takes the session through a day and a morning as a run would.
func liveThrough(ctx context.Context, p *probe) finding {
	run := p.run("life")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	at, spoke := int32(-1), 0
	for _, m := range life(p.opts.StepSeconds, p.opts.Steps) {
		answer, err := p.recommend(ctx, run, m, at)
		if err != nil {
			return broken("OK", "Recommend at step %d, last_step %d: %s", m.step, at, told(err))
		}
		delivered := silence()
		if given := answer.GetCandidates(); len(given) > 0 && protovalidate.Validate(given[0]) == nil {
			delivered = given[0] // a malformed one is candidates.well-formed's business
		}
		if delivered.GetRecommendation() != nil {
			spoke++
		}
		past := p.past(m, delivered)
		if err := p.observe(ctx, run, at, past); err != nil {
			return broken("OK", "Observe at step %d, last_step %d: %s", m.step, at, told(err))
		}
		at = m.step
		p.lived = append(p.lived, livedStep{moment: m, answer: answer, past: past})
	}
	return ok("lived through %d waking steps; it spoke at %d and was silent at %d", len(p.lived), spoke, len(p.lived)-spoke)
}

func oddObservations(ctx context.Context, p *probe) finding {
	run := p.run("observations")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	step := life(p.opts.StepSeconds, 1)[0].step
	for _, o := range []struct {
		what string
		seen *simv1.Observation
	}{
		{"out of sight", &simv1.Observation{Kind: "private", StartedStep: step}},
		{"on the way", &simv1.Observation{Kind: "walking", Description: "on the way", Room: "hall", Walking: true, StartedStep: step}},
		{"of a kind of another world", &simv1.Observation{Kind: "beekeeping", Description: "smoking the hive", Room: "apiary", Object: "hive", StartedStep: step}},
		{"described in 2048 bytes of Japanese", &simv1.Observation{Kind: "reading", Description: strings.Repeat("読書", 341), Room: "書斎", Object: "本", StartedStep: step}},
	} {
		if _, err := p.recommend(ctx, run, moment{step: step, seen: o.seen}, -1); err != nil {
			return broken("OK", "a user %s: %s", o.what, told(err))
		}
	}
	return ok("answers a user out of sight, on the way, and of unknown kinds and languages")
}

// repeatedAt are the places of a day, as numbers of past steps, at which
// answers are compared.
var repeatedAt = []int{0, 12, 27, 45}

func recommendUnmoved(ctx context.Context, p *probe) finding {
	run := p.run("unmoved")
	moments := life(p.opts.StepSeconds, 40)
	history := p.history(moments[:30], 4)
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening: %s", told(err))
	}
	for i := range 3 {
		if _, err := p.recommend(ctx, run, moments[30], last(history)); err != nil {
			return broken("OK", "asked the same for time %d: %s", i+1, told(err))
		}
	}
	if err := p.observe(ctx, run, last(history), p.past(moments[30], silence())); err != nil {
		return broken("OK", "Observe after three times the same Recommend: %s", told(err))
	}
	if _, err := p.recommend(ctx, run, moments[31], moments[30].step); err != nil {
		return broken("the session stands at the observed step", "Recommend after that Observe: %s", told(err))
	}
	return ok("asking again does not move the session")
}

func sameAnswer(ctx context.Context, p *probe) finding {
	run := p.run("same")
	moments := life(p.opts.StepSeconds, 60)
	var c comparison
	for _, n := range repeatedAt {
		history := p.history(moments[:n], 4)
		if _, err := p.open(ctx, run, history); err != nil {
			return broken("OK", "opening with %d steps: %s", n, told(err))
		}
		first, err := p.recommend(ctx, run, moments[n], last(history))
		if err != nil {
			return broken("OK", "Recommend at step %d: %s", moments[n].step, told(err))
		}
		for range 2 {
			again, err := p.recommend(ctx, run, moments[n], last(history))
			if err != nil {
				return broken("OK", "Recommend at step %d again: %s", moments[n].step, told(err))
			}
			c.add(moments[n].step, first, again)
		}
	}
	return c.finding("repeated answers")
}

func rebuilt(ctx context.Context, p *probe) finding {
	run := p.run("life")
	var c comparison
	for _, n := range p.tellingSteps() {
		history := make([]*simv1.PastStep, n)
		for i := range history {
			history[i] = p.lived[i].past
		}
		if _, err := p.open(ctx, run, chunked(history, 17)...); err != nil {
			return broken("OK", "opening with the %d steps lived so far: %s", n, told(err))
		}
		now := p.lived[n]
		answer, err := p.recommend(ctx, run, now.moment, last(history))
		if err != nil {
			return broken("OK", "Recommend at step %d of the rebuilt session: %s", now.moment.step, told(err))
		}
		c.add(now.moment.step, now.answer, answer)
	}
	return c.finding("answers of rebuilt sessions")
}

// tellingSteps are the lived steps at which a session is built again: up to
// eight at which it took another course than at the step before, where what it
// remembers has shown, and eight spread over the whole.
func (p *probe) tellingSteps() []int {
	var at []int
	for n := 1; n < len(p.lived) && len(at) < 8; n++ {
		if speaks(p.lived[n].answer) != speaks(p.lived[n-1].answer) {
			at = append(at, n)
		}
	}
	for part := range 8 {
		at = append(at, (len(p.lived)-1)*(part+1)/8)
	}
	slices.Sort(at)
	return slices.Compact(at)
}

func speaks(answer *assistantv1.RecommendResponse) bool {
	given := answer.GetCandidates()
	return len(given) > 0 && given[0].GetRecommendation() != nil
}

// comparison counts answers that ought to be equal.
type comparison struct {
	compared, differing int
	example             string
}

func (c *comparison) add(step int32, want, got *assistantv1.RecommendResponse) {
	c.compared++
	if sameResponse(want, got) {
		return
	}
	c.differing++
	if c.example == "" {
		c.example = fmt.Sprintf("at step %d first %s, then %s", step, inWords(want), inWords(got))
	}
}

func (c *comparison) finding(what string) finding {
	if c.differing > 0 {
		return broken("a sampled model may differ, and its run cannot be repeated; a deterministic backend may not",
			"%d of %d %s differ: %s", c.differing, c.compared, what, c.example)
	}
	return ok("%d of %d %s are the same", c.compared, c.compared, what)
}

// sameResponse compares what is recorded of an answer; the calls behind it
// carry wall times and are left out.
func sameResponse(a, b *assistantv1.RecommendResponse) bool {
	if len(a.GetCandidates()) != len(b.GetCandidates()) || a.GetAdapter() != b.GetAdapter() || !proto.Equal(a.GetPrompt(), b.GetPrompt()) {
		return false
	}
	for i, c := range a.GetCandidates() {
		if !proto.Equal(c, b.GetCandidates()[i]) {
			return false
		}
	}
	return true
}

func inWords(resp *assistantv1.RecommendResponse) string {
	parts := make([]string, len(resp.GetCandidates()))
	for i, c := range resp.GetCandidates() {
		parts[i] = candidateInWords(c)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func candidateInWords(c *simv1.Candidate) string {
	switch choice := c.GetChoice().(type) {
	case *simv1.Candidate_Recommendation:
		return fmt.Sprintf("%q", shortened(choice.Recommendation.GetText(), 60))
	case *simv1.Candidate_Abstention:
		return "silence"
	default:
		return "no choice at all"
	}
}

// shortened cuts a text to n characters.
func shortened(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n]) + "..."
	}
	return text
}
