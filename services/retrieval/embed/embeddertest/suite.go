// Package embeddertest is the conformance suite of embed.Embedder: every driver
// must pass it.
package embeddertest

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/services/retrieval/embed"
)

// tolerance of a cosine: a model may give a text a slightly different vector in
// another batch.
const tolerance = 1e-3

var tests = []struct {
	name string
	run  func(*testing.T, embed.Embedder)
}{
	{"names its vector space and its backend", names},
	{"one vector of length 1 for each text", lengths},
	{"no texts, no vectors", nothing},
	{"the same text, the same vector", same},
	{"similar texts are nearer", nearer},
	{"a thousand texts in one request", thousand},
	{"concurrent requests", concurrent},
	{"a context that has ended", ended},
}

// Run checks the embedder that open returns. It calls open once for each test.
func Run(t *testing.T, open func(t *testing.T) embed.Embedder) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func vectors(t require.TestingT, e embed.Embedder, texts ...string) [][]float32 {
	out, effects, err := e.Embed(context.Background(), texts)
	require.NoError(t, err)
	requireEffects(t, effects)
	require.Len(t, out, len(texts))
	for i, v := range out {
		require.Len(t, v, e.Dimensions(), "text %d", i)
		require.InDelta(t, 1, math.Sqrt(cosine(v, v)), tolerance, "the length of the vector of text %d", i)
	}
	return out
}

// requireEffects checks that the ids of the calls are unique, that the timings
// belong to calls, and that nothing is noted: a vector can be made again.
func requireEffects(t require.TestingT, effects role.Effects) {
	ids := map[string]bool{}
	for _, c := range effects.Calls {
		require.NotEmpty(t, c.GetId())
		require.False(t, ids[c.GetId()], "two calls have the id %q", c.GetId())
		ids[c.GetId()] = true
	}
	for _, timing := range effects.Timings {
		require.True(t, ids[timing.GetCallId()], "a timing of the unknown call %q", timing.GetCallId())
	}
	require.Empty(t, effects.Notes)
}

func cosine(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func names(t *testing.T, e embed.Embedder) {
	require.NotEmpty(t, e.Model())
	require.Positive(t, e.Dimensions())
	require.NotEmpty(t, e.Backend().GetDriver())
	if e.Backend().GetDriver() == role.Embedded {
		require.Empty(t, e.Backend().GetModel(), "an embedded driver has no model")
	} else {
		require.NotEmpty(t, e.Backend().GetModel())
	}
}

func lengths(t *testing.T, e embed.Embedder) {
	vectors(t, e, "tea in the kitchen", "!", "…", "été à Zürich", "读书", string(make([]byte, 300)), fmt.Sprint(make([]int, 2000)))
}

func nothing(t *testing.T, e embed.Embedder) {
	require.Empty(t, vectors(t, e))
}

func same(t *testing.T, e embed.Embedder) {
	batch := vectors(t, e, "watering the tomatoes", "on the phone", "watering the tomatoes")
	alone := vectors(t, e, "watering the tomatoes")[0]
	require.InDelta(t, 1, cosine(batch[0], batch[2]), tolerance, "twice in one request")
	require.InDelta(t, 1, cosine(batch[0], alone), tolerance, "in a batch and alone")
}

func nearer(t *testing.T, e embed.Embedder) {
	v := vectors(t, e, "watering the tomatoes in the garden", "watered a tomato plant in the garden", "a phone call with a client about an invoice")
	require.Greater(t, cosine(v[0], v[1]), cosine(v[0], v[2]))
}

func thousand(t *testing.T, e embed.Embedder) {
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = fmt.Sprintf("moment %d of the day", i)
	}
	all := vectors(t, e, texts...)
	for _, i := range []int{0, 499, 999} {
		require.InDelta(t, 1, cosine(all[i], vectors(t, e, texts[i])[0]), tolerance, "text %d keeps its place", i)
	}
}

func concurrent(t *testing.T, e embed.Embedder) {
	want := vectors(t, e, "reading a novel")[0]
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			got, _, err := e.Embed(context.Background(), []string{"reading a novel"})
			if err != nil {
				return err
			}
			if c := cosine(want, got[0]); math.Abs(c-1) > tolerance {
				return fmt.Errorf("the cosine with the same text is %v", c)
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}

func ended(t *testing.T, e embed.Embedder) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := e.Embed(ctx, []string{"tea"})
	require.ErrorIs(t, err, errs.ErrCanceled)
}
