package figures_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// TestKappaByHand checks against tables that were computed by hand.
func TestKappaByHand(t *testing.T) {
	// Both pass 20, the judge alone 5, the other alone 10, neither 15: Cohen's
	// kappa is (0.7 - 0.5) / (1 - 0.5).
	var two figures.Confusion
	two[1][1], two[1][0], two[0][1], two[0][0] = 20, 5, 10, 15
	got := figures.NewAgreement("timing", []figures.Confusion{two}, 3)
	require.Equal(t, 50, got.N)
	require.Equal(t, 3, got.Unjudged)
	require.InDelta(t, 0.7, got.Exact, 1e-12)
	require.InDelta(t, 0.4, got.Kappa, 1e-12)
	require.InDelta(t, -0.1, got.Bias, 1e-12)

	// Totals: 4 against 4, 4 against 2, 0 against 0. Weighted disagreement 4/3; by
	// chance (4*(1/9+...)): left {0: 1/3, 4: 2/3}, right {0, 2, 4: 1/3 each}.
	var totals figures.Confusion
	totals[4][4], totals[4][2], totals[0][0] = 1, 1, 1
	got = figures.NewAgreement("total", []figures.Confusion{totals}, 0)
	chance := (4.0+16)/9 + 2*(16.0+4)/9
	require.InDelta(t, 1-4.0/3/chance, got.Kappa, 1e-12)
	require.InDelta(t, 2.0/3, got.Bias, 1e-12)
}

func TestAgreementAtItsEnds(t *testing.T) {
	var same figures.Confusion
	same[1][1] = 7
	got := figures.NewAgreement("preference", []figures.Confusion{same, {}}, 0)
	require.Equal(t, 1.0, got.Kappa, "always the same one grade")
	require.Equal(t, figures.Interval{Low: 1, High: 1}, got.ExactInterval)
	require.Equal(t, figures.Agreement{Criterion: "preference", Unjudged: 9}, figures.NewAgreement("preference", nil, 9))
}
