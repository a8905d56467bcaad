package role_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestDescribe(t *testing.T) {
	seed := int64(7)
	require.Equal(t, "exact", role.Describe(nil, "exact"))
	require.Equal(t, "hybrid", role.Describe(&simv1.Backend{Driver: "hybrid"}, "exact"))
	require.Equal(t, "model, m, temperature 0.5, top_p 0.9, max_tokens 64, seed 7, a b, per criterion, prompts 0123456789ab", role.Describe(&simv1.Backend{
		Driver: "model", Model: "m", Prompts: "0123456789abcdef", Sampling: &simv1.Sampling{Temperature: 0.5, TopP: 0.9, MaxTokens: 64, Seed: &seed},
		Options: map[string]string{"per": "criterion", "a": "b"},
	}, "exact"))
}
