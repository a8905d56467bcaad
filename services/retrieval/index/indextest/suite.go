// Package indextest is the conformance suite of index.Index: every driver must
// pass it.
package indextest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/seeded"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/index"
)

// tests are the requirements, in the order in which they run.
var tests = []struct {
	name string
	run  func(*testing.T, *bench)
}{
	{"the check passes, again and again", check},
	{"an empty tenant", emptyTenant},
	{"a point is found again", roundTrip},
	{"a key is replaced", replace},
	{"a key twice in one request", twice},
	{"ties by key", ties},
	{"before", before},
	{"before, at the bounds", farAway},
	{"tenants", tenants},
	{"delete", remove},
	{"exact", exact},
}

// Run checks the index that open returns. It calls open once for each test; the
// index is for vectors of Dimensions components. Other points there do not matter:
// every test has tenants of its own.
func Run(t *testing.T, open func(t *testing.T) index.Index) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x := open(t)
			t.Cleanup(func() { require.NoError(t, x.Close()) })
			h, err := embed.NewHashing(Dimensions)
			require.NoError(t, err)
			test.run(t, &bench{Index: x, t: t, h: h, tenant: "conformance/" + t.Name()})
		})
	}
}

// Dimensions of the vectors that Run uses.
const Dimensions = 48

// bench is an index with the tenant and the embedder of one test.
type bench struct {
	index.Index
	t      *testing.T
	h      *embed.Hashing
	tenant string
}

func (b *bench) put(tenant string, points ...*retrievalv1.Point) {
	b.t.Helper()
	vectors := make([][]float32, len(points))
	for i, p := range points {
		vectors[i] = b.h.Vector(p.GetText())
	}
	require.NoError(b.t, b.Upsert(context.Background(), tenant, points, vectors))
}

func (b *bench) find(tenant, text string, limit int, before *int64) []*retrievalv1.Hit {
	b.t.Helper()
	hits, err := b.Search(context.Background(), tenant, b.h.Vector(text), limit, before)
	require.NoError(b.t, err)
	return hits
}

func (b *bench) keys(tenant, text string, limit int, before *int64) []string {
	b.t.Helper()
	keys := []string{}
	for _, hit := range b.find(tenant, text, limit, before) {
		keys = append(keys, hit.GetPoint().GetKey())
	}
	return keys
}

func (b *bench) count(tenant string) int64 {
	b.t.Helper()
	n, err := b.Count(context.Background(), tenant)
	require.NoError(b.t, err)
	return n
}

// clear deletes what an earlier run of the suite left on a server.
func (b *bench) clear(tenants ...string) {
	b.t.Helper()
	for _, tenant := range tenants {
		_, err := b.DeleteTenant(context.Background(), tenant)
		require.NoError(b.t, err)
		b.t.Cleanup(func() { _, _ = b.DeleteTenant(context.Background(), tenant) })
	}
}

func check(t *testing.T, b *bench) {
	b.clear(b.tenant)
	for range 2 {
		require.NoError(t, b.Check(context.Background()))
	}
}

func emptyTenant(t *testing.T, b *bench) {
	require.Empty(t, b.find(b.tenant, "anything", 5, nil))
	require.Zero(t, b.count(b.tenant))
	n, err := b.Delete(context.Background(), b.tenant, []string{"x"})
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = b.DeleteTenant(context.Background(), b.tenant)
	require.NoError(t, err)
	require.Zero(t, n)
}

func roundTrip(t *testing.T, b *bench) {
	b.clear(b.tenant)
	p := &retrievalv1.Point{Key: "12", Text: "tea in the kitchen, café", Position: 1 << 40, Payload: []byte{0, 255, 7}}
	b.put(b.tenant, p, &retrievalv1.Point{Key: "13", Text: "asleep", Position: -4})
	hits := b.find(b.tenant, "tea in the kitchen, café", 2, nil)
	require.Len(t, hits, 2)
	require.True(t, proto.Equal(p, hits[0].GetPoint()), "%v", hits[0])
	require.InDelta(t, 1, hits[0].GetScore(), 1e-5)
	require.EqualValues(t, -4, hits[1].GetPoint().GetPosition())
	require.EqualValues(t, 2, b.count(b.tenant))
}

func replace(t *testing.T, b *bench) {
	b.clear(b.tenant)
	b.put(b.tenant, &retrievalv1.Point{Key: "1", Text: "reading a novel", Position: 1})
	b.put(b.tenant, &retrievalv1.Point{Key: "1", Text: "playing the piano", Position: 9})
	require.EqualValues(t, 1, b.count(b.tenant))
	hits := b.find(b.tenant, "playing the piano", 5, nil)
	require.Len(t, hits, 1)
	require.InDelta(t, 1, hits[0].GetScore(), 1e-5)
	require.EqualValues(t, 9, hits[0].GetPoint().GetPosition())
	require.Empty(t, b.find(b.tenant, "reading a novel", 5, new(int64(5))), "the old position is gone")
}

func twice(t *testing.T, b *bench) {
	b.clear(b.tenant)
	b.put(b.tenant, &retrievalv1.Point{Key: "1", Text: "first"}, &retrievalv1.Point{Key: "2", Text: "other"}, &retrievalv1.Point{Key: "1", Text: "last"})
	require.EqualValues(t, 2, b.count(b.tenant))
	require.Equal(t, "last", b.find(b.tenant, "last", 1, nil)[0].GetPoint().GetText())
}

func ties(t *testing.T, b *bench) {
	b.clear(b.tenant)
	var points []*retrievalv1.Point
	for i := range 200 {
		points = append(points, &retrievalv1.Point{Key: fmt.Sprintf("k%03d", (i*77)%200), Text: "washing up", Position: int64(i)})
	}
	b.put(b.tenant, points...)
	b.put(b.tenant, &retrievalv1.Point{Key: "near", Text: "washing up quickly"})
	require.Equal(t, []string{"k000", "k001", "k002"}, b.keys(b.tenant, "washing up", 3, nil))
	require.Equal(t, "near", b.keys(b.tenant, "washing up quickly", 2, nil)[0])
	require.Len(t, b.keys(b.tenant, "washing up", 1000, nil), 201)
}

func before(t *testing.T, b *bench) {
	b.clear(b.tenant)
	for i := range 10 {
		b.put(b.tenant, &retrievalv1.Point{Key: fmt.Sprint(i), Text: "watering the garden", Position: int64(i)})
	}
	require.Equal(t, []string{"0", "1", "2"}, b.keys(b.tenant, "watering", 10, new(int64(3))), "strictly before")
	require.Empty(t, b.keys(b.tenant, "watering", 10, new(int64(0))))
	require.Len(t, b.keys(b.tenant, "watering", 10, nil), 10)
}

// farAway searches at the bounds of the positions.
func farAway(t *testing.T, b *bench) {
	const most = index.MaxPosition
	b.clear(b.tenant)
	for i, position := range []int64{-most, -most + 1, 1 << 40, most - 1, most} {
		b.put(b.tenant, &retrievalv1.Point{Key: fmt.Sprint(i), Text: "watering the garden", Position: position})
	}
	for until, want := range map[int64]int{-most: 0, -most + 1: 1, -most + 2: 2, 1 << 40: 2, 1<<40 + 1: 3, most - 1: 3, most: 4} {
		require.Len(t, b.keys(b.tenant, "watering", 10, &until), want, "before %d", until)
	}
}

func tenants(t *testing.T, b *bench) {
	one, other := b.tenant+"/1", b.tenant+"/2"
	b.clear(one, other)
	b.put(one, &retrievalv1.Point{Key: "k", Text: "mine"})
	b.put(other, &retrievalv1.Point{Key: "k", Text: "theirs"}, &retrievalv1.Point{Key: "l", Text: "mine"})
	require.Equal(t, []string{"k"}, b.keys(one, "mine", 10, nil))
	n, err := b.Delete(context.Background(), one, []string{"l"})
	require.NoError(t, err)
	require.Zero(t, n, "another tenant's key")
	n, err = b.DeleteTenant(context.Background(), one)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.EqualValues(t, 2, b.count(other))
	require.Equal(t, "theirs", b.find(other, "theirs", 1, nil)[0].GetPoint().GetText())
}

func remove(t *testing.T, b *bench) {
	b.clear(b.tenant)
	for i := range 6 {
		b.put(b.tenant, &retrievalv1.Point{Key: fmt.Sprint(i), Text: fmt.Sprintf("chapter %d of the book", i)})
	}
	n, err := b.Delete(context.Background(), b.tenant, []string{"1", "5", "none"})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.EqualValues(t, 4, b.count(b.tenant))
	keys := b.keys(b.tenant, "chapter of the book", 10, nil)
	slices.Sort(keys)
	require.Equal(t, []string{"0", "2", "3", "4"}, keys)
	require.Equal(t, "4", b.keys(b.tenant, "chapter 4 of the book", 1, nil)[0], "vectors moved with their points")
	b.put(b.tenant, &retrievalv1.Point{Key: "1", Text: "back again"})
	require.Equal(t, "1", b.keys(b.tenant, "back again", 1, nil)[0])
}

// exact compares with sorting everything, score bits and order.
func exact(t *testing.T, b *bench) {
	b.clear(b.tenant)
	d := seeded.New(11, "indextest")
	words := []string{"cook", "read", "garden", "walk", "tea", "kitchen", "sofa", "music"}
	var points []*retrievalv1.Point
	for i := range 500 {
		text := words[d.Intn(8, i, 0)] + " " + words[d.Intn(8, i, 1)] + " " + words[d.Intn(8, i, 2)]
		points = append(points, &retrievalv1.Point{Key: fmt.Sprint(i), Text: text, Position: int64(d.Intn(400, i, 3))})
	}
	b.put(b.tenant, points...)
	for q := range 20 {
		text := words[d.Intn(8, q, 9)] + " " + words[q%8]
		limit, until := 1+d.Intn(40, q, 7), int64(d.Intn(500, q, 8))
		vector := b.h.Vector(text)
		var want []*retrievalv1.Hit
		for _, p := range points {
			if p.GetPosition() < until {
				want = append(want, &retrievalv1.Hit{Point: p, Score: index.Score(vector, b.h.Vector(p.GetText()))})
			}
		}
		slices.SortFunc(want, func(a, b *retrievalv1.Hit) int {
			return cmp.Or(cmp.Compare(b.GetScore(), a.GetScore()), cmp.Compare(a.GetPoint().GetKey(), b.GetPoint().GetKey()))
		})
		want = want[:min(limit, len(want))]
		got := b.find(b.tenant, text, limit, &until)
		require.Len(t, got, len(want))
		for i := range want {
			require.True(t, proto.Equal(want[i], got[i]), "query %q hit %d: want %v, got %v", text, i, want[i], got[i])
		}
	}
}
