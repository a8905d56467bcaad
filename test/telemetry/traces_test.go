// Package telemetry tests traces against a collector of OpenTelemetry.
package telemetry

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/telemetry"
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

	tel, err := telemetry.New(t.Context(), telemetry.Config{Service: "test", Traces: telemetry.Traces{Endpoint: "http://" + listener.Addr().String(), Sample: 1}})
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
