// Package telemetry is how a process lets people look inside: Prometheus
// metrics and the log level over HTTP.
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
	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
)

// Config says what is shown and where. Its zero value shows nothing.
type Config struct {
	// Address is where /metrics and /log/level are served over HTTP, host:port;
	// empty means nowhere. Nothing secret is served there, and the level can be
	// changed on loopback alone.
	Address string
	// Level is the level of the process's logger.
	Level zap.AtomicLevel
}

// Telemetry is an open window into the process.
type Telemetry struct {
	// Registry holds the metrics of the process.
	Registry *prometheus.Registry

	cfg      Config
	listener net.Listener // nil without an address
}

// New opens what cfg names. ErrPrecondition when the address is taken or cannot
// be used.
func New(cfg Config) (*Telemetry, error) {
	t := &Telemetry{Registry: prometheus.NewRegistry(), cfg: cfg}
	t.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.Address != "" {
		listener, err := net.Listen("tcp", cfg.Address)
		if err != nil {
			return nil, fmt.Errorf("metrics address %s: %v: %w", cfg.Address, err, errs.ErrPrecondition)
		}
		t.listener = listener
	}
	return t, nil
}

// Addr is where HTTP is served; empty without an address.
func (t *Telemetry) Addr() string {
	if t.listener == nil {
		return ""
	}
	return t.listener.Addr().String()
}

// Run serves until ctx is done.
func (t *Telemetry) Run(ctx context.Context) error {
	if t.listener == nil {
		<-ctx.Done()
		return nil
	}
	server := &http.Server{Handler: t.handler(), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // readers of metrics need no farewell
	defer stop()
	if err := server.Serve(t.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
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

// Close frees the address of one that never ran.
func (t *Telemetry) Close() error {
	if t.listener == nil {
		return nil
	}
	return t.listener.Close()
}
