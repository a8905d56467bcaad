// Package telemetry is how a process lets people look inside: Prometheus
// metrics and the log level over HTTP, and OpenTelemetry traces over OTLP.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
)

// Config says what is shown and where. Its zero value shows nothing.
type Config struct {
	// Service names this process in traces.
	Service string
	// Version of the program.
	Version string
	// Address is where /metrics and /log/level are served over HTTP, host:port;
	// empty means nowhere. Nothing secret is served there, and the level can be
	// changed on loopback alone.
	Address string
	// OTLP is the host:port of an OTLP/gRPC collector; empty means no traces.
	OTLP string
	// Level is the level of the process's logger.
	Level zap.AtomicLevel
}

// Telemetry is an open window into the process.
type Telemetry struct {
	// Registry holds the metrics of the process.
	Registry *prometheus.Registry

	cfg      Config
	listener net.Listener          // nil without an address
	traces   *trace.TracerProvider // nil without OTLP
}

// New opens what cfg names. With OTLP it also sets the process's tracer
// provider and W3C trace propagation. ErrPrecondition when the address is
// taken or cannot be used.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	t := &Telemetry{Registry: prometheus.NewRegistry(), cfg: cfg}
	t.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.Address != "" {
		listener, err := net.Listen("tcp", cfg.Address)
		if err != nil {
			return nil, fmt.Errorf("metrics address %s: %v: %w", cfg.Address, err, errs.ErrPrecondition)
		}
		t.listener = listener
	}
	if cfg.OTLP != "" {
		exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(cfg.OTLP), otlptracegrpc.WithInsecure())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("traces to %s: %w", cfg.OTLP, err), t.closeListener())
		}
		t.traces = trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(resource.NewSchemaless(
			semconv.ServiceName(cfg.Service), semconv.ServiceVersion(cfg.Version))))
		otel.SetTracerProvider(t.traces)
		otel.SetTextMapPropagator(propagation.TraceContext{})
	}
	return t, nil
}

// Tracing reports whether traces are sent.
func (t *Telemetry) Tracing() bool { return t.traces != nil }

// Addr is where HTTP is served; empty without an address.
func (t *Telemetry) Addr() string {
	if t.listener == nil {
		return ""
	}
	return t.listener.Addr().String()
}

// Run serves until ctx is done, then sends the traces it still holds, for at
// most five seconds.
func (t *Telemetry) Run(ctx context.Context) error {
	served := make(chan error, 1)
	server := &http.Server{Handler: t.handler(), ReadHeaderTimeout: 5 * time.Second}
	if t.listener != nil {
		go func() { served <- server.Serve(t.listener) }()
	}
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(last))
	if t.traces != nil {
		err = errors.Join(err, t.traces.Shutdown(last))
	}
	return err
}

func (t *Telemetry) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /log/level", t.cfg.Level)
	mux.HandleFunc("PUT /log/level", func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "the log level can be changed from loopback alone", http.StatusForbidden)
			return
		}
		t.cfg.Level.ServeHTTP(w, r)
	})
	return mux
}

func (t *Telemetry) closeListener() error {
	if t.listener == nil {
		return nil
	}
	return t.listener.Close()
}
