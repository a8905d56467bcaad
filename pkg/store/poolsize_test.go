package store

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
)

func TestADSNBoundsTheConnections(t *testing.T) {
	u, err := url.Parse("postgres://me@db/runs?pool_max_conns=3&sslmode=disable")
	require.NoError(t, err)
	n, err := takePoolSize(u)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, "postgres://me@db/runs?sslmode=disable", u.String(), "the server never sees the parameter")

	for _, text := range []string{"0", "many", "-1", "1001"} {
		_, err := Open(t.Context(), "postgres://me@127.0.0.1:1/runs?pool_max_conns="+text, nil)
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, "1 to 1000")
	}
}
