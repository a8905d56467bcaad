package qdrant_test

import (
	"bytes"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/services/retrieval/index/qdrant"
)

func TestTheKeyGoesWithEveryRequest(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	keys := make(chan []string, 10)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		keys <- metadata.ValueFromIncomingContext(stream.Context(), "api-key")
		return status.Error(codes.Unavailable, "not now")
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	x, err := qdrant.New(qdrant.Config{Address: listener.Addr().String(), APIKey: "secret", Model: "m", Dimensions: 8})
	require.NoError(t, err)
	_, err = x.Count(t.Context(), "t")
	require.Error(t, err)
	require.Equal(t, []string{"secret"}, <-keys)
	require.NoError(t, x.Close())
}

func TestAKeyInTheClearIsLoggedOnceAndInOurLogAlone(t *testing.T) {
	var elsewhere bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&elsewhere, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	for _, c := range []struct {
		address, key string
		tls          bool
		lines        int
	}{
		{"qdrant:6334", "secret", false, 1}, {"qdrant:6334", "secret", true, 0}, {"qdrant:6334", "", false, 0}, {"127.0.0.1:6334", "secret", false, 0},
	} {
		core, logs := observer.New(zap.DebugLevel)
		x, err := qdrant.New(qdrant.Config{Address: c.address, APIKey: c.key, TLS: c.tls, Model: "m", Dimensions: 8, Logger: zap.New(core)})
		require.NoError(t, err)
		require.NoError(t, x.Close())
		require.Len(t, logs.All(), c.lines, "%+v", c)
	}
	require.Empty(t, elsewhere.String())
}
