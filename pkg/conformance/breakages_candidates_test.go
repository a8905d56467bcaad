package conformance_test

import (
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/conformance"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// candidateBreakages break the checks candidates.*.
var candidateBreakages = []breakage{
	{
		name: "one candidate too many",
		apply: answered(func(r *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			if len(resp.GetCandidates()) < 16 {
				resp.Candidates = append(resp.Candidates, resp.GetCandidates()[0])
			}
		}),
		fails: []string{"candidates.count"},
	},
	{
		name: "contrast without the opposite",
		opts: conformance.Options{Method: withContrast},
		apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			resp.Candidates[1] = proto.CloneOf(resp.GetCandidates()[0])
		}),
		fails: []string{"candidates.contrast"},
	},
	{
		name: "contrast of one recommendation only",
		opts: conformance.Options{Method: withContrast},
		apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			resp.Candidates = resp.GetCandidates()[:2]
		}),
		fails: []string{"candidates.contrast"},
	},
	{
		name:  "an empty text",
		apply: speech(func(r *simv1.Recommendation) { r.Text = "" }),
		// An empty text is not an explicit silence either.
		fails: []string{"candidates.well-formed"}, warns: []string{"candidates.silence"},
	},
	{
		name: "a candidate without a choice",
		apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			resp.GetCandidates()[len(resp.GetCandidates())-1].Choice = nil
		}),
		fails: []string{"candidates.well-formed"},
	},
	{
		name:  "silence as a text",
		apply: speech(func(r *simv1.Recommendation) { r.Text = "No Recommendation." }),
		warns: []string{"candidates.silence"},
	},
	{
		name:  "an unknown topic",
		apply: speech(func(r *simv1.Recommendation) { r.Topic = "beekeeping-tips" }),
		warns: []string{"candidates.vocabulary"},
	},
	{
		name:  "an unknown tone",
		apply: speech(func(r *simv1.Recommendation) { r.Tone = "shouting" }),
		warns: []string{"candidates.vocabulary"},
	},
	{
		name: "a sample that is called an opposite",
		apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			resp.GetCandidates()[0].Origin = simv1.Origin_ORIGIN_OPPOSITE
		}),
		warns: []string{"candidates.origin"},
	},
	{
		name: "a completion that is not JSON",
		apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			resp.GetCandidates()[0].Completion = "No Recommendation"
		}),
		warns: []string{"candidates.completion"},
	},
	{
		name: "a failure without an outcome",
		apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			last := len(resp.GetCandidates()) - 1
			resp.Candidates[last] = &simv1.Candidate{Choice: &simv1.Candidate_Failure{Failure: &simv1.Failure{}}, Origin: simv1.Origin_ORIGIN_SAMPLE}
		}),
		fails: []string{"candidates.well-formed"},
	},
}
