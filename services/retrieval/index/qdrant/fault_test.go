package qdrant_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/services/retrieval/index/indextest"
	"github.com/propersim/propersim/services/retrieval/index/qdrant"
)

// answering is a server that answers every call with one status and trailer.
func answering(t *testing.T, code codes.Code, trailer metadata.MD) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		stream.SetTrailer(trailer)
		return status.Error(code, "said the server")
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func TestWhatTheServerRefusesIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		code    codes.Code
		trailer metadata.MD
		key     string
		kind    error
		says    string
	}{
		"away":             {code: codes.Unavailable, kind: errs.ErrUnavailable, says: "cannot be reached"},
		"no key":           {code: codes.Unauthenticated, kind: errs.ErrDenied, says: "asks for an API key and none is set"},
		"wrong key":        {code: codes.Unauthenticated, key: "hush", kind: errs.ErrDenied, says: "refuses the API key: check"},
		"older, wrong key": {code: codes.PermissionDenied, key: "hush", kind: errs.ErrDenied, says: "refuses the API key: check"},
		"too often": {code: codes.ResourceExhausted, trailer: metadata.Pairs("retry-after", "7"), kind: errs.ErrUnavailable,
			says: "accepts no more requests for now: ResourceExhausted: said the server, retry after 7 seconds"},
		"full":    {code: codes.ResourceExhausted, kind: errs.ErrExhausted, says: "said the server"},
		"broken":  {code: codes.DataLoss, kind: errs.ErrDataLoss, says: "said the server"},
		"unknown": {code: codes.Unknown, kind: errs.ErrInternal, says: "said the server"},
	} {
		t.Run(name, func(t *testing.T) {
			x, err := qdrant.New(qdrant.Config{
				Address: answering(t, test.code, test.trailer), APIKey: test.key, Model: "m", Dimensions: indextest.Dimensions,
			})
			require.NoError(t, err)
			_, err = x.Count(context.Background(), "t")
			require.ErrorIs(t, err, test.kind)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "hush", "the key is a secret")
			delay, retry := errs.RetryDelay(err)
			require.Equal(t, test.trailer != nil, retry)
			require.Equal(t, test.trailer != nil, delay == 7*time.Second)
			require.NoError(t, x.Close())
		})
	}
}
