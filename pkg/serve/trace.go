package serve

import (
	"context"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// Traced makes a span of every call, as a child of the caller's, and propagates
// it as W3C trace context. nil changes nothing.
func Traced(tracer trace.TracerProvider) DialOption {
	if tracer == nil {
		return func(*dialing) {}
	}
	return With(grpc.WithStatsHandler(otelgrpc.NewClientHandler(traceOptions(tracer)...)))
}

// tracing makes a span of every call to a server except health checks.
func tracing(tracer trace.TracerProvider) []grpc.ServerOption {
	if tracer == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(traceOptions(tracer)...))}
}

func traceOptions(tracer trace.TracerProvider) []otelgrpc.Option {
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(tracer),
		otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithMeterProvider(noop.NewMeterProvider()), // pkg/serve has metrics of its own
		otelgrpc.WithFilter(filters.Not(filters.HealthCheck())),
	}
}

// callTraces makes calls in process spans, as the stats handlers of a connection
// do. nil makes none.
type callTraces struct{ ofClient, ofServer stats.Handler }

func newCallTraces(tracer trace.TracerProvider) *callTraces {
	if tracer == nil {
		return nil
	}
	options := traceOptions(tracer)
	return &callTraces{ofClient: otelgrpc.NewClientHandler(options...), ofServer: otelgrpc.NewServerHandler(options...)}
}

func (t *callTraces) client(ctx context.Context, method string) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	return span(ctx, t.ofClient, method, true)
}

func (t *callTraces) server(ctx context.Context, method string) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	return span(ctx, t.ofServer, method, false)
}

// span begins one; the function returned ends it.
func span(ctx context.Context, h stats.Handler, method string, client bool) (context.Context, func(error)) {
	begun := time.Now()
	ctx = h.TagRPC(ctx, &stats.RPCTagInfo{FullMethodName: method})
	h.HandleRPC(ctx, &stats.Begin{Client: client, BeginTime: begun})
	return ctx, func(err error) {
		h.HandleRPC(ctx, &stats.End{Client: client, BeginTime: begun, EndTime: time.Now(), Error: err})
	}
}
