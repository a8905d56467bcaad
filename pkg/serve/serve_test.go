package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	logged "go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/propersim/propersim/internal/leaks"
	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	buffer "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// fake is an assistant and a buffer made of functions.
type fake struct {
	assistantv1.UnimplementedAssistantServiceServer
	buffer.UnimplementedPreferenceBufferServiceServer
	recommend func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error)
	list      func(*buffer.ListRequest, grpc.ServerStreamingServer[buffer.ListResponse]) error
}

func (f *fake) Register(r grpc.ServiceRegistrar) {
	assistantv1.RegisterAssistantServiceServer(r, f)
	buffer.RegisterPreferenceBufferServiceServer(r, f)
}

func (f *fake) Recommend(ctx context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	return f.recommend(ctx, req)
}

func (f *fake) List(req *buffer.ListRequest, stream grpc.ServerStreamingServer[buffer.ListResponse]) error {
	return f.list(req, stream)
}

func (f *fake) OpenSession(stream grpc.ClientStreamingServer[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]) error {
	for {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&assistantv1.OpenSessionResponse{LastStep: -1})
		}
		if err != nil {
			return err
		}
	}
}

// start serves f until the test ends.
func start(t testing.TB, cfg Config, f *fake) (*Server, Conn) {
	t.Helper()
	s, err := New(cfg, f)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	conn, err := s.Dial()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		cancel()
		require.NoError(t, <-done)
	})
	return s, conn
}

// eachNetwork runs a test in process, over a connection in memory, and on
// loopback.
func eachNetwork(t *testing.T, test func(t *testing.T, cfg Config)) {
	t.Run("in process", func(t *testing.T) { test(t, Config{Name: "fake"}) })
	t.Run("memory", func(t *testing.T) { test(t, Config{Name: "fake", wire: true}) })
	t.Run("tcp", func(t *testing.T) { test(t, Config{Name: "fake", Address: "127.0.0.1:0"}) })
}

func request() *assistantv1.RecommendRequest {
	return &assistantv1.RecommendRequest{
		RunId: "r", Step: 12, LastStep: 11, Candidates: 2,
		Observation: &simv1.Observation{Kind: "cooking", Description: "chopping onions for a soup", Room: "kitchen", Object: "counter", StartedStep: 9},
	}
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	defer leaks.None(t)
	eachNetwork(t, func(t *testing.T, cfg Config) {
		core, logs := logged.New(zap.WarnLevel)
		cfg.Logger = zap.New(core)
		f := &fake{}
		_, conn := start(t, cfg, f)
		client := assistantv1.NewAssistantServiceClient(conn)

		f.recommend = func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			return nil, fmt.Errorf("no session for run %q: %w", "r", errs.ErrNotFound)
		}
		_, err := client.Recommend(t.Context(), request())
		require.ErrorIs(t, err, errs.ErrNotFound)
		require.Contains(t, err.Error(), `no session for run "r"`)

		f.recommend = func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			return nil, errors.New("password=hunter2")
		}
		_, err = client.Recommend(t.Context(), request())
		require.ErrorIs(t, err, errs.ErrInternal)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotEmpty(t, logs.FilterField(zap.Error(errors.New("password=hunter2"))).All(), "the cause is logged")

		f.recommend = func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			panic("oh")
		}
		_, err = client.Recommend(t.Context(), request())
		require.ErrorIs(t, err, errs.ErrInternal)
		require.NotEmpty(t, logs.FilterFieldKey("stack").All())
	})
}

func TestRequestsAreHeldToTheirContract(t *testing.T) {
	eachNetwork(t, func(t *testing.T, cfg Config) {
		_, conn := start(t, cfg, &fake{})
		client := assistantv1.NewAssistantServiceClient(conn)
		_, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "r", Candidates: 99})
		var violations errs.Violations
		require.ErrorAs(t, err, &violations)
		fields := []string{}
		for _, v := range violations {
			fields = append(fields, v.Field)
		}
		require.ElementsMatch(t, []string{"observation", "candidates"}, fields)

		stream, err := client.OpenSession(t.Context())
		require.NoError(t, err)
		require.NoError(t, stream.Send(&assistantv1.OpenSessionRequest{}))
		_, err = stream.CloseAndRecv()
		require.ErrorIs(t, err, errs.ErrInvalid)
	})
}

func TestADrainingServerIsAliveAndNotReady(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s, err := New(Config{Name: "t", Address: "127.0.0.1:0"}, &fake{recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		close(entered)
		<-leave
		return &assistantv1.RecommendResponse{}, nil
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	conn, err := s.Dial()
	require.NoError(t, err)
	status := func(service string) healthv1.HealthCheckResponse_ServingStatus {
		got, err := s.health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		return got.GetStatus()
	}
	answered := make(chan error, 1)
	go func() {
		_, err := assistantv1.NewAssistantServiceClient(conn).Recommend(t.Context(), request())
		answered <- err
	}()
	<-entered
	require.Equal(t, healthv1.HealthCheckResponse_SERVING, status(""))
	cancel()
	<-s.stopping.Done()
	require.Equal(t, healthv1.HealthCheckResponse_SERVING, status(Liveness))
	require.Equal(t, healthv1.HealthCheckResponse_NOT_SERVING, status(""))
	require.Equal(t, healthv1.HealthCheckResponse_NOT_SERVING, status(assistantv1.AssistantService_ServiceDesc.ServiceName))
	close(leave)
	require.NoError(t, <-answered)
	require.NoError(t, <-done)
	require.NoError(t, conn.Close())
}

func TestHealthReflectionAndMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := &fake{recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		return &assistantv1.RecommendResponse{}, nil
	}}
	_, conn := start(t, Config{Name: "one", Reflection: true, Registry: registry}, f)
	_, second := start(t, Config{Name: "two", Registry: registry}, f)

	for _, service := range []string{"", "propersim.assistant.v1.AssistantService"} {
		resp, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		require.Equal(t, healthv1.HealthCheckResponse_SERVING, resp.GetStatus())
	}
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}))
	resp, err := stream.Recv()
	require.NoError(t, err)
	require.Contains(t, resp.String(), "propersim.assistant.v1.AssistantService")

	for _, c := range []Conn{conn, second} {
		_, err = assistantv1.NewAssistantServiceClient(c).Recommend(t.Context(), request())
		require.NoError(t, err)
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	calls := 0.0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetValue() == "Recommend" {
					calls += metric.GetCounter().GetValue()
				}
			}
		}
	}
	require.Equal(t, 2.0, calls, "both servers count into one registry")
	count, err := testutil.GatherAndCount(registry, "propersim_rpc_server_handled_total")
	require.NoError(t, err)
	require.Greater(t, count, 5, "every method is there from the beginning")
}

func TestStoppingEndsStreamsAndFinishesCalls(t *testing.T) {
	defer leaks.None(t)
	eachNetwork(t, func(t *testing.T, cfg Config) {
		entered, release := make(chan struct{}), make(chan struct{})
		f := &fake{
			list: func(_ *buffer.ListRequest, stream grpc.ServerStreamingServer[buffer.ListResponse]) error {
				entered <- struct{}{}
				<-stream.Context().Done()
				return stream.Context().Err()
			},
			recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				entered <- struct{}{}
				<-release
				return &assistantv1.RecommendResponse{Adapter: "a"}, nil
			},
		}
		s, err := New(cfg, f)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		conn, err := s.Dial()
		require.NoError(t, err)
		defer conn.Close()

		stream, err := buffer.NewPreferenceBufferServiceClient(conn).List(t.Context(), &buffer.ListRequest{RunId: "r", AfterStep: -1})
		require.NoError(t, err)
		<-entered
		answer := make(chan error, 1)
		go func() {
			resp, err := assistantv1.NewAssistantServiceClient(conn).Recommend(t.Context(), request())
			if err == nil && resp.GetAdapter() != "a" {
				err = errors.New("wrong answer")
			}
			answer <- err
		}()
		<-entered
		cancel()
		_, err = stream.Recv()
		require.ErrorIs(t, err, errs.ErrUnavailable)
		close(release)
		require.NoError(t, <-answer)
		require.NoError(t, <-done)

		_, err = assistantv1.NewAssistantServiceClient(conn).Recommend(t.Context(), request())
		require.ErrorIs(t, err, errs.ErrUnavailable)
	})
}

func TestAddressesThatCannotBeUsed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for address, want := range map[string]error{
		"nonsense":            errs.ErrInvalid,
		"127.0.0.1:99999":     errs.ErrInvalid,
		":7070":               errs.ErrInvalid,
		"0.0.0.0:0":           errs.ErrInvalid,
		"example.org:7070":    errs.ErrInvalid,
		taken.Addr().String(): errs.ErrPrecondition,
	} {
		_, err := New(Config{Name: "fake", Address: address}, &fake{})
		require.ErrorIs(t, err, want, address)
	}
	_, err = Dial("example.org:7070")
	require.ErrorIs(t, err, errs.ErrInvalid)
	s, err := New(Config{Name: "fake", Address: "0.0.0.0:0", Insecure: true}, &fake{})
	require.NoError(t, err)
	s.Close()
}

func TestAUnaryCallHasADeadline(t *testing.T) {
	f := &fake{recommend: func(ctx context.Context, _ *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	s, _ := start(t, Config{Name: "fake", Address: "127.0.0.1:0"}, f)
	conn, err := Dial(s.Addr(), Timeout(20*time.Millisecond))
	require.NoError(t, err)
	defer conn.Close()
	_, err = assistantv1.NewAssistantServiceClient(conn).Recommend(context.Background(), request())
	require.ErrorIs(t, err, errs.ErrDeadline)
}
