package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestEveryTopicHasItsOwnWordsInEveryTone(t *testing.T) {
	seen := map[string]string{}
	for i, topic := range content.Topics() {
		for k, tone := range content.Tones() {
			n := policy.Lines(i, k)
			require.GreaterOrEqual(t, n, 3*4, topic.ID)
			for line := range n {
				text := policy.Line(i, k, line)
				require.NotContains(t, seen, text)
				seen[text] = topic.ID
				count := len(strings.Fields(text))
				require.True(t, count >= 4 && count <= 30, text)
				require.Contains(t, ".!?", text[len(text)-1:], text)
				if tone == content.Formal {
					require.NotContains(t, text, "n't", text)
				}
			}
		}
	}
}

// TestMostLinesRespectTheBoundaries judges every line by every boundary of
// manner; some cross one, so that boundaries matter, but not many.
func TestMostLinesRespectTheBoundaries(t *testing.T) {
	for boundary, most := range map[simv1.Boundary]float64{
		simv1.Boundary_BOUNDARY_NO_EXCLAMATION: 0.15,
		simv1.Boundary_BOUNDARY_NO_PRESSURE:    0.10,
		simv1.Boundary_BOUNDARY_NO_QUESTIONS:   0.15,
		simv1.Boundary_BOUNDARY_NO_SLANG:       0,
	} {
		judge, err := judge.Compile(&simv1.PreferenceSpec{Communication: &simv1.CommunicationSpec{Boundaries: []simv1.Boundary{boundary}}})
		require.NoError(t, err)
		reading := judge.NewHistory(simtime.Scale(150)).Read(100, "reading")
		crossed, all := 0.0, 0.0
		for i, topic := range content.Topics() {
			for k, tone := range content.Tones() {
				for line := range policy.Lines(i, k) {
					e := reading.Evaluate(&simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{
						Text: policy.Line(i, k, line), Topic: topic.ID, Tone: string(tone),
					}}})
					all++
					if e.GetVerdicts()[3].GetOutcome() == simv1.Outcome_OUTCOME_FAIL {
						crossed++
					}
				}
			}
		}
		require.LessOrEqual(t, crossed/all, most, boundary)
		if most > 0 {
			require.Positive(t, crossed, boundary)
		}
	}
}
