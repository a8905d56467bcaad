package serve

import (
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
)

// Traced makes every call a span, within that of the caller, and passes it on
// as W3C trace context. nil changes nothing.
func Traced(tracer trace.TracerProvider) DialOption {
	if tracer == nil {
		return func(*dialing) {}
	}
	return With(grpc.WithStatsHandler(otelgrpc.NewClientHandler(traceOptions(tracer)...)))
}

// tracing makes every call to a server a span; health checks are left out.
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
		otelgrpc.WithMeterProvider(noop.NewMeterProvider()), // Prometheus counts
		otelgrpc.WithFilter(filters.Not(filters.HealthCheck())),
	}
}
