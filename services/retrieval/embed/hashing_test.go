package embed

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func cosine(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestEveryTextHasAVectorOfLengthOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, err := NewHashing(rapid.IntRange(MinDimensions, 128).Draw(t, "dimensions"))
		require.NoError(t, err)
		text := rapid.String().Draw(t, "text")
		v := h.Vector(text)
		require.Len(t, v, h.Dimensions())
		require.InDelta(t, 1, math.Sqrt(cosine(v, v)), 1e-5)
		require.Equal(t, v, h.Vector(text), "a pure function of the text")
	})
}

func TestLikeTextsAreNear(t *testing.T) {
	h, err := NewHashing(0)
	require.NoError(t, err)
	require.Equal(t, "hash-64/1", h.Model())
	at := h.Vector("watering the tomatoes in the garden, morning")
	same := h.Vector("Watering the tomatoes in the garden - morning!")
	near := h.Vector("watered a tomato plant in the garden, morning")
	far := h.Vector("on the phone with a client about invoices")
	require.InDelta(t, 1, cosine(at, same), 1e-5, "case and punctuation do not count")
	require.Greater(t, cosine(at, near), cosine(at, far)+0.2)
}

func TestVectorsNeverChange(t *testing.T) {
	h, err := NewHashing(8)
	require.NoError(t, err)
	got := h.Vector("tea in the kitchen")
	want := []float32{0.10253789, -0.34179297, -0.6494067, -0.5126894, 0.20507579, 0.13671717, 0.34179294, -0.10253789}
	require.Equal(t, want, got, "another result needs another version in the model name")
}

func TestDimensionsAreChecked(t *testing.T) {
	for _, bad := range []int{-1, 7, 1025} {
		_, err := NewHashing(bad)
		require.ErrorContains(t, err, "want 8 to 1024")
	}
}

func BenchmarkEmbed(b *testing.B) {
	h, err := NewHashing(0)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		h.Vector("cooking: making a stew with carrots, kitchen, early evening")
	}
}
