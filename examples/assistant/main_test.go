package main

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/propersim/propersim/pkg/conformance"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// deskBreak is the method of the example: rules of its own, not a policy of ours.
var deskBreak = &simv1.Method{
	Name: "desk-break", Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_SAMPLES,
	Decider: simv1.Decider_DECIDER_CUSTOM, Told: simv1.Told_TOLD_NOTHING,
}

// TestItConforms checks the example against every requirement and recommendation of
// the contract.
func TestItConforms(t *testing.T) {
	listener := bufconn.Listen(1 << 20)
	grpcServer := newServer()
	go func() { _ = grpcServer.Serve(listener) }()
	t.Cleanup(grpcServer.Stop)
	conn, err := grpc.NewClient("passthrough:assistant", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })

	report, err := conformance.Assistant(t.Context(), assistantv1.NewAssistantServiceClient(conn),
		conformance.Options{Name: "the Go example", Method: deskBreak, Deterministic: true})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.True(t, report.OK(), text.String())
	require.Zero(t, report.Count(conformance.Warn), text.String())
	t.Log(text.String())
}
