package model

import (
	"maps"
	"sync"
)

// Activity is what the calls of a role do at this moment, and how the calls of this
// process ended.
type Activity struct {
	// InFlight requests have been sent and are not answered yet.
	InFlight int
	// Waiting requests wait for the budget, for a slot, for a limit per minute, or for
	// an endpoint that fails.
	Waiting int
	// Repaired calls had an unusable answer and then a usable one; Failed ones had
	// none. Retried counts requests that an endpoint did not answer and that were sent
	// again.
	Repaired, Failed, Retried int64
}

// activities are the activities by role. The zero value has none.
type activities struct {
	mu     sync.Mutex
	byRole map[string]Activity // guarded by mu
}

// change changes the activity of a role.
func (a *activities) change(role string, change func(*Activity)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byRole == nil {
		a.byRole = make(map[string]Activity)
	}
	now := a.byRole[role]
	change(&now)
	a.byRole[role] = now
}

// waiting marks a request of a role as waiting until the result is called.
func (a *activities) waiting(role string) (done func()) {
	a.change(role, func(now *Activity) { now.Waiting++ })
	return func() { a.change(role, func(now *Activity) { now.Waiting-- }) }
}

// sending marks a request of a role as in flight until the result is called.
func (a *activities) sending(role string) (done func()) {
	a.change(role, func(now *Activity) { now.InFlight++ })
	return func() { a.change(role, func(now *Activity) { now.InFlight-- }) }
}

// now returns a copy.
func (a *activities) now() map[string]Activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.byRole)
}

// ended counts a call that ended with an answer or without a usable one. attempts
// are those of one answer, the last one last.
func (c *Client) ended(role string, attempts []Attempt, timing Timing) {
	endpoint := c.cfg.Roles[role].Endpoint
	var repairs, retries int64
	last := Answered
	for _, attempt := range attempts {
		last = attempt.Outcome
		switch {
		case last.IsRepairable():
			repairs++
		case last.IsTransient():
			retries++
			continue // metrics.count has it
		}
		c.metrics.answers.WithLabelValues(role, endpoint, string(last)).Inc()
	}
	result := "answered"
	switch {
	case last != Answered:
		result = "failed"
	case repairs > 0:
		result = "repaired"
	}
	c.metrics.calls.WithLabelValues(role, endpoint, result).Inc()
	c.metrics.waited.WithLabelValues(role, endpoint).Observe(timing.Waited.Seconds())
	c.activity.change(role, func(now *Activity) {
		now.Retried += retries
		switch result {
		case "failed":
			now.Failed++
		case "repaired":
			now.Repaired++
		}
	})
}
