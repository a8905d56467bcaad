package model

import (
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/internal/prom"
)

// metrics counts requests by role, endpoint and outcome.
type metrics struct {
	requests, tokens, usd, answers *prometheus.CounterVec
	seconds                        *prometheus.HistogramVec
	queued, inFlight, slots        *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := prom.Maker{Registry: registry}
	out := &metrics{
		requests: m.Counter("model_requests_total", "Requests to model endpoints.", "role", "endpoint", "outcome"),
		answers:  m.Counter("model_answers_total", "Answers as they were read: answered, or why they cannot be used.", "role", "outcome"),
		tokens:   m.Counter("model_tokens_total", "Tokens that model endpoints counted.", "role", "endpoint", "kind"),
		usd:      m.Counter("model_usd_total", "Cost of model requests in US dollars, by the configured prices.", "role", "endpoint"),
		seconds: m.Histogram("model_request_seconds", "Time of an answered request.",
			[]float64{.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 60, 120}, "role", "endpoint"),
		queued:   m.Gauge("model_queue", "Requests that wait for a slot.", "endpoint", "replica"),
		inFlight: m.Gauge("model_in_flight", "Requests under way.", "endpoint", "replica"),
		slots:    m.Gauge("model_slots", "Slots in use at most; fewer than configured while the endpoint is overloaded.", "endpoint", "replica"),
	}
	return out, m.Err
}

// laneGauges are the gauges of one replica.
type laneGauges struct{ queued, inFlight, slots prometheus.Gauge }

func (m *metrics) lane(endpoint, address string) laneGauges {
	if u, err := url.Parse(address); err == nil {
		address = u.Host
	}
	return laneGauges{m.queued.WithLabelValues(endpoint, address), m.inFlight.WithLabelValues(endpoint, address), m.slots.WithLabelValues(endpoint, address)}
}

func (g laneGauges) set(queued, inFlight, slots int) {
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
