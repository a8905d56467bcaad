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
			requires: "A run proceeds step by step: Recommend, then Observe of what was delivered. Steps at which the user sleeps are left out.",
			run:      liveThrough,
		},
		{
			id: "run.observations", level: Must, needs: []string{"session.open"},
			requires: "Every observation is answered: out of sight, walking, of an unknown activity, in any language.",
			run:      oddObservations,
		},
		{
			id: "run.rebuilt", level: exact, needs: []string{"session.open-history", "run.life"},
			requires: "A session is a fold over the run's committed steps and their notes: one that is opened with the history answers as the one that went through it.",
			run:      rebuilt,
		},
		{
			id: "recommend.unmoved", level: Must, needs: []string{"session.open-history"},
			requires: "Recommend is repeatable: only Observe changes the step of the session.",
			run:      recommendUnmoved,
		},
		{
			id: "recommend.same-answer", level: exact, needs: []string{"session.open-history"},
			requires: "The same step with the same session gives the same answer where the backend allows it.",
			run:      sameAnswer,
		},
	}
}

// liveThrough takes a session through a day and a morning, as a run does.
func liveThrough(ctx context.Context, p *probe) finding {
	run := p.run("life")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	at, spoke := int32(-1), 0
	for _, m := range life(p.opts.StepSeconds, p.opts.Steps) {
		answer, err := p.recommend(ctx, run, m, at)
		if err != nil {
			return broken("OK", "Recommend at step %d, last_step %d: %s", m.step, at, outcome(err))
		}
		delivered := silence()
		if given := answer.GetCandidates(); len(given) > 0 && protovalidate.Validate(given[0]) == nil {
			delivered = given[0] // candidates.well-formed reports a malformed one
		}
		if delivered.GetRecommendation() != nil {
			spoke++
		}
		past := p.past(m, delivered)
		past.Notes = answer.GetNotes()
		if err := p.observe(ctx, run, at, past); err != nil {
			return broken("OK", "Observe at step %d, last_step %d: %s", m.step, at, outcome(err))
		}
		at = m.step
		p.lived = append(p.lived, livedStep{moment: m, answer: answer, past: past})
	}
	return ok("went through %d waking steps; it recommended at %d and was silent at %d", len(p.lived), spoke, len(p.lived)-spoke)
}

func oddObservations(ctx context.Context, p *probe) finding {
	run := p.run("observations")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	step := life(p.opts.StepSeconds, 1)[0].step
	for _, o := range []struct {
		what string
		seen *simv1.Observation
	}{
		{"out of sight", &simv1.Observation{Kind: "private", StartedStep: step}},
		{"walking", &simv1.Observation{Kind: "walking", Description: "on the way", Room: "hall", Walking: true, StartedStep: step}},
		{"with an unknown activity", &simv1.Observation{Kind: "beekeeping", Description: "smoking the hive", Room: "apiary", Object: "hive", StartedStep: step}},
		{"described in 2048 bytes of Japanese", &simv1.Observation{Kind: "reading", Description: strings.Repeat("読書", 341), Room: "書斎", Object: "本", StartedStep: step}},
	} {
		if _, err := p.recommend(ctx, run, moment{step: step, seen: o.seen}, -1); err != nil {
			return broken("OK", "a user %s: %s", o.what, outcome(err))
		}
	}
	return ok("answers for a user out of sight, walking, with an unknown activity, and in another language")
}

// repeatedAt are the numbers of past steps after which answers are compared.
var repeatedAt = []int{0, 12, 27, 45}

func recommendUnmoved(ctx context.Context, p *probe) finding {
	run := p.run("unmoved")
	moments := life(p.opts.StepSeconds, 40)
	history := p.history(moments[:30], 4)
	if _, err := p.open(ctx, run, history); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	for i := range 3 {
		if _, err := p.recommend(ctx, run, moments[30], last(history)); err != nil {
			return broken("OK", "the same request, attempt %d: %s", i+1, outcome(err))
		}
	}
	if err := p.observe(ctx, run, last(history), p.past(moments[30], silence())); err != nil {
		return broken("OK", "Observe after the same Recommend three times: %s", outcome(err))
	}
	if _, err := p.recommend(ctx, run, moments[31], moments[30].step); err != nil {
		return broken("the session is at the observed step", "Recommend after that Observe: %s", outcome(err))
	}
	return ok("a repeated Recommend does not change the step of the session")
}

func sameAnswer(ctx context.Context, p *probe) finding {
	run := p.run("same")
	moments := life(p.opts.StepSeconds, 60)
	var c comparison
	for _, n := range repeatedAt {
		history := p.history(moments[:n], 4)
		if _, err := p.open(ctx, run, history); err != nil {
			return broken("OK", "opening with %d steps: %s", n, outcome(err))
		}
		first, err := p.recommend(ctx, run, moments[n], last(history))
		if err != nil {
			return broken("OK", "Recommend at step %d: %s", moments[n].step, outcome(err))
		}
		for range 2 {
			again, err := p.recommend(ctx, run, moments[n], last(history))
			if err != nil {
				return broken("OK", "Recommend at step %d again: %s", moments[n].step, outcome(err))
			}
			c.add(moments[n].step, first, again)
		}
	}
	return c.finding("repeated answers")
}

func rebuilt(ctx context.Context, p *probe) finding {
	run := p.run("life")
	var c comparison
	for _, n := range p.stepsToCompare() {
		history := make([]*simv1.PastStep, n)
		for i := range history {
			history[i] = p.lived[i].past
		}
		if _, err := p.open(ctx, run, chunked(history, 17)...); err != nil {
			return broken("OK", "opening with the first %d steps: %s", n, outcome(err))
		}
		now := p.lived[n]
		answer, err := p.recommend(ctx, run, now.moment, last(history))
		if err != nil {
			return broken("OK", "Recommend at step %d of the session opened again: %s", now.moment.step, outcome(err))
		}
		c.add(now.moment.step, now.answer, answer)
	}
	return c.finding("answers of sessions that were opened again")
}

// stepsToCompare returns the steps of run.life at which a session is opened again:
// up to eight at which it changed between recommending and silence, where its
// memory mattered, and eight spread over the run.
func (p *probe) stepsToCompare() []int {
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

// comparison counts answers that should be equal.
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
		return broken("equal answers from a deterministic server; the answers of a sampled model may differ, and its run cannot be repeated",
			"%d of %d %s differ: %s", c.differing, c.compared, what, c.example)
	}
	return ok("%d of %d %s are the same", c.compared, c.compared, what)
}

// sameResponse compares what decides a run: candidates, prompt and adapter. Model
// calls may differ, e.g. where a second one is answered from a cache.
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
	case *simv1.Candidate_Failure:
		return "a failure (" + choice.Failure.GetOutcome() + ")"
	default:
		return "no choice"
	}
}

// shortened returns the first n characters of a text.
func shortened(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n]) + "..."
	}
	return text
}
