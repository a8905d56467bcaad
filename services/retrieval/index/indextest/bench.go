package indextest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/seeded"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/index"
)

// stored is how many points Bench searches among.
const stored = 10_000

// Bench measures searches among 10,000 points and upserts of 1 and of 256 points
// a call, embedding included, in the index that open gives for vectors of so
// many components.
func Bench(b *testing.B, open func(b *testing.B, dimensions int) index.Index) {
	for _, dimensions := range []int{64, 384} {
		b.Run(fmt.Sprintf("Search/dims=%d", dimensions), func(b *testing.B) { benchSearch(b, open(b, dimensions), dimensions) })
	}
	for _, size := range []int{1, 256} {
		b.Run(fmt.Sprintf("Upsert/points=%d", size), func(b *testing.B) { benchUpsert(b, open(b, 64), size) })
	}
}

func benchSearch(b *testing.B, x index.Index, dimensions int) {
	points, vectors := some(b, dimensions, 0, stored)
	require.NoError(b, x.Upsert(context.Background(), "t", points, vectors))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		hits, err := x.Search(context.Background(), "t", vectors[i%len(vectors)], 5, nil)
		if err != nil || len(hits) != 5 {
			b.Fatal(len(hits), err)
		}
		i++
	}
	require.NoError(b, x.Close())
}

func benchUpsert(b *testing.B, x index.Index, size int) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		points, vectors := some(b, 64, n%stored, size)
		if err := x.Upsert(context.Background(), "t", points, vectors); err != nil {
			b.Fatal(err)
		}
		n += size
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/point")
	require.NoError(b, x.Close())
}

// some returns n points from a number on, of nine words each.
func some(tb testing.TB, dimensions, from, n int) ([]*retrievalv1.Point, [][]float32) {
	words := []string{"cook", "read", "garden", "walk", "tea", "kitchen", "sofa", "morning", "evening", "music", "plan", "call", "tidy", "desk", "rest"}
	h, err := embed.NewHashing(dimensions)
	require.NoError(tb, err)
	points, vectors := make([]*retrievalv1.Point, n), make([][]float32, n)
	for i := range n {
		d, text := seeded.New(1, "text").At(from+i), []byte{}
		for k := range 9 {
			text = append(append(text, words[d.Intn(len(words), k)]...), ' ')
		}
		points[i] = &retrievalv1.Point{Key: fmt.Sprint(from + i), Text: string(text), Position: int64(from + i)}
		vectors[i] = h.Vector(points[i].GetText())
	}
	return points, vectors
}
