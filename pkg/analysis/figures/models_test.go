package figures_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestModelUses(t *testing.T) {
	call := func(cached bool, outcomes ...string) *simv1.ModelCall {
		c := &simv1.ModelCall{Role: simv1.Role_ROLE_JUDGE, Model: "m", PromptTokens: 100, CompletionTokens: 10, CachedTokens: 40, Cached: cached}
		for _, o := range outcomes {
			c.Attempts = append(c.Attempts, &simv1.Attempt{Outcome: o})
		}
		return c
	}
	var uses figures.ModelUses
	require.Empty(t, uses.List())
	uses.Add(call(false, "answered"), 1)
	uses.Add(call(false, "malformed", "answered"), 2)
	uses.Add(call(false, "rate_limited", "answered"), 3)
	uses.Add(call(false, "off_schema", "off_schema"), 4)
	uses.Add(call(true, "answered"), -1)
	got := uses.List()
	require.Equal(t, []figures.ModelUse{{
		Role: "judge", Model: "m", Calls: 5, Cached: 1, PromptTokens: 400, CachedTokens: 160, CompletionTokens: 40,
		Repaired: 1, Failed: 1, Retried: 1, P50: 2, P90: 4, P99: 4,
		Outcomes: map[string]int64{"answered": 4, "malformed": 1, "off_schema": 2, "rate_limited": 1},
	}}, got)
	require.InDelta(t, 0.4, got[0].FailedShare(), 1e-9)
}
