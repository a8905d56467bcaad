package persona_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/persona"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func builtin(t *testing.T) []persona.Numbered {
	t.Helper()
	all, err := persona.Builtin()
	require.NoError(t, err)
	return all
}

// TestTheFactorialOrder holds the files to the order that package personas
// documents, which covers each combination of the Big Five exactly once.
func TestTheFactorialOrder(t *testing.T) {
	for _, n := range builtin(t) {
		k, mirrored := (n.Number-1)/2, n.Number%2 == 0
		for bit, trait := range persona.Traits() {
			high := bit == 0 || k>>(bit-1)&1 == 0
			want := simv1.TraitLevel_TRAIT_LEVEL_LOW
			if high != mirrored {
				want = simv1.TraitLevel_TRAIT_LEVEL_HIGH
			}
			require.Equal(t, want, persona.Level(n.Persona.GetBigFive(), trait), "%d %s: %s", n.Number, n.Persona.GetName(), trait)
		}
	}
}
