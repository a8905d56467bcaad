package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/prom"
	"github.com/propersim/propersim/pkg/errs"
)

// Traces says where traces go. Its zero value sends none.
type Traces struct {
	// Endpoint is an OTLP/gRPC collector: http://host:port in the clear,
	// https://host:port over TLS. Empty means no traces.
	Endpoint string
	// Sample is the share of steps that are traced, (0,1]. The decision is made at
	// the start of a step and applies to all services.
	Sample float64
}

// queued is the size of the queue of spans to send. A span that ends while the
// queue is full is dropped: propersim_spans_ended_total then grows faster than
// propersim_spans_sent_total.
const queued = 1 << 16

// newTracerProvider returns nil without an endpoint. It connects at the first span,
// so the collector may start later.
func newTracerProvider(ctx context.Context, cfg Config, registry *prometheus.Registry) (*sdktrace.TracerProvider, error) {
	t := cfg.Traces
	if t.Endpoint == "" {
		return nil, nil
	}
	at, err := url.Parse(t.Endpoint)
	if err != nil || (at.Scheme != "http" && at.Scheme != "https") || at.Port() == "" {
		return nil, errs.Invalid("traces.endpoint", "found %q, want http://host:port or https://host:port of an OTLP/gRPC collector", t.Endpoint)
	}
	if t.Sample <= 0 || t.Sample > 1 {
		return nil, errs.Invalid("traces.sample", "found %v, want a share above 0 and up to 1", t.Sample)
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(t.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("traces to %s: %w", t.Endpoint, err)
	}
	if cfg.Logger != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
			cfg.Logger.Warn("traces were not sent", zap.String("endpoint", t.Endpoint), zap.Error(err))
		}))
	}
	ended := endedSpans{prometheus.NewCounter(prometheus.CounterOpts{Name: prom.Prefix + "spans_ended_total", Help: "Sampled spans that ended."})}
	sent := sentSpans{exporter, prometheus.NewCounter(prometheus.CounterOpts{Name: prom.Prefix + "spans_sent_total", Help: "Spans that the collector took."})}
	if err := errors.Join(registry.Register(ended.count), registry.Register(sent.count)); err != nil {
		return nil, err
	}
	return sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(ended),
		sdktrace.WithBatcher(sent, sdktrace.WithMaxQueueSize(queued), sdktrace.WithMaxExportBatchSize(2048), sdktrace.WithBatchTimeout(time.Second)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(t.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(
			semconv.ServiceName("propersim-"+cfg.Service), semconv.ServiceVersion(cfg.Version))),
	), nil
}

// sentSpans counts the spans that the collector accepted.
type sentSpans struct {
	sdktrace.SpanExporter
	count prometheus.Counter
}

// ExportSpans implements sdktrace.SpanExporter.
func (s sentSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := s.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		s.count.Add(float64(len(spans)))
	}
	return err
}

// endedSpans is a span processor that counts the sampled spans that end.
type endedSpans struct{ count prometheus.Counter }

func (e endedSpans) OnEnd(span sdktrace.ReadOnlySpan) {
	if span.SpanContext().IsSampled() {
		e.count.Inc()
	}
}
func (endedSpans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (endedSpans) ForceFlush(context.Context) error                { return nil }
func (endedSpans) Shutdown(context.Context) error                  { return nil }

// flush sends the spans that wait, for at most five seconds.
func flush(ctx context.Context, provider *sdktrace.TracerProvider) error {
	if provider == nil {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := provider.Shutdown(last); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the last traces were not sent: %w", err)
	}
	return nil
}
