package embed_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/embed/embeddertest"
)

func TestHashingConforms(t *testing.T) {
	embeddertest.Run(t, func(t *testing.T) embed.Embedder {
		h, err := embed.NewHashing(0)
		require.NoError(t, err)
		return h
	})
}
