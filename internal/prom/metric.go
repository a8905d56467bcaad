// Package prom is how code that counts gets its Prometheus metrics: made once,
// shared by all who ask for the same, and out of sight without a registry.
package prom

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Prefix begins the name of every metric, those of the Go runtime and of the
// process included.
const Prefix = "propersim_"

// Register registers a collector and returns it, or the equal one that is
// registered already: several servers may count in one registry. A nil registry
// keeps the collector out of sight, so that code that counts need not ask.
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

// Maker makes metrics for one registry and keeps the first error, so that a
// list of metrics reads as a list.
type Maker struct {
	// Registry gets the metrics; nil keeps them out of sight.
	Registry prometheus.Registerer
	// Err is the first error, of a name that is taken by another kind of metric.
	Err error
}

// Counter makes a counter with labels. The name goes without the prefix.
func (m *Maker) Counter(name, help string, labels ...string) *prometheus.CounterVec {
	return made(m, prometheus.NewCounterVec(prometheus.CounterOpts{Name: Prefix + name, Help: help}, labels))
}

// Gauge makes a gauge with labels.
func (m *Maker) Gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return made(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: Prefix + name, Help: help}, labels))
}

// Histogram makes a histogram with the given upper bounds and labels.
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
