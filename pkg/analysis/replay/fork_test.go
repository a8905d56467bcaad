package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// TestStepsBeforeAForkHaveThePairsOfTheirOwnMethod: the run that made them may have
// had another scheme than the fork.
func TestStepsBeforeAForkHaveThePairsOfTheirOwnMethod(t *testing.T) {
	step := func(number int32, further ...*environmentv1.Pair) *environmentv1.Step {
		s := &environmentv1.Step{Step: number, Pair: &environmentv1.Pair{Chosen: 1, Rejected: 2}, FurtherPairs: further}
		for _, total := range []int32{2, 4, 1} {
			s.Evaluations = append(s.Evaluations, &simv1.Evaluation{Total: new(total)})
		}
		return s
	}
	all := []*environmentv1.Pair{{Chosen: 1, Rejected: 0}, {Chosen: 0, Rejected: 2}}
	for scheme, want := range map[simv1.Scheme]int{simv1.Scheme_SCHEME_SAMPLES: 1, simv1.Scheme_SCHEME_COMPLETE: 3} {
		c := &check{run: &environmentv1.Run{ForkedFrom: "other", ForkedAtStep: 10, Config: &environmentv1.RunConfig{Method: &simv1.Method{Scheme: scheme}}}}
		require.Len(t, c.pairsOf(step(10)), 1)
		require.Len(t, c.pairsOf(step(10, all...)), 3)
		require.Len(t, c.pairsOf(step(10, all[0])), 3, "some of them are not enough")
		require.Len(t, c.pairsOf(step(11)), want)
		require.Len(t, c.pairsOf(step(11, all...)), want)
	}
}
