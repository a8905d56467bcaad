package modelembed_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/internal/fakemodel/fakeclient"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/embed/embeddertest"
	"github.com/propersim/propersim/services/retrieval/embed/modelembed"
)

func TestConformance(t *testing.T) {
	embeddertest.Run(t, func(t *testing.T) embed.Embedder {
		_, client := fakeclient.Open(t, fakemodel.Config{})
		e, err := modelembed.New(t.Context(), client)
		require.NoError(t, err)
		require.Equal(t, 64, e.Dimensions())
		return e
	})
}

// TestTheQuestionForDimensionsIsRecorded: what New paid for is on the record of
// the first Embed that succeeds, and on no other.
func TestTheQuestionForDimensionsIsRecorded(t *testing.T) {
	server, client := fakeclient.Open(t, fakemodel.Config{})
	e, err := modelembed.New(t.Context(), client)
	require.NoError(t, err)
	server.Script(fakemodel.Embeddings(`[0,0,0]`))
	_, _, err = e.Embed(t.Context(), []string{"coffee"})
	require.Error(t, err)
	var purposes []string
	for _, text := range []string{"tea", "water"} {
		_, effects, err := e.Embed(t.Context(), []string{text})
		require.NoError(t, err)
		require.Len(t, effects.Timings, len(effects.Calls))
		for _, call := range effects.Calls {
			require.Positive(t, call.GetPromptTokens())
			purposes = append(purposes, call.GetPurpose())
		}
	}
	require.Equal(t, []string{"moments", "dimensions", "moments"}, purposes)
}

func TestAnotherDimensionIsRefused(t *testing.T) {
	server, client := fakeclient.Open(t, fakemodel.Config{})
	e, err := modelembed.New(t.Context(), client)
	require.NoError(t, err)
	server.Script(fakemodel.Embeddings(`[1,2,3]`))
	_, _, err = e.Embed(t.Context(), []string{"tea"})
	require.ErrorIs(t, err, errs.ErrPrecondition)
	require.ErrorContains(t, err, "3 dimensions, want 64")
	server.Script(fakemodel.Embeddings(`[0,0,0]`))
	_, _, err = e.Embed(t.Context(), []string{"coffee"})
	require.ErrorIs(t, err, errs.ErrPrecondition)
}
