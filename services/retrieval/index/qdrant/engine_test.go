package qdrant_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/errs"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/index"
	"github.com/propersim/propersim/services/retrieval/index/indextest"
	"github.com/propersim/propersim/services/retrieval/index/memory"
	"github.com/propersim/propersim/services/retrieval/index/qdrant"
	"github.com/propersim/propersim/services/retrieval/index/qdrant/enginetest"
)

func TestConformsOnTheEngine(t *testing.T) {
	engine := enginetest.Start(t, "")
	indextest.Run(t, func(t *testing.T) index.Index { return open(t, engine.Address) })
}

// few makes ties and repeats likely.
var few = []string{"tea", "tea in the kitchen", "a walk", "walking", "asleep on the sofa", "piano", "reading", ""}

// positions are small ones, and those at the bounds.
func positions() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(-3, 12),
		rapid.Int64Range(index.MaxPosition-600, index.MaxPosition), rapid.Int64Range(-index.MaxPosition, -index.MaxPosition+600))
}

// TestTheEngineFindsWhatTheEmbeddedIndexFinds does the same at random to both
// and expects the same, score for score and bit by bit.
func TestTheEngineFindsWhatTheEmbeddedIndexFinds(t *testing.T) {
	engine := enginetest.Start(t, "")
	h, err := embed.NewHashing(indextest.Dimensions)
	require.NoError(t, err)
	there := open(t, engine.Address)
	t.Cleanup(func() { require.NoError(t, there.Close()) })
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		ctx, here := context.Background(), memory.New()
		tenants := []string{fmt.Sprintf("round %d", round), fmt.Sprintf("round %d, and more", round)}
		tenant := func() string { return rapid.SampledFrom(tenants).Draw(t, "tenant") }
		key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "ä", "\"", "a b"})
		t.Repeat(map[string]func(*rapid.T){
			"upsert": func(t *rapid.T) {
				points, vectors := []*retrievalv1.Point{}, [][]float32{}
				for range rapid.IntRange(1, 6).Draw(t, "points") {
					p := &retrievalv1.Point{
						Key: key.Draw(t, "key"), Text: rapid.SampledFrom(few).Draw(t, "text"), Position: positions().Draw(t, "position"),
						Payload: rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(t, "payload"),
					}
					points, vectors = append(points, p), append(vectors, h.Vector(p.GetText()))
				}
				one := tenant()
				require.NoError(t, here.Upsert(ctx, one, points, vectors))
				require.NoError(t, there.Upsert(ctx, one, points, vectors))
			},
			"delete": func(t *rapid.T) {
				one, keys := tenant(), rapid.SliceOfNDistinct(key, 1, 4, rapid.ID).Draw(t, "keys")
				want, err := here.Delete(ctx, one, keys)
				require.NoError(t, err)
				got, err := there.Delete(ctx, one, keys)
				require.NoError(t, err)
				require.Equal(t, want, got)
			},
			"delete all": func(t *rapid.T) {
				one := tenant()
				want, err := here.DeleteTenant(ctx, one)
				require.NoError(t, err)
				got, err := there.DeleteTenant(ctx, one)
				require.NoError(t, err)
				require.Equal(t, want, got)
			},
			"": func(t *rapid.T) {
				one, limit := tenant(), rapid.IntRange(1, 12).Draw(t, "limit")
				vector := h.Vector(rapid.SampledFrom(few).Draw(t, "query"))
				var before *int64
				if rapid.Bool().Draw(t, "bounded") {
					before = new(positions().Draw(t, "before"))
				}
				requireSameHits(t, here, there, one, vector, limit, before)
				want, err := here.Count(ctx, one)
				require.NoError(t, err)
				got, err := there.Count(ctx, one)
				require.NoError(t, err)
				require.Equal(t, want, got)
			},
		})
	})
}

func requireSameHits(t require.TestingT, here, there index.Index, tenant string, vector []float32, limit int, before *int64) {
	want, err := here.Search(context.Background(), tenant, vector, limit, before)
	require.NoError(t, err)
	got, err := there.Search(context.Background(), tenant, vector, limit, before)
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, math.Float32bits(want[i].GetScore()), math.Float32bits(got[i].GetScore()), "hit %d", i)
		require.True(t, proto.Equal(want[i].GetPoint(), got[i].GetPoint()), "hit %d: want %v, got %v", i, want[i], got[i])
	}
}

// TestTheEngineKilledAndLost writes more than one piece, kills the engine, and
// finds everything again; then takes its folder away.
func TestTheEngineKilledAndLost(t *testing.T) {
	const n = 600
	ctx, engine := context.Background(), enginetest.Start(t, "")
	x, here := open(t, engine.Address), memory.New()
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	h, err := embed.NewHashing(indextest.Dimensions)
	require.NoError(t, err)
	points, vectors := make([]*retrievalv1.Point, n), make([][]float32, n)
	for i := range points {
		points[i] = &retrievalv1.Point{Key: fmt.Sprint(i), Text: fmt.Sprintf("tea %d, book %d", i%7, i%11), Position: int64(i)}
		vectors[i] = h.Vector(points[i].GetText())
	}
	require.NoError(t, x.Upsert(ctx, "t", points, vectors))
	require.NoError(t, here.Upsert(ctx, "t", points, vectors))

	engine.Kill()
	_, err = x.Count(ctx, "t")
	require.ErrorIs(t, err, errs.ErrUnavailable)
	require.ErrorContains(t, err, "qdrant at "+engine.Address+" cannot be reached")
	engine.Restart()
	require.EqualValues(t, n, eventually(t, x, "t"), "what was acknowledged is there")
	for i := range 20 {
		requireSameHits(t, here, x, "t", vectors[i*7], 9, new(int64(i*31)))
	}

	engine.Kill()
	engine.Lose()
	engine.Restart()
	require.Zero(t, eventually(t, x, "t"), "an empty collection in its place")
	require.NoError(t, x.Upsert(ctx, "t", points, vectors))
	requireSameHits(t, here, x, "t", vectors[3], 9, nil)
}

// eventually counts once the server is found again.
func eventually(t *testing.T, x *qdrant.Index, tenant string) (n int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		n, err = x.Count(context.Background(), tenant)
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return n
}

// TestManyMakeTheCollectionAtOnce is several instances of the retrieval service
// that start on an empty server.
func TestManyMakeTheCollectionAtOnce(t *testing.T) {
	engine := enginetest.Start(t, "")
	var group errgroup.Group
	for i := range 8 {
		x := open(t, engine.Address)
		t.Cleanup(func() { require.NoError(t, x.Close()) })
		group.Go(func() error {
			p := &retrievalv1.Point{Key: fmt.Sprint(i)}
			return x.Upsert(context.Background(), "t", []*retrievalv1.Point{p}, [][]float32{make([]float32, indextest.Dimensions)})
		})
	}
	require.NoError(t, group.Wait())
	x := open(t, engine.Address)
	n, err := x.Count(context.Background(), "t")
	require.NoError(t, err)
	require.EqualValues(t, 8, n)
	require.NoError(t, x.Close())
}

func TestAWrongAPIKeySaysWhatToCheck(t *testing.T) {
	engine := enginetest.Start(t, "right")
	for key, says := range map[string]string{"": "asks for an API key and none is set", "wrong": "refuses the API key", "right": ""} {
		x, err := qdrant.New(qdrant.Config{Address: engine.Address, APIKey: key, Model: "m", Dimensions: indextest.Dimensions})
		require.NoError(t, err)
		_, err = x.Count(context.Background(), "t")
		if says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, errs.ErrDenied)
			require.ErrorContains(t, err, says)
			require.ErrorContains(t, err, "check the API key (qdrant.api_key or qdrant.api_key_file)")
		}
		require.NoError(t, x.Close())
	}
}

// BenchmarkEngine measures the driver on the engine; each request passes through
// Python, which a Qdrant server does not have.
func BenchmarkEngine(b *testing.B) {
	engine := enginetest.Start(b, "")
	indextest.Bench(b, func(b *testing.B, dimensions int) index.Index {
		x, err := qdrant.New(qdrant.Config{Address: engine.Address, Prefix: "bench", Model: b.Name(), Dimensions: dimensions})
		require.NoError(b, err)
		return x
	})
}
