package serve

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	logged "go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	buffer "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// instance is a server that can be killed at any moment.
type instance struct {
	*Server
	done chan error
}

// launch serves f at an address and does not drain at its end.
func launch(t *testing.T, cfg Config, f *fake) *instance {
	t.Helper()
	s, err := New(cfg, f)
	require.NoError(t, err)
	i := &instance{Server: s, done: make(chan error, 1)}
	go func() { i.done <- s.grpc.Serve(s.listener) }()
	t.Cleanup(i.kill)
	return i
}

// kill closes all connections at once, as a process that dies does.
func (i *instance) kill() { i.grpc.Stop() }

// named answers with its name and counts.
func named(name string, calls *atomic.Int64) *fake {
	return &fake{recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		calls.Add(1)
		return &assistantv1.RecommendResponse{Adapter: name}, nil
	}}
}

func dial(t *testing.T, address string, opts ...DialOption) assistantv1.AssistantServiceClient {
	t.Helper()
	conn, err := Dial(address, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return assistantv1.NewAssistantServiceClient(conn)
}

// untilSpread calls until each of the counters has gone up.
func untilSpread(t *testing.T, client assistantv1.AssistantServiceClient, counters ...*atomic.Int64) {
	t.Helper()
	for _, c := range counters {
		c.Store(0)
	}
	require.Eventually(t, func() bool {
		_, err := client.Recommend(t.Context(), request())
		if err != nil {
			require.ErrorIs(t, err, errs.ErrUnavailable) // a call that was on its way to the killed one
		}
		for _, c := range counters {
			if c.Load() == 0 {
				return false
			}
		}
		return true
	}, time.Minute, time.Millisecond)
}

func TestCallsAreSpreadOverSeveralAddresses(t *testing.T) {
	var counts [3]atomic.Int64
	var servers [3]*instance
	var addresses []string
	for i, name := range []string{"a", "b", "c"} {
		servers[i] = launch(t, Config{Name: name, Address: loopback.Address(t)}, named(name, &counts[i]))
		addresses = append(addresses, servers[i].Addr())
	}
	client := dial(t, strings.Join(addresses, ", "), Spread())
	untilSpread(t, client, &counts[0], &counts[1], &counts[2])

	servers[1].kill()
	untilSpread(t, client, &counts[0], &counts[2])
	require.Eventually(t, func() bool { // a call may still be on its way to the killed one
		for range 50 {
			if _, err := client.Recommend(t.Context(), request()); err != nil {
				require.ErrorIs(t, err, errs.ErrUnavailable)
				return false
			}
		}
		return true
	}, time.Minute, time.Millisecond, "two of three go on")
	launch(t, Config{Name: "b", Address: addresses[1]}, named("b", &counts[1]))
	untilSpread(t, client, &counts[0], &counts[1], &counts[2])
}

func TestSeveralAddressesNeedASharedState(t *testing.T) {
	_, err := Dial("127.0.0.1:7072,127.0.0.1:8072")
	var violations errs.Violations
	require.ErrorAs(t, err, &violations)
	require.Equal(t, "address", violations[0].Field)
	require.Contains(t, violations[0].Message, "2 addresses")
	require.Contains(t, violations[0].Message, "own memory")
	for _, one := range []string{"127.0.0.1:7072,", "127.0.0.1:7072,example.org:7072", "nonsense,127.0.0.1:7072"} {
		_, err := Dial(one, Spread())
		require.ErrorIs(t, err, errs.ErrInvalid, one)
	}
}

func TestAClientFindsARestartedServer(t *testing.T) {
	var calls atomic.Int64
	first := launch(t, Config{Name: "fake", Address: loopback.Address(t)}, named("first", &calls))
	client := dial(t, first.Addr())
	_, err := client.Recommend(t.Context(), request())
	require.NoError(t, err)
	first.kill()
	for range 20 { // whoever calls while it is away is told so at once
		_, err = client.Recommend(t.Context(), request())
		require.ErrorIs(t, err, errs.ErrUnavailable)
	}
	launch(t, Config{Name: "fake", Address: first.Addr()}, named("second", &calls))
	require.Eventually(t, func() bool {
		resp, err := client.Recommend(t.Context(), request())
		return err == nil && resp.GetAdapter() == "second"
	}, time.Minute, 5*time.Millisecond)
}

func TestADeadlineIsNoAbsence(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	f := &fake{
		recommend: func(ctx context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond) // shorter than the caller's
			defer cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		},
		list: func(_ *buffer.ListRequest, stream grpc.ServerStreamingServer[buffer.ListResponse]) error {
			<-stream.Context().Done()
			return stream.Context().Err()
		},
	}
	eachNetwork(t, func(t *testing.T, cfg Config) {
		_, conn := start(t, cfg, f)
		_, err := assistantv1.NewAssistantServiceClient(conn).Recommend(t.Context(), request())
		require.ErrorIs(t, err, errs.ErrDeadline, "what the server waited for")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		stream, err := buffer.NewPreferenceBufferServiceClient(conn).List(ctx, &buffer.ListRequest{RunId: "r", AfterStep: -1})
		if err == nil { // on a busy machine the deadline passes before the stream is open
			_, err = stream.Recv()
		}
		require.ErrorIs(t, err, errs.ErrDeadline, "a stream with a deadline of its caller")
	})
}

func TestAWaitThatOutlastsTheCallIsNoFaultOfTheServer(t *testing.T) {
	var entered atomic.Bool
	f := &fake{recommend: func(ctx context.Context, _ *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		entered.Store(true)
		<-ctx.Done()
		return nil, errors.New("interrupted") // as a database says it
	}}
	eachNetwork(t, func(t *testing.T, cfg Config) {
		core, logs := logged.New(zap.DebugLevel)
		cfg.Logger = zap.New(core)
		_, conn := start(t, cfg, f)
		entered.Store(false)
		for patience := 20 * time.Millisecond; !entered.Load(); patience *= 2 { // on a busy machine a deadline may pass on the way
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, err := assistantv1.NewAssistantServiceClient(conn).Recommend(ctx, request())
			cancel()
			require.ErrorIs(t, err, errs.ErrDeadline)
		}
		require.Eventually(t, func() bool { return logs.FilterMessage("call failed").Len() > 0 }, time.Minute, time.Millisecond)
		code := logs.FilterMessage("call failed").All()[0].ContextMap()["code"]
		require.Contains(t, []any{"DeadlineExceeded", "Canceled"}, code, "whichever the server hears of first")
	})
}

func TestMessagesAreOfLimitedSize(t *testing.T) {
	answer := 0
	f := &fake{recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		return &assistantv1.RecommendResponse{Adapter: strings.Repeat("x", answer)}, nil
	}}
	eachNetwork(t, func(t *testing.T, cfg Config) {
		_, conn := start(t, cfg, f)
		client := assistantv1.NewAssistantServiceClient(conn)
		answer = maxMessage - 64
		_, err := client.Recommend(t.Context(), request())
		require.NoError(t, err)
		answer = maxMessage
		_, err = client.Recommend(t.Context(), request())
		require.ErrorIs(t, err, errs.ErrExhausted)

		answer = 0
		req := request()
		req.Observation = &simv1.Observation{Description: strings.Repeat("x", maxMessage)}
		_, err = client.Recommend(t.Context(), req)
		require.ErrorIs(t, err, errs.ErrExhausted)
	})
}

// headers collects what the messages of a connection are compressed by.
type headers struct {
	stats.Handler
	seen atomic.Int64
	bad  atomic.Value // string
}

func (h *headers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (h *headers) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (h *headers) HandleConn(context.Context, stats.ConnStats)                       {}
func (h *headers) HandleRPC(_ context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.OutHeader:
		h.note(s.Compression)
	case *stats.InHeader:
		h.note(s.Compression)
	case *stats.OutPayload:
		h.payload(s.Length, s.CompressedLength)
	case *stats.InPayload:
		h.payload(s.Length, s.CompressedLength)
	}
}

func (h *headers) payload(length, compressed int) {
	if length != compressed {
		h.bad.Store("a payload was compressed")
	}
}

func (h *headers) note(compression string) {
	h.seen.Add(1)
	if compression != "" {
		h.bad.Store(compression)
	}
}

func TestNothingIsCompressed(t *testing.T) {
	f := &fake{recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		return &assistantv1.RecommendResponse{Adapter: strings.Repeat("x", 10_000)}, nil
	}}
	s, _ := start(t, Config{Name: "fake", Address: "127.0.0.1:0"}, f)
	h := &headers{}
	_, err := dial(t, s.Addr(), With(grpc.WithStatsHandler(h))).Recommend(t.Context(), request())
	require.NoError(t, err)
	require.EqualValues(t, 2, h.seen.Load())
	require.Nil(t, h.bad.Load())
}

// mute accepts connections for a server and passes bytes on until it falls
// silent, without closing anything.
type mute struct {
	net.Listener
	silent atomic.Bool
}

func newMute(t *testing.T, server string) *mute {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &mute{Listener: l}
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				return
			}
			t.Cleanup(func() { _, _ = client.Close(), upstream.Close() })
			go m.pass(upstream, client)
			go m.pass(client, upstream)
		}
	}()
	return m
}

func (m *mute) pass(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if m.silent.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestAStreamEndsWhenItsPeerFallsSilent takes as long as both sides wait: about
// twenty seconds.
func TestAStreamEndsWhenItsPeerFallsSilent(t *testing.T) {
	t.Parallel()
	entered, left := make(chan struct{}), make(chan error, 1)
	f := &fake{list: func(_ *buffer.ListRequest, stream grpc.ServerStreamingServer[buffer.ListResponse]) error {
		close(entered)
		<-stream.Context().Done()
		left <- stream.Context().Err()
		return stream.Context().Err()
	}}
	s, _ := start(t, Config{Name: "fake", Address: "127.0.0.1:0"}, f)
	m := newMute(t, s.Addr())
	conn, err := Dial(m.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	stream, err := buffer.NewPreferenceBufferServiceClient(conn).List(t.Context(), &buffer.ListRequest{RunId: "r", AfterStep: -1})
	require.NoError(t, err)
	<-entered
	m.silent.Store(true)
	_, err = stream.Recv()
	require.ErrorIs(t, err, errs.ErrUnavailable)
	require.ErrorIs(t, <-left, context.Canceled, "the server does not keep the stream of a silent client")
}

// A gRPC server of default settings closes a connection at the fourth sign of
// life that is asked of it too early.
func TestASlowServerOfAnotherMakingIsLeftInPeace(t *testing.T) {
	t.Parallel()
	s := grpc.NewServer()
	(&fake{recommend: func(ctx context.Context, _ *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		select {
		case <-ctx.Done():
		case <-time.After(4*quiet + 2*time.Second): // a model thinks
		}
		return &assistantv1.RecommendResponse{Adapter: "slow"}, ctx.Err()
	}}).Register(s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	client := dial(t, listener.Addr().String(), Stranger(), Timeout(time.Minute))
	got, err := client.Recommend(t.Context(), request())
	require.NoError(t, err)
	require.Equal(t, "slow", got.GetAdapter())
}
