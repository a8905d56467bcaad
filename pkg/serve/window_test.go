package serve

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	buffer "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

// TestWhoDoesNotReadHoldsUpLittle lets streams be sent more than their client
// reads: what waits for it is bounded by the window, and other calls go on.
func TestWhoDoesNotReadHoldsUpLittle(t *testing.T) {
	const streams, message, messages = 8, 64 << 10, 64 // 4 MiB a stream
	var calls atomic.Int64
	var sent [streams]atomic.Int64
	var next atomic.Int32
	f := named("a", &calls)
	f.list = func(_ *buffer.ListRequest, stream grpc.ServerStreamingServer[buffer.ListResponse]) error {
		n := &sent[next.Add(1)-1]
		answer := &buffer.ListResponse{Pair: &buffer.PreferencePair{RunId: "r", Adapter: strings.Repeat("x", message)}}
		for range messages {
			if err := stream.Send(answer); err != nil {
				return err
			}
			n.Add(message)
		}
		return nil
	}
	s := launch(t, Config{Name: "fake", Address: "127.0.0.1:0"}, f)
	conn, err := Dial(s.Addr())
	require.NoError(t, err)
	defer conn.Close()
	client := buffer.NewPreferenceBufferServiceClient(conn)
	var open []grpc.ServerStreamingClient[buffer.ListResponse]
	for range streams {
		stream, err := client.List(t.Context(), &buffer.ListRequest{RunId: "r", AfterStep: -1})
		require.NoError(t, err)
		open = append(open, stream)
	}
	total := func() (sum int64) {
		for i := range sent {
			sum += sent[i].Load()
		}
		return sum
	}
	before, still := int64(-1), 0
	require.Eventually(t, func() bool { // nothing more is sent
		now := total()
		if now != before || now == 0 {
			before, still = now, 0
			return false
		}
		still++
		return still == 10
	}, time.Minute, 20*time.Millisecond)
	for i := range sent {
		require.LessOrEqual(t, sent[i].Load(), int64(tcpWindow+4*message), "the window, and what is on its way into it")
	}
	_, err = assistantv1.NewAssistantServiceClient(conn).Recommend(t.Context(), request())
	require.NoError(t, err, "a call beside streams that nobody reads")
	for _, stream := range open {
		for range messages {
			_, err := stream.Recv()
			require.NoError(t, err)
		}
		_, err := stream.Recv()
		require.ErrorIs(t, err, io.EOF)
	}
}
