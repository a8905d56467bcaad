package stack_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
)

// thinker thinks until its time is over.
type thinker struct {
	assistantv1.UnimplementedAssistantServiceServer
	allowed chan time.Duration
}

func (a thinker) Recommend(ctx context.Context, _ *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	until, _ := ctx.Deadline()
	a.allowed <- time.Until(until)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAnAssistantHasTheTimeThatIsConfigured(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, assistant := grpc.NewServer(), thinker{allowed: make(chan time.Duration, 1)}
	assistantv1.RegisterAssistantServiceServer(server, assistant)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	for _, want := range []time.Duration{time.Second, 20 * time.Minute} {
		cfg, err := config.Load(config.Sources{Sets: []string{
			"connect.assistant=" + listener.Addr().String(), "connect.assistant_timeout=" + want.String(),
		}})
		require.NoError(t, err)
		conn, err := stack.DialService("assistant", &cfg.Config)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := assistantv1.NewAssistantServiceClient(conn).Recommend(ctx, &assistantv1.RecommendRequest{})
			failed <- err
		}()
		require.InDelta(t, want, <-assistant.allowed, float64(want)/2)
		if want > time.Minute {
			cancel()
			require.ErrorIs(t, <-failed, errs.ErrCanceled)
		} else {
			require.ErrorIs(t, <-failed, errs.ErrDeadline)
		}
		cancel()
		require.NoError(t, conn.Close())
	}
}
