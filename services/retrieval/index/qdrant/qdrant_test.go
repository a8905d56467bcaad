package qdrant_test

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/errs"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/index"
	"github.com/propersim/propersim/services/retrieval/index/indextest"
	"github.com/propersim/propersim/services/retrieval/index/qdrant"
)

func open(t *testing.T, address string) *qdrant.Index {
	x, err := qdrant.New(qdrant.Config{Address: address, Prefix: "propersim-test", Model: "hash/test", Dimensions: indextest.Dimensions})
	require.NoError(t, err)
	return x
}

func TestConformsOnAServer(t *testing.T) {
	address := os.Getenv("PROPERSIM_TEST_QDRANT")
	if address == "" {
		t.Skip("PROPERSIM_TEST_QDRANT gives no address (host:port, gRPC) of a Qdrant server: its index is not tested against one")
	}
	indextest.Run(t, func(t *testing.T) index.Index { return open(t, address) })
}

// The stand-in knows the part of the server's contract that the driver uses;
// it shows that the driver works with a server that does as documented.
func TestConformsOnAStandIn(t *testing.T) {
	indextest.Run(t, func(t *testing.T) index.Index {
		s := startStandIn(t)
		t.Cleanup(func() { s.requireTenantEverywhere(t) })
		return open(t, s.address)
	})
}

func TestACollectionIsMadeOnceAndChecked(t *testing.T) {
	s := startStandIn(t)
	x := open(t, s.address)
	require.NoError(t, x.Check(context.Background()))
	for range 3 {
		_, err := x.Count(context.Background(), "t")
		require.NoError(t, err)
	}
	require.NoError(t, x.Close())
	require.Equal(t, 1, s.created)
	require.Equal(t, []string{"position:integer", "tenant:keyword,is_tenant"}, s.indexed())

	again, err := qdrant.New(qdrant.Config{Address: s.address, Prefix: "propersim-test", Model: "hash/test", Dimensions: 7})
	require.NoError(t, err)
	require.ErrorIs(t, again.Check(context.Background()), errs.ErrPrecondition)
	_, err = again.Count(context.Background(), "t")
	require.ErrorIs(t, err, errs.ErrPrecondition)
	require.ErrorContains(t, err, "48 dimensions")
	require.NoError(t, again.Close())
}

func TestAServerThatCannotBeReached(t *testing.T) {
	address := loopback.Address(t)
	x := open(t, address)
	_, err := x.Search(context.Background(), "t", make([]float32, indextest.Dimensions), 5, nil)
	require.ErrorIs(t, err, errs.ErrUnavailable)
	err = x.Upsert(context.Background(), "t", []*retrievalv1.Point{{Key: "k"}}, [][]float32{make([]float32, indextest.Dimensions)})
	require.ErrorIs(t, err, errs.ErrUnavailable)
	require.ErrorContains(t, err, address)
	require.NoError(t, x.Close())
}

func TestASlowServerMeetsTheDeadline(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	x, err := qdrant.New(qdrant.Config{Address: listener.Addr().String(), Model: "m", Dimensions: 8, Timeout: 50 * time.Millisecond})
	require.NoError(t, err)
	_, err = x.Count(context.Background(), "t")
	require.ErrorIs(t, err, errs.ErrDeadline)
	require.NoError(t, x.Close())
}

func TestAddressIsChecked(t *testing.T) {
	for _, bad := range []string{"", "qdrant", "host:notaport", "host:70000", "http://host:6334"} {
		_, err := qdrant.New(qdrant.Config{Address: bad, Model: "m", Dimensions: 8})
		require.ErrorIs(t, err, errs.ErrInvalid, bad)
	}
}
