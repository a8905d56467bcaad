package index

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestScoreIsTheCosine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 100).Draw(t, "n")
		component := rapid.Float32Range(-0.1, 0.1)
		a := rapid.SliceOfN(component, n, n).Draw(t, "a")
		b := rapid.SliceOfN(component, n, n).Draw(t, "b")
		want := 0.0
		for i := range a {
			want += float64(a[i]) * float64(b[i])
		}
		require.InDelta(t, want, Score(a, b), 1e-5)
	})
}

func TestScoreHasTheSameBitsOnEveryMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := lanes * rapid.IntRange(0, 30).Draw(t, "blocks")
		component := rapid.Float32Range(-1, 1)
		a := rapid.SliceOfN(component, n, n).Draw(t, "a")
		b := rapid.SliceOfN(component, n, n).Draw(t, "b")
		var here, plain [lanes]float32
		addProducts(&here, a, b)
		addProductsGo(&plain, a, b)
		for i := range here {
			require.Equal(t, math.Float32bits(plain[i]), math.Float32bits(here[i]))
		}
	})
}

func TestScoreStaysInRange(t *testing.T) {
	v := make([]float32, 64)
	for i := range v {
		v[i] = 0.1250001
	}
	minus := make([]float32, 64)
	for i := range v {
		minus[i] = -v[i]
	}
	require.Equal(t, float32(1), Score(v, v))
	require.Equal(t, float32(-1), Score(v, minus))
}
