package buffer_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store/storetest"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// drawn is a whole draw as its reader gets it.
type drawn struct {
	*bufferv1.SampleHeader
	pairs    []*bufferv1.PreferencePair
	messages []int // size of each message after the header, bytes
}

func (d *drawn) GetPairs() []*bufferv1.PreferencePair { return d.pairs }

func draw(t require.TestingT, client bufferv1.PreferenceBufferServiceClient, req *bufferv1.SampleRequest) *drawn {
	stream, err := client.Sample(context.Background(), req)
	require.NoError(t, err)
	first, err := stream.Recv()
	require.NoError(t, err)
	require.NotNil(t, first.GetHeader(), "the header comes first")
	out := &drawn{SampleHeader: first.GetHeader()}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			require.Len(t, out.pairs, int(out.GetCount()), "as many as the header says")
			return out
		}
		require.NoError(t, err)
		require.NotEmpty(t, resp.GetBatch().GetPairs())
		out.pairs = append(out.pairs, resp.GetBatch().GetPairs()...)
		out.messages = append(out.messages, proto.Size(resp))
	}
}

func sample(t require.TestingT, client bufferv1.PreferenceBufferServiceClient, run string, count int32, seed uint64, through int32) *drawn {
	return draw(t, client, &bufferv1.SampleRequest{RunId: run, Count: count, Seed: seed, ThroughDay: through})
}

func requireSame(t require.TestingT, want, got *drawn) {
	require.True(t, proto.Equal(want.SampleHeader, got.SampleHeader))
	require.Len(t, got.pairs, len(want.pairs))
	for i, pair := range want.pairs {
		require.True(t, proto.Equal(pair, got.pairs[i]), "pair %d", i)
	}
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
				requireSame(t, got, sample(t, client, "a", count, seed, through))
			})
		})
	}
}

func TestWhatComesLaterChangesNoDraw(t *testing.T) {
	client, _ := start(t, ":memory:")
	appendAll(t, client, pairsOf("a", 0, 100)...)
	before := sample(t, client, "a", 20, 3, 10)
	appendAll(t, client, pairsOf("a", 100, 150)...)
	requireSame(t, before, sample(t, client, "a", 20, 3, 10))

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

// TestADrawOfAnySizeTravels has pairs of 300 KB and one of 3 MB: more than is
// kept in memory, and messages of at most 1 MiB or one pair.
func TestADrawOfAnySizeTravels(t *testing.T) {
	client, _ := start(t, ":memory:")
	var want []*bufferv1.PreferencePair
	for step := range int32(60) {
		p := pair("a", step)
		size := 300 << 10
		if step == 30 {
			size = 3 << 20
		}
		for rest := size; rest > 0; rest -= 250 << 10 {
			p.Prompt.Messages = append(p.Prompt.Messages, &simv1.Message{Role: "user", Content: strings.Repeat("x", min(rest, 250<<10))})
		}
		appendAll(t, client, p)
		want = append(want, p)
	}
	got := sample(t, client, "a", 60, 1, 10)
	require.Len(t, got.pairs, 60)
	for _, p := range got.pairs {
		require.True(t, proto.Equal(want[p.GetStep()], p))
	}
	alone := 0
	for _, size := range got.messages {
		if size > 1<<20 {
			alone++
		}
	}
	require.Equal(t, 1, alone, "the one of 3 MB: %v", got.messages)
	require.Equal(t, got.GetDigest(), sample(t, client, "a", 60, 1, 10).GetDigest())
	few := sample(t, client, "a", 3, 1, 10)
	require.Equal(t, digestOf(t, few.pairs), few.GetDigest(), "kept in memory")
	require.Equal(t, digestOf(t, got.pairs), got.GetDigest(), "read twice")
}

// digestOf is the digest as the contract describes it.
func digestOf(t *testing.T, pairs []*bufferv1.PreferencePair) string {
	h := sha256.New()
	for _, p := range pairs {
		p = proto.CloneOf(p)
		p.RunId = ""
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
		require.NoError(t, err)
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(body))))
		h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestARecencyDrawPrefersLateDays(t *testing.T) {
	client, _ := start(t, ":memory:")
	appendAll(t, client, pairsOf("a", 0, 100)...) // days 1 to 10
	request := &bufferv1.SampleRequest{RunId: "a", Count: 1, ThroughDay: 10, Draw: bufferv1.Draw_DRAW_RECENCY, HalfLifeDays: 2}
	const draws = 4000
	hits := make([]float64, 11)
	for seed := range uint64(draws) {
		request.Seed = seed
		hits[draw(t, client, request).pairs[0].GetDay()]++
	}
	weights := 0.0
	for day := 1; day <= 10; day++ {
		weights += math.Exp2(-float64(10-day) / 2)
	}
	for day := 1; day <= 10; day++ {
		p := math.Exp2(-float64(10-day)/2) / weights
		require.InDelta(t, p*draws, hits[day], 5*math.Sqrt(draws*p*(1-p)), "day %d: %v", day, hits)
	}
	request.Count = 200
	all := draw(t, client, request)
	require.EqualValues(t, 100, all.GetCount(), "without replacement")
	seen := map[int32]bool{}
	for _, p := range all.pairs {
		seen[p.GetStep()] = true
	}
	require.Len(t, seen, 100)
}

func TestAStratifiedDrawTakesFromEveryDay(t *testing.T) {
	client, _ := start(t, ":memory:")
	appendAll(t, client, pairsOf("a", 0, 3)...)   // day 1: 3 pairs
	appendAll(t, client, pairsOf("a", 10, 20)...) // day 2: 10 pairs
	appendAll(t, client, pairsOf("a", 30, 40)...) // day 4: 10 pairs
	for count, want := range map[int32][3]int{
		2: {0, 1, 1}, 3: {1, 1, 1}, 9: {3, 3, 3}, 12: {3, 4, 5}, 13: {3, 5, 5}, 23: {3, 10, 10}, 50: {3, 10, 10},
	} {
		request := &bufferv1.SampleRequest{RunId: "a", Count: count, ThroughDay: 5, Seed: 3, Draw: bufferv1.Draw_DRAW_STRATIFIED}
		got := draw(t, client, request)
		days := map[int32]int{}
		seen := map[int32]bool{}
		for _, p := range got.pairs {
			days[p.GetDay()]++
			seen[p.GetStep()] = true
		}
		require.Equal(t, want, [3]int{days[1], days[2], days[4]}, "%d pairs", count)
		require.Len(t, seen, len(got.pairs))
		requireSame(t, got, draw(t, client, request))
	}
}

func TestADrawThatDoesNotExistIsRefused(t *testing.T) {
	client, _ := start(t, ":memory:")
	stream, err := client.Sample(context.Background(), &bufferv1.SampleRequest{RunId: "a", Count: 1, ThroughDay: 1, Draw: 99})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "draw")
}
