package trainer

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/internal/prom"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// metrics are the counters and histograms of the service.
type metrics struct {
	jobs    *prometheus.CounterVec
	seconds prometheus.Observer // of training in process
	pairs   prometheus.Observer
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := prom.Maker{Registry: registry}
	out := &metrics{
		jobs: m.Counter("jobs_total", "Training jobs that ended, by their final state.", "executor", "outcome"),
		seconds: m.Histogram("training_seconds", "Wall time of drawing the pairs of a job and training it.",
			[]float64{.005, .01, .02, .05, .1, .2, .5, 1, 5, 30, 120, 600, 1800}, "executor").WithLabelValues("embedded"),
		pairs: m.Histogram("training_pairs", "Pairs that a job was trained on.", []float64{1, 5, 10, 25, 50, 100, 200, 500, 1000, 2000}).WithLabelValues(),
	}
	for _, state := range []trainerv1.JobState{
		trainerv1.JobState_JOB_STATE_ACTIVE, trainerv1.JobState_JOB_STATE_FAILED, trainerv1.JobState_JOB_STATE_REJECTED, trainerv1.JobState_JOB_STATE_CANCELLED,
	} {
		out.jobs.WithLabelValues("embedded", outcome(state))
	}
	return out, m.Err
}

// count counts the jobs that ended.
func (m *metrics) count(states []snapshot) {
	for _, s := range states {
		if final(s.job.GetState()) {
			executor := strings.ToLower(strings.TrimPrefix(s.job.GetExecutor().String(), "EXECUTOR_"))
			m.jobs.WithLabelValues(executor, outcome(s.job.GetState())).Inc()
		}
	}
}

func outcome(state trainerv1.JobState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "JOB_STATE_"))
}
