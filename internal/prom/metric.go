// Package prom creates Prometheus metrics. Code that asks for the same metric
// shares it, and without a registry metrics are not exported.
package prom

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Prefix begins the name of every metric, including those of the Go runtime and of
// the process.
const Prefix = "propersim_"

// Register registers a collector and returns it, or the equal one that is
// registered already: several servers may share a registry. With a nil registry it
// returns c, which is then not exported.
func Register[C prometheus.Collector](registry prometheus.Registerer, c C) (C, error) {
	if registry == nil {
		return c, nil
	}
	err := registry.Register(c)
	var twice prometheus.AlreadyRegisteredError
	if errors.As(err, &twice) {
		if same, ok := twice.ExistingCollector.(C); ok {
			return same, nil
		}
	}
	return c, err
}

// Maker creates metrics in one registry and keeps the first error, so that the
// caller checks once.
type Maker struct {
	// Registry gets the metrics; nil means that they are not exported.
	Registry prometheus.Registerer
	// Err is the first error: a name that another kind of metric has.
	Err error
}

// Counter creates a counter with labels. name has no prefix.
func (m *Maker) Counter(name, help string, labels ...string) *prometheus.CounterVec {
	return made(m, prometheus.NewCounterVec(prometheus.CounterOpts{Name: Prefix + name, Help: help}, labels))
}

// Gauge creates a gauge with labels.
func (m *Maker) Gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return made(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: Prefix + name, Help: help}, labels))
}

// Histogram creates a histogram with the given upper bounds and labels.
func (m *Maker) Histogram(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
	return made(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: Prefix + name, Help: help, Buckets: bounds}, labels))
}

func made[C prometheus.Collector](m *Maker, c C) C {
	registered, err := Register(m.Registry, c)
	if err != nil && m.Err == nil {
		m.Err = err
	}
	return registered
}
