package model

import (
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/internal/prom"
)

// metrics counts requests by role, endpoint and outcome.
type metrics struct {
	requests, tokens, usd, answers, calls *prometheus.CounterVec
	seconds, waited                       *prometheus.HistogramVec
	queued, inFlight, slots               *prometheus.GaugeVec
	failing, budget                       *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := prom.Maker{Registry: registry}
	out := &metrics{
		requests: m.Counter("model_requests_total", "Requests to model endpoints.", "role", "endpoint", "outcome"),
		answers:  m.Counter("model_answers_total", "Answers as they were read: answered, or why they cannot be used.", "role", "endpoint", "outcome"),
		calls:    m.Counter("model_calls_total", "Calls by result: answered, repaired (an unusable answer, then a usable one), failed (none).", "role", "endpoint", "result"),
		tokens:   m.Counter("model_tokens_total", "Tokens that model endpoints counted.", "role", "endpoint", "kind"),
		usd:      m.Counter("model_usd_total", "Cost of model requests in US dollars, by the configured prices.", "role", "endpoint"),
		seconds: m.Histogram("model_request_seconds", "Time of an answered request.",
			[]float64{.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 60, 120}, "role", "endpoint"),
		waited: m.Histogram("model_wait_seconds", "Time that a call waited for the budget, a slot, a limit per minute, or an endpoint that failed.",
			[]float64{.001, .01, .1, .5, 1, 2, 5, 10, 30, 60, 120, 300}, "role", "endpoint"),
		queued:   m.Gauge("model_queue", "Requests that wait for a slot.", "endpoint", "replica"),
		inFlight: m.Gauge("model_in_flight", "Requests under way.", "endpoint", "replica"),
		slots:    m.Gauge("model_slots", "Slots in use at most; fewer than configured while the endpoint is overloaded.", "endpoint", "replica"),
		failing:  m.Gauge("model_endpoint_failing", "1 while the last request to a replica failed and it is tried again, else 0.", "endpoint", "replica"),
		budget:   m.Gauge("model_budget_used_ratio", "Share of models.budget that is spent; absent without a limit.", "limit"),
	}
	return out, m.Err
}

// laneGauges are the gauges of one replica.
type laneGauges struct{ queued, inFlight, slots, failing prometheus.Gauge }

func (m *metrics) lane(endpoint, address string) laneGauges {
	if u, err := url.Parse(address); err == nil {
		address = u.Host
	}
	return laneGauges{
		m.queued.WithLabelValues(endpoint, address), m.inFlight.WithLabelValues(endpoint, address),
		m.slots.WithLabelValues(endpoint, address), m.failing.WithLabelValues(endpoint, address),
	}
}

func (g laneGauges) set(queued, inFlight, slots int, failing bool) {
	value := 0.0
	if failing {
		value = 1
	}
	g.failing.Set(value)
	g.queued.Set(float64(queued))
	g.inFlight.Set(float64(inFlight))
	g.slots.Set(float64(slots))
}

// count counts a request.
func (m *metrics) count(p *passage, outcome Outcome, used Totals, latency time.Duration) {
	role, endpoint := p.call.Role, p.endpoint.name
	m.requests.WithLabelValues(role, endpoint, string(outcome)).Inc()
	if outcome != Answered {
		return
	}
	m.tokens.WithLabelValues(role, endpoint, "prompt").Add(float64(used.Prompt))
	m.tokens.WithLabelValues(role, endpoint, "cached").Add(float64(used.Cached))
	m.tokens.WithLabelValues(role, endpoint, "completion").Add(float64(used.Completion))
	m.usd.WithLabelValues(role, endpoint).Add(used.USD())
	m.seconds.WithLabelValues(role, endpoint).Observe(latency.Seconds())
}
