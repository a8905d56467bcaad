package environment

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/internal/prom"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// measure registers the metrics of the runs and of the journal.
func (s *Server) measure(registry prometheus.Registerer) error {
	m := prom.Maker{Registry: registry}
	s.lost = m.Counter("leases_lost_total", "Runs that this process no longer conducts because another one took them over.").WithLabelValues()
	if registry == nil {
		return m.Err
	}
	return errors.Join(m.Err, registry.Register(newRunStates(s)), s.journal.Measure(registry))
}

// runStates is the number of runs in every state, counted at every scrape.
type runStates struct {
	server *Server
	desc   *prometheus.Desc
}

func newRunStates(s *Server) *runStates {
	return &runStates{s, prometheus.NewDesc(prom.Prefix+"runs", "Runs of the journal, by state.", []string{"state"}, nil)}
}

// Describe implements prometheus.Collector.
func (r *runStates) Describe(out chan<- *prometheus.Desc) { out <- r.desc }

// Collect implements prometheus.Collector.
func (r *runStates) Collect(out chan<- prometheus.Metric) {
	counts := map[environmentv1.RunState]int{}
	for _, one := range r.server.all() {
		counts[one.State()]++
	}
	for state := range environmentv1.RunState_name {
		if s := environmentv1.RunState(state); s != environmentv1.RunState_RUN_STATE_UNSPECIFIED {
			out <- prometheus.MustNewConstMetric(r.desc, prometheus.GaugeValue, float64(counts[s]), live.Word(s))
		}
	}
}
