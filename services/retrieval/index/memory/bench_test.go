package memory_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/draw"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/index/memory"
)

// BenchmarkSearch scans 10,000 points; the target is a p99 of 2 ms at 384
// dimensions.
func BenchmarkSearch(b *testing.B) {
	for _, dimensions := range []int{64, 384} {
		b.Run(fmt.Sprintf("dims=%d", dimensions), func(b *testing.B) {
			x, vectors := filled(b, dimensions, 10_000)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				hits, err := x.Search(context.Background(), "t", vectors[i%len(vectors)], 5, nil)
				if err != nil || len(hits) != 5 {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkUpsert(b *testing.B) {
	h, err := embed.NewHashing(0)
	require.NoError(b, err)
	x := memory.New()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p := &retrievalv1.Point{Key: fmt.Sprint(i % 10_000), Text: text(i)}
		if err := x.Upsert(context.Background(), "t", []*retrievalv1.Point{p}, [][]float32{h.Embed(p.Text)}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func filled(tb testing.TB, dimensions, n int) (*memory.Index, [][]float32) {
	h, err := embed.NewHashing(dimensions)
	require.NoError(tb, err)
	points, vectors := make([]*retrievalv1.Point, n), make([][]float32, n)
	for i := range n {
		points[i] = &retrievalv1.Point{Key: fmt.Sprint(i), Text: text(i), Position: int64(i)}
		vectors[i] = h.Embed(points[i].Text)
	}
	x := memory.New()
	require.NoError(tb, x.Upsert(context.Background(), "t", points, vectors))
	return x, vectors
}

func text(i int) string {
	d := draw.New(1, "text").At(i)
	words := []string{"cook", "read", "garden", "walk", "tea", "kitchen", "sofa", "morning", "evening", "music", "plan", "call", "tidy", "desk", "rest"}
	out := ""
	for k := range 9 {
		out += words[d.Intn(len(words), k)] + " "
	}
	return out
}
