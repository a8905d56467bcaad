// Package telemetry exports what a process does: Prometheus metrics and the log
// level over HTTP, and OpenTelemetry traces over OTLP.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/serve"
)

// Config says what is exported and where. Its zero value exports nothing.
type Config struct {
	// Service and Version name this process in traces and metrics.
	Service, Version string
	// Address is host:port of the HTTP server with /metrics and /log/level; empty
	// means that there is none.
	Address string
	// Security has the token that callers send in the authorization header; with
	// nil, or without a token, everybody may read.
	Security *serve.Security
	// Insecure allows an address off loopback without a token. Only callers on
	// loopback can then change the log level.
	Insecure bool
	// Traces says where traces go.
	Traces Traces
	// Level is the level of the process's logger.
	Level zap.AtomicLevel
	// Logger gets failures to send traces; nil means no logs.
	Logger *zap.Logger
}

// Telemetry exports the metrics and traces of a process.
type Telemetry struct {
	// Registry holds the metrics of the process.
	Registry *prometheus.Registry

	cfg      Config
	listener net.Listener             // nil without an address
	traces   *sdktrace.TracerProvider // nil without an endpoint
}

// New listens on cfg.Address; Run serves. Errors: ErrInvalid for a setting that
// cannot be used, and for an address off loopback without a token; ErrPrecondition
// for an address that another process uses.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	t := &Telemetry{Registry: newRegistry(cfg.Service, cfg.Version), cfg: cfg}
	if cfg.Address != "" {
		if !cfg.Insecure && !cfg.Security.HasToken() && !serve.Loopback(cfg.Address) {
			return nil, errs.Invalid("metrics.address", "%q is not on loopback, so anybody could read; give security.token, or allow it with security.insecure", cfg.Address)
		}
		listener, err := net.Listen("tcp", cfg.Address)
		if err != nil {
			return nil, fmt.Errorf("metrics address %s: %v: %w", cfg.Address, err, errs.ErrPrecondition)
		}
		t.listener = listener
	}
	var err error
	if t.traces, err = newTracerProvider(ctx, cfg, t.Registry); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Tracer returns the provider of tracers; nil without an endpoint, so that code
// without traces does no work for them.
func (t *Telemetry) Tracer() trace.TracerProvider {
	if t.traces == nil {
		return nil
	}
	return t.traces
}

// Addr returns the address of the HTTP server; empty without one.
func (t *Telemetry) Addr() string {
	if t.listener == nil {
		return ""
	}
	return t.listener.Addr().String()
}

// Run serves until ctx is done, then flushes the traces, for at most five seconds.
func (t *Telemetry) Run(ctx context.Context) error {
	if t.listener == nil {
		<-ctx.Done()
		return flush(ctx, t.traces)
	}
	server := &http.Server{Handler: t.handler(), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // a scrape may be cut off
	defer stop()
	if err := server.Serve(t.listener); !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(fmt.Errorf("metrics: %w", err), flush(ctx, t.traces))
	}
	return flush(ctx, t.traces)
}

func (t *Telemetry) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /log/level", t.cfg.Level)
	mux.HandleFunc("PUT /log/level", t.setLevel)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := t.cfg.Security.AdmitHTTP(r); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// setLevel changes the log level for a caller with the token or on loopback.
func (t *Telemetry) setLevel(w http.ResponseWriter, r *http.Request) {
	if !t.cfg.Security.HasToken() && !serve.Loopback(r.RemoteAddr) {
		http.Error(w, "without a token only a caller on loopback can change the log level", http.StatusForbidden)
		return
	}
	t.cfg.Level.ServeHTTP(w, r)
}

// Close frees the address if Run was never called.
func (t *Telemetry) Close() error {
	if t.listener == nil {
		return nil
	}
	return t.listener.Close()
}
