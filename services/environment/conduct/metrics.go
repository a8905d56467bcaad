package conduct

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/internal/prom"
	"github.com/propersim/propersim/pkg/judge"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Upper bounds of histograms, seconds.
var (
	stepBounds  = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .5, 1, 2, 5, 10, 30}
	phaseBounds = []float64{.0001, .0002, .0005, .001, .002, .005, .01, .05, .2, 1, 5, 30}
	nightBounds = []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600}
)

// metrics is what is counted while runs are conducted. Labels name methods,
// outcomes and services, never a run, a person or a step.
type metrics struct {
	steps, recommendations, abstentions, criteria, unjudged *prometheus.CounterVec
	failures                                                *prometheus.CounterVec
	waking, wantedMin, wantedMax, pairs                     *prometheus.CounterVec
	nights, waits, reopened                                 *prometheus.CounterVec
	stepSeconds, score                                      *prometheus.HistogramVec
	night                                                   prometheus.Observer
	act, recommend, evaluate, commit, observe               prometheus.Observer
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := prom.Maker{Registry: registry}
	phases := m.Histogram("step_phase_seconds", "Wall time of a part of a waking step.", phaseBounds, "phase")
	out := &metrics{
		steps:           m.Counter("steps_total", "Committed steps.", "method", "state"),
		stepSeconds:     m.Histogram("step_seconds", "Wall time of a waking step, from the action until the committed step is reported.", stepBounds, "method"),
		recommendations: m.Counter("recommendations_total", "Delivered recommendations.", "method"),
		abstentions:     m.Counter("abstentions_total", "Waking steps at which the assistant stayed silent.", "method"),
		failures:        m.Counter("candidate_failures_total", "Candidates, delivered or not, that were answers of the assistant that could not be read.", "method"),
		score:           m.Histogram("score", "Total of the delivered candidate, 0 to 4.", []float64{0, 1, 2, 3, 4}, "method"),
		criteria:        m.Counter("criteria_total", "Verdicts on delivered candidates.", "method", "criterion", "verdict"),
		unjudged:        m.Counter("unjudged_steps_total", "Steps without a score: a criterion of the delivered candidate could not be judged.", "method"),
		waking:          m.Counter("waking_seconds_total", "Simulated time awake.", "method"),
		wantedMin:       m.Counter("wanted_recommendations_min_total", "Least number of recommendations that the rubrics ask for in the time awake.", "method"),
		wantedMax:       m.Counter("wanted_recommendations_max_total", "Greatest number of recommendations that the rubrics ask for in the time awake.", "method"),
		pairs:           m.Counter("pairs_total", "Preference pairs made.", "method"),
		nights:          m.Counter("nights_total", "Turns of a day with training, by what came of it.", "outcome"),
		waits:           m.Counter("waits_total", "Times a run began to wait for a service that did not answer.", "peer"),
		reopened:        m.Counter("sessions_reopened_total", "Sessions opened again from the journal.", "peer"),
		night:           m.Histogram("night_seconds", "Wall time of a night's training, as the run sees it.", nightBounds).WithLabelValues(),
		act:             phases.WithLabelValues("act"),
		recommend:       phases.WithLabelValues("recommend"),
		evaluate:        phases.WithLabelValues("evaluate"),
		commit:          phases.WithLabelValues("commit"),
		observe:         phases.WithLabelValues("observe"),
	}
	for _, outcome := range []string{"trained", "kept", "failed"} {
		out.nights.WithLabelValues(outcome)
	}
	for _, peer := range []string{"user", "assistant", "buffer", "trainer"} {
		out.waits.WithLabelValues(peer)
	}
	for _, peer := range []string{"user", "assistant"} {
		out.reopened.WithLabelValues(peer)
	}
	return out, m.Err
}

// runMetrics are the metrics of one run's method, looked up once.
type runMetrics struct {
	awake, asleep, recommendations, abstentions, unjudged prometheus.Counter
	failures                                              prometheus.Counter
	waking, wantedMin, wantedMax, pairs                   prometheus.Counter
	seconds, score                                        prometheus.Observer
	verdicts                                              map[simv1.Criterion]map[simv1.Outcome]prometheus.Counter

	stepSeconds float64 // simulated
	min, max    float64 // recommendations wanted in a waking step
}

var (
	criterionNames = map[simv1.Criterion]string{
		simv1.Criterion_CRITERION_PREFERENCE: "preference", simv1.Criterion_CRITERION_TIMING: "timing",
		simv1.Criterion_CRITERION_FREQUENCY: "frequency", simv1.Criterion_CRITERION_COMMUNICATION: "communication",
	}
	outcomeNames = map[simv1.Outcome]string{
		simv1.Outcome_OUTCOME_PASS: "pass", simv1.Outcome_OUTCOME_FAIL: "fail", simv1.Outcome_OUTCOME_UNJUDGED: "unjudged",
	}
)

func (m *metrics) of(fixed *environmentv1.Run) *runMetrics {
	config := fixed.GetConfig()
	method := config.GetMethod().GetName()
	low, high := judge.WantedBand(fixed.GetPersona().GetSpec())
	hours := float64(config.GetStepSeconds()) / 3600
	out := &runMetrics{
		awake: m.steps.WithLabelValues(method, "awake"), asleep: m.steps.WithLabelValues(method, "asleep"),
		recommendations: m.recommendations.WithLabelValues(method), abstentions: m.abstentions.WithLabelValues(method),
		unjudged: m.unjudged.WithLabelValues(method), failures: m.failures.WithLabelValues(method), waking: m.waking.WithLabelValues(method),
		wantedMin: m.wantedMin.WithLabelValues(method), wantedMax: m.wantedMax.WithLabelValues(method),
		pairs: m.pairs.WithLabelValues(method), seconds: m.stepSeconds.WithLabelValues(method), score: m.score.WithLabelValues(method),
		verdicts:    map[simv1.Criterion]map[simv1.Outcome]prometheus.Counter{},
		stepSeconds: float64(config.GetStepSeconds()), min: low * hours, max: high * hours,
	}
	for criterion, name := range criterionNames {
		out.verdicts[criterion] = map[simv1.Outcome]prometheus.Counter{}
		for outcome, word := range outcomeNames {
			out.verdicts[criterion][outcome] = m.criteria.WithLabelValues(method, name, word)
		}
	}
	return out
}

// committed counts a waking step that is in the journal.
func (m *runMetrics) committed(s *environmentv1.Step) {
	m.awake.Inc()
	m.waking.Add(m.stepSeconds)
	m.wantedMin.Add(m.min)
	m.wantedMax.Add(m.max)
	switch s.GetCandidates()[0].GetChoice().(type) {
	case *simv1.Candidate_Recommendation:
		m.recommendations.Inc()
	case *simv1.Candidate_Abstention:
		m.abstentions.Inc()
	}
	for _, c := range s.GetCandidates() {
		if c.GetFailure() != nil {
			m.failures.Inc()
		}
	}
	delivered := s.GetEvaluations()[0]
	for _, v := range delivered.GetVerdicts() {
		m.verdicts[v.GetCriterion()][v.GetOutcome()].Inc()
	}
	if delivered.Total != nil {
		m.score.Observe(float64(delivered.GetTotal()))
	} else {
		m.unjudged.Inc()
	}
	if s.GetPair() != nil {
		m.pairs.Add(float64(1 + len(s.GetFurtherPairs())))
	}
}

// phases measures how long the parts of a step took.
type phases struct{ last time.Time }

func (p *phases) end(part prometheus.Observer) {
	now := time.Now()
	part.Observe(now.Sub(p.last).Seconds())
	p.last = now
}
