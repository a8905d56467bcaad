package conduct

import (
	"testing"

	"github.com/stretchr/testify/require"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestPairsOfAStep(t *testing.T) {
	const none = -1
	for name, test := range map[string]struct {
		totals []int32
		all    bool
		want   [][2]int32 // chosen, rejected
	}{
		"the best and the worst":           {[]int32{2, 4, 1}, false, [][2]int32{{1, 2}}},
		"all":                              {[]int32{2, 4, 1}, true, [][2]int32{{1, 2}, {1, 0}, {0, 2}}},
		"all, two of them equal":           {[]int32{4, 1, 4}, true, [][2]int32{{0, 1}, {2, 1}}},
		"all, two of them equal and worst": {[]int32{3, 4, 3}, true, [][2]int32{{1, 0}, {1, 2}}},
		"a tie":                            {[]int32{3, 3, 3}, true, nil},
		"one is unjudged":                  {[]int32{3, none, 1}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := &environmentv1.Step{Step: 7}
			for _, total := range test.totals {
				e := &simv1.Evaluation{}
				if total != none {
					e.Total = new(total)
				}
				s.Evaluations = append(s.Evaluations, e)
				s.Candidates = append(s.Candidates, &simv1.Candidate{})
			}
			prompt := &simv1.Prompt{}
			setPairs(s, prompt, test.all)
			var got [][2]int32
			for i, p := range PreferencePairs("run", s) {
				require.EqualValues(t, i, p.GetIndex())
				require.Equal(t, i == 0, p.GetPrompt() == prompt, "the prompt comes with the first alone")
				require.Greater(t, p.GetChosenEvaluation().GetTotal(), p.GetRejectedEvaluation().GetTotal())
			}
			if s.GetPair() != nil {
				for _, p := range append([]*environmentv1.Pair{s.GetPair()}, s.GetFurtherPairs()...) {
					got = append(got, [2]int32{p.GetChosen(), p.GetRejected()})
				}
			}
			require.Equal(t, test.want, got)
		})
	}
}
