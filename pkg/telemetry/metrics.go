package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/propersim/propersim/internal/prom"
)

// newRegistry returns a registry with the metrics of the process itself.
func newRegistry(service, version string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: prom.Prefix + "build_info", Help: "1; the labels tell the version and which service the process runs.",
		ConstLabels: prometheus.Labels{"service": service, "version": version},
	})
	info.Set(1)
	prometheus.WrapRegistererWithPrefix(prom.Prefix, registry).MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(info)
	return registry
}
