package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func candidateChecks() []check {
	return []check{
		{
			id: "candidates.count", level: Must, needs: []string{"session.open"},
			requires: "Under the scheme samples the answer has as many candidates as were requested, 1 to 16.",
			run:      exactCount,
		},
		{
			id: "candidates.contrast", level: Must, needs: []string{"run.life"},
			requires: "Under the scheme contrast: candidate 0, then its opposite in kind, then, if candidate 0 is a recommendation, a second recommendation.",
			run:      contrastRule,
		},
		{
			id: "candidates.well-formed", level: Must, needs: []string{"session.open"},
			requires: "A candidate is a recommendation with a text, an abstention, or a failure; every answer satisfies the field rules of the contract.",
			run:      wellFormed,
		},
		{
			id: "candidates.silence", level: Should, needs: []string{"session.open"},
			requires: "Silence is an explicit abstention, not a text that says so; it is always allowed.",
			run:      explicitSilence,
		},
		{
			id: "candidates.vocabulary", level: Should, needs: []string{"session.open"},
			requires: "Topic and tone are of the shared vocabulary, or empty where the assistant does not know them.",
			run:      vocabulary,
		},
		{
			id: "candidates.origin", level: Should, needs: []string{"session.open"},
			requires: "The origin says how a candidate was made; under samples it is a sample.",
			run:      origins,
		},
		{
			id: "candidates.completion", level: Should, needs: []string{"session.open"},
			requires: "The completion of a recommendation or an abstention is the answer as the policy gave it, a JSON object; the same text becomes the training target.",
			run:      completions,
		},
	}
}

func exactCount(ctx context.Context, p *probe) finding {
	if p.opts.Method.GetScheme() != simv1.Scheme_SCHEME_SAMPLES {
		return notApplicable("the scheme samples is not claimed")
	}
	run := p.run("count")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	for _, n := range []int32{1, 2, 3, 16} {
		req := request(run, life(p.opts.StepSeconds, 1)[0], -1)
		req.Candidates = n
		answer, err := p.sendRecommend(ctx, req)
		if err != nil {
			return broken("OK", "%d candidates requested: %s", n, outcome(err))
		}
		if got := len(answer.GetCandidates()); got != int(n) {
			return broken(fmt.Sprintf("%d candidates", n), "%d candidates requested: the answer has %d", n, got)
		}
	}
	return ok("returns 1, 2, 3 and 16 candidates as requested")
}

func contrastRule(_ context.Context, p *probe) finding {
	if p.opts.Method.GetScheme() != simv1.Scheme_SCHEME_CONTRAST {
		return notApplicable("the scheme contrast is not claimed")
	}
	const allowed = "after a silence: a recommendation of origin OPPOSITE; after a recommendation: an abstention of origin OPPOSITE, then a recommendation of origin SECOND"
	for _, step := range p.lived {
		if why := contrastFault(step.answer.GetCandidates()); why != "" {
			return broken(allowed, "at step %d %s: %s", step.moment.step, why, inWords(step.answer))
		}
	}
	return ok("satisfied at all %d steps", len(p.lived))
}

// contrastFault says what is wrong with candidates of the contrast scheme.
func contrastFault(c []*simv1.Candidate) string {
	if len(c) == 0 {
		return "no candidates"
	}
	speaks := c[0].GetRecommendation() != nil
	want := 2
	if speaks {
		want = 3
	}
	switch {
	case len(c) != want:
		return fmt.Sprintf("%d candidates instead of %d", len(c), want)
	case c[1].GetFailure() == nil && (c[1].GetRecommendation() != nil) == speaks:
		return "candidate 1 is not the opposite in kind"
	case c[1].GetOrigin() != simv1.Origin_ORIGIN_OPPOSITE:
		return "candidate 1 has the origin " + c[1].GetOrigin().String()
	case speaks && c[2].GetAbstention() != nil:
		return "candidate 2 is an abstention"
	case speaks && c[2].GetOrigin() != simv1.Origin_ORIGIN_SECOND:
		return "candidate 2 has the origin " + c[2].GetOrigin().String()
	}
	return ""
}

func wellFormed(_ context.Context, p *probe) finding {
	for _, answer := range p.answers {
		if err := protovalidate.Validate(answer); err != nil {
			return broken("answers that satisfy the field rules of the contract", "%s in %s",
				strings.Join(strings.Fields(err.Error()), " "), inWords(answer))
		}
		for i, c := range answer.GetCandidates() {
			if r := c.GetRecommendation(); r != nil && strings.TrimSpace(r.GetText()) == "" {
				return broken("a text, or an abstention", "candidate %d is a recommendation with a blank text", i)
			}
		}
	}
	return ok("satisfied in all %d answers", len(p.answers))
}

// magic has texts by which assistants have meant silence.
var magic = map[string]bool{
	"no recommendation": true, "none": true, "abstain": true, "abstention": true, "silence": true,
	"null": true, "n/a": true, "nothing": true, "no": true, "do nothing": true, "no suggestion": true,
}

func explicitSilence(_ context.Context, p *probe) finding {
	spoke, silent, failed := 0, 0, 0
	for _, answer := range p.answers {
		for _, c := range answer.GetCandidates() {
			if c.GetFailure() != nil {
				failed++
				continue
			}
			if c.GetRecommendation() == nil {
				silent++
				continue
			}
			spoke++
			text := strings.ToLower(strings.Trim(c.GetRecommendation().GetText(), " .!-_\"'[]()\n\t"))
			if magic[text] || text == "" {
				return broken("an abstention instead", "a recommendation reads %q", c.GetRecommendation().GetText())
			}
		}
	}
	return ok("%d recommendations, %d abstentions and %d failures, all of them explicit", spoke, silent, failed)
}

func vocabulary(_ context.Context, p *probe) finding {
	for _, answer := range p.answers {
		for _, c := range answer.GetCandidates() {
			r := c.GetRecommendation()
			if topic := r.GetTopic(); topic != "" && content.TopicIndex(topic) < 0 {
				return broken("empty, or a topic of pkg/content such as "+someTopics(), "topic %q is unknown; a judge cannot match it", topic)
			}
			if tone := r.GetTone(); tone != "" && content.ToneIndex(content.Tone(tone)) < 0 {
				return broken("empty, or one of "+allTones(), "tone %q is unknown; a judge cannot match it", tone)
			}
		}
	}
	return ok("known or empty in all %d answers", len(p.answers))
}

func someTopics() string {
	names := make([]string, 0, 5)
	for _, t := range content.Topics()[:5] {
		names = append(names, t.ID)
	}
	return strings.Join(names, ", ")
}

func allTones() string {
	names := make([]string, 0, 8)
	for _, t := range content.Tones() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

func origins(_ context.Context, p *probe) finding {
	for _, answer := range p.answers {
		for i, c := range answer.GetCandidates() {
			sample := c.GetOrigin() == simv1.Origin_ORIGIN_SAMPLE || c.GetOrigin() == simv1.Origin_ORIGIN_UNSPECIFIED
			if !sample && (i == 0 || p.opts.Method.GetScheme() == simv1.Scheme_SCHEME_SAMPLES) {
				return broken("ORIGIN_SAMPLE, or unspecified", "candidate %d has the origin %s", i, c.GetOrigin())
			}
		}
	}
	return ok("satisfied in all %d answers", len(p.answers))
}

func completions(_ context.Context, p *probe) finding {
	given := 0
	for _, answer := range p.answers {
		for _, c := range answer.GetCandidates() {
			if c.GetCompletion() == "" || c.GetFailure() != nil {
				continue
			}
			given++
			var object map[string]any
			if err := json.Unmarshal([]byte(c.GetCompletion()), &object); err != nil {
				return broken(`empty, or a JSON object such as {"action":"abstain"}`, "completion %q is not a JSON object", shortened(c.GetCompletion(), 80))
			}
		}
	}
	if given == 0 {
		return notApplicable("no candidate has a completion; no model can be trained on these answers")
	}
	return ok("%d completions are JSON objects", given)
}
