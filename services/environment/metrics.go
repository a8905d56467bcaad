package environment

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/internal/prom"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// runStates is the number of runs in every state, counted when somebody looks.
type runStates struct {
	server *Server
	desc   *prometheus.Desc
}

func newRunStates(s *Server) *runStates {
	return &runStates{s, prometheus.NewDesc(prom.Prefix+"runs", "Runs that the service keeps, by state.", []string{"state"}, nil)}
}

// Describe implements prometheus.Collector.
func (r *runStates) Describe(out chan<- *prometheus.Desc) { out <- r.desc }

// Collect implements prometheus.Collector.
func (r *runStates) Collect(out chan<- prometheus.Metric) {
	counts := map[environmentv1.RunState]int{}
	r.server.mu.Lock()
	for _, one := range r.server.order {
		counts[one.current()]++
	}
	r.server.mu.Unlock()
	for state := range environmentv1.RunState_name {
		if s := environmentv1.RunState(state); s != environmentv1.RunState_RUN_STATE_UNSPECIFIED {
			out <- prometheus.MustNewConstMetric(r.desc, prometheus.GaugeValue, float64(counts[s]), word(s))
		}
	}
}
