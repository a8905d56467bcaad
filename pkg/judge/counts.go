package judge

import simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"

// Count is how many recommendations one window of the spec holds at a moment.
type Count struct {
	// Least: the limit is a lower bound; else it is an upper bound.
	Least bool
	// Window names the window in words: "in the last 3 h", "today", "before bed".
	Window string
	// Minutes is the length of a trailing window, in simulated minutes; 0 for a
	// day and for a slot.
	Minutes int32
	// Now: the window counts at this moment. False only for a slot whose moment
	// it is not.
	Now bool
	// Given is the number of recommendations in the window so far.
	Given int
	// Limit is the number that the spec asks for or allows.
	Limit int
}

// Step returns the step that was read, 0-based.
func (r *Reading) Step() int32 { return r.step }

// SecondOfDay returns the simulated second at which the step begins, [0, 86400).
func (r *Reading) SecondOfDay() int32 { return r.second }

// Day returns the simulated day of the step, 1-based.
func (r *Reading) Day() int32 { return r.history.scale.Day(r.step) }

// Today returns the number of recommendations delivered since midnight.
func (r *Reading) Today() int { return r.today }

// SinceLast returns the simulated minutes since the last recommendation of the
// last 24 hours; false where there was none.
func (r *Reading) SinceLast() (minutes float64, ok bool) {
	given := r.history.given
	if len(given) == 0 || r.step-given[len(given)-1] > r.history.scale.StepsPerDay() {
		return 0, false
	}
	return r.history.scale.Minutes(r.step - given[len(given)-1]), true
}

// SinceWaking returns the simulated minutes since the user got up, or since
// midnight where it is still awake from the day before.
func (r *Reading) SinceWaking() float64 { return r.history.scale.Minutes(r.step - r.wake) }

// Counts returns the count of every window of the spec, the lower bounds first:
// what a judge must know who cannot count by itself.
func (r *Reading) Counts() []Count {
	var out []Count
	for i, bounds := range [2][]bound{r.history.judge.atLeast, r.history.judge.atMost} {
		for k := range bounds {
			b := &bounds[k]
			if b.kind != slotted {
				c := Count{Least: i == 0, Window: b.span("")[1:], Now: true, Given: r.count(b), Limit: b.count}
				if b.kind == trailing {
					c.Minutes = b.minutes
				}
				out = append(out, c)
				continue
			}
			for n := range b.slots {
				out = append(out, Count{Least: i == 0, Window: b.slots[n].name, Now: b.slots[n].matches(r), Given: r.inSlot(b, n), Limit: b.count})
			}
		}
	}
	return out
}

// Criteria are the four criteria in the order of their verdicts.
func Criteria() [4]simv1.Criterion {
	return [4]simv1.Criterion{
		simv1.Criterion_CRITERION_PREFERENCE, simv1.Criterion_CRITERION_TIMING,
		simv1.Criterion_CRITERION_FREQUENCY, simv1.Criterion_CRITERION_COMMUNICATION,
	}
}
