package seeded

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDrawsAreAFunctionOfTheirAddress(t *testing.T) {
	s := New(7, "ava", "assistant")
	require.Equal(t, s.Uint64(3, 1), New(7, "ava", "assistant").Uint64(3, 1))
	seen := map[uint64]bool{}
	for _, other := range []Source{s, New(8, "ava", "assistant"), New(7, "av", "aassistant"), New(7, "ava"), New(7, "avaassistant")} {
		for step := range 10 {
			for k := range 3 {
				seen[other.Uint64(step, k)] = true
			}
		}
	}
	require.Len(t, seen, 5*10*3, "different addresses must give different draws")
}

func TestFloat64IsUniform(t *testing.T) {
	const n = 100_000
	s, sum, squares := New(1, "test"), 0.0, 0.0
	for i := range n {
		x := s.Float64(i)
		require.True(t, x >= 0 && x < 1)
		sum += x
		squares += x * x
	}
	mean := sum / n
	require.InDelta(t, 0.5, mean, 5/math.Sqrt(12*n), "five standard errors")
	require.InDelta(t, 1.0/12, squares/n-mean*mean, 0.002)
}

func TestNormalHasUnitVariance(t *testing.T) {
	const n = 50_000
	s, sum, squares := New(1, "test"), 0.0, 0.0
	for i := range n {
		x := s.Normal(i)
		sum += x
		squares += x * x
	}
	require.InDelta(t, 0, sum/n, 0.025)
	require.InDelta(t, 1, squares/n, 0.04)
}

func TestPermIsAPermutation(t *testing.T) {
	got := New(3, "p").Perm(50, 9)
	require.NotEqual(t, got, New(3, "p").Perm(50, 10))
	slices.Sort(got)
	for i, v := range got {
		require.Equal(t, i, v)
	}
}
