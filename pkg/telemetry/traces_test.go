package telemetry

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/serve"
)

// sink is an OTLP collector that keeps the names of the spans it gets.
type sink struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []string // guarded by mu
}

func (s *sink) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		for _, scope := range r.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				s.spans = append(s.spans, span.GetName())
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func TestSpansReachTheCollectorBeforeTheEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	got, server := &sink{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, got)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()

	tel, err := New(t.Context(), Config{Service: "test", Traces: Traces{Endpoint: "http://" + listener.Addr().String(), Sample: 1}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tel.Run(ctx) }()
	_, span := tel.Tracer().Tracer("test").Start(ctx, "something")
	span.End()
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, []string{"something"}, got.spans)
	families, err := tel.Registry.Gather()
	require.NoError(t, err)
	counts := map[string]float64{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "propersim_spans_") {
			counts[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	require.Equal(t, map[string]float64{"propersim_spans_ended_total": 1, "propersim_spans_sent_total": 1}, counts)
}

func TestNoEndpointNoTraces(t *testing.T) {
	tel, err := New(t.Context(), Config{})
	require.NoError(t, err)
	require.Nil(t, tel.Tracer())
}

func TestTracesSettingsAreChecked(t *testing.T) {
	for says, traces := range map[string]Traces{
		"traces.endpoint": {Endpoint: "collector:4317", Sample: 1},
		"traces.sample":   {Endpoint: "http://collector:4317"},
	} {
		_, err := New(t.Context(), Config{Traces: traces})
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, says)
	}
}

func TestOffLoopbackWantsAToken(t *testing.T) {
	_, err := New(t.Context(), Config{Address: "0.0.0.0:0"})
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "metrics.address")

	secret := strings.Repeat("s", 32)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(secret), 0o600))
	security, err := serve.SecurityFiles{Token: file}.Load()
	require.NoError(t, err)
	tel := open(t, Config{Address: "127.0.0.1:0", Security: security, Level: zap.NewAtomicLevel()})
	for token, want := range map[string]int{"": 401, "Bearer " + strings.Repeat("x", 32): 401, "Bearer " + secret: 200} {
		for method, path := range map[string]string{http.MethodGet: "/metrics", http.MethodPut: "/log/level"} {
			req, err := http.NewRequest(method, "http://"+tel.Addr()+path, strings.NewReader(`{"level":"warn"}`))
			require.NoError(t, err)
			if token != "" {
				req.Header.Set("Authorization", token)
			}
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, want, resp.StatusCode, "%s %s", method, path)
		}
	}
}
