package buffer_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/store/storetest"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

func sample(t require.TestingT, client bufferv1.PreferenceBufferServiceClient, run string, count int32, seed uint64, through int32) *bufferv1.SampleResponse {
	resp, err := client.Sample(context.Background(), &bufferv1.SampleRequest{RunId: run, Count: count, Seed: seed, ThroughDay: through})
	require.NoError(t, err)
	return resp
}

func TestADrawHasNoRepeatsAndRepeats(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "buffer") {
		t.Run(name, func(t *testing.T) {
			client, _ := start(t, dsn)
			appendAll(t, client, pairsOf("a", 0, 200)...)
			appendAll(t, client, pairsOf("b", 0, 200)...)
			rapid.Check(t, func(t *rapid.T) {
				count := rapid.Int32Range(1, 250).Draw(t, "count")
				seed := rapid.Uint64().Draw(t, "seed")
				through := rapid.Int32Range(1, 25).Draw(t, "through")
				got := sample(t, client, "a", count, seed, through)
				population := min(through*10, 200)
				require.EqualValues(t, population, got.GetPopulation())
				require.Len(t, got.GetPairs(), int(min(count, population)))
				require.Len(t, got.GetDigest(), 64)
				seen := map[int32]bool{}
				for _, p := range got.GetPairs() {
					require.False(t, seen[p.GetStep()], "without replacement")
					require.LessOrEqual(t, p.GetDay(), through)
					require.True(t, proto.Equal(pair("a", p.GetStep()), p))
					seen[p.GetStep()] = true
				}
				require.True(t, proto.Equal(got, sample(t, client, "a", count, seed, through)))
			})
		})
	}
}

func TestWhatComesLaterChangesNoDraw(t *testing.T) {
	client, _ := start(t, ":memory:")
	appendAll(t, client, pairsOf("a", 0, 100)...)
	before := sample(t, client, "a", 20, 3, 10)
	appendAll(t, client, pairsOf("a", 100, 150)...)
	require.True(t, proto.Equal(before, sample(t, client, "a", 20, 3, 10)))

	require.NotEqual(t, before.GetDigest(), sample(t, client, "a", 20, 4, 10).GetDigest(), "another seed")
	require.NotEqual(t, before.GetDigest(), sample(t, client, "a", 19, 3, 10).GetDigest(), "fewer pairs")
}

func TestTheDigestIsOfTheContent(t *testing.T) {
	one, _ := start(t, ":memory:")
	other, _ := start(t, filepath.Join(t.TempDir(), "b.db"))
	appendAll(t, one, pairsOf("a", 0, 10)...)
	appendAll(t, other, pairsOf("a", 5, 10)...)
	appendAll(t, other, pairsOf("a", 0, 5)...)
	require.Equal(t, sample(t, one, "a", 5, 1, 1).GetDigest(), sample(t, other, "a", 5, 1, 1).GetDigest(), "whatever the order of arrival")
	changed, _ := start(t, ":memory:")
	pairs := pairsOf("a", 0, 10)
	for _, p := range pairs {
		p.Adapter += "x"
	}
	appendAll(t, changed, pairs...)
	require.NotEqual(t, sample(t, one, "a", 5, 1, 1).GetDigest(), sample(t, changed, "a", 5, 1, 1).GetDigest())
}

func TestAnEmptyRunGivesAnEmptyDraw(t *testing.T) {
	client, _ := start(t, ":memory:")
	got := sample(t, client, "nobody", 200, 1, 14)
	require.Empty(t, got.GetPairs())
	require.Zero(t, got.GetPopulation())
	require.Len(t, got.GetDigest(), 64)
}

func TestDrawsAreUniform(t *testing.T) {
	client, _ := start(t, ":memory:")
	appendAll(t, client, pairsOf("a", 0, 20)...)
	const draws, count = 2000, 5
	hits := make([]float64, 20)
	for seed := range uint64(draws) {
		for _, p := range sample(t, client, "a", count, seed, 2).GetPairs() {
			hits[p.GetStep()]++
		}
	}
	expected, chi := draws*count/20.0, 0.0
	for _, n := range hits {
		chi += (n - expected) * (n - expected) / expected
	}
	// Chi-squared with 19 degrees of freedom: mean 19, standard deviation 6.2.
	require.Less(t, chi, 19+5*math.Sqrt(38), "hits %v", hits)
}
