package cli

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/telemetry"
)

// windowFlags say how to look inside while services run.
var windowFlags = []bound{
	{"metrics-address", "metrics.address", "`host:port` for Prometheus metrics and the log level over HTTP"},
	{"traces", "traces.endpoint", "OTLP/gRPC collector for a trace of every step, `http://host:port`"},
	{"traces-sample", "traces.sample", "`share` of the steps that are traced"},
}

// window is what lets people look inside a process.
type window struct {
	*telemetry.Telemetry
	hide context.CancelFunc
	done chan error
}

// openWindow opens what the configuration asks for; service names the process.
func (a *app) openWindow(ctx context.Context, loaded *config.Loaded, service string, log *zap.Logger, level zap.AtomicLevel) (*window, error) {
	security, err := stack.Security(loaded.Security)
	if err != nil {
		return nil, misused(err)
	}
	opened, err := telemetry.New(ctx, telemetry.Config{
		Service: service, Version: a.version, Address: loaded.Metrics.Address,
		Security: security, Insecure: loaded.Config.Security.Insecure,
		Traces: telemetry.Traces{Endpoint: loaded.Traces.Endpoint, Sample: loaded.Traces.Sample},
		Level:  level, Logger: log,
	})
	if err != nil {
		return nil, misused(err)
	}
	w := &window{Telemetry: opened, done: make(chan error, 1)}
	shown, hide := context.WithCancel(context.WithoutCancel(ctx))
	w.hide = hide
	go func() { w.done <- opened.Run(shown) }()
	return w, nil
}

// metrics is where services count; nil where nobody could look.
func (w *window) metrics() *prometheus.Registry {
	if w.Addr() == "" {
		return nil
	}
	return w.Registry
}

// close sends the last traces and closes the window.
func (w *window) close() error {
	w.hide()
	return <-w.done
}
