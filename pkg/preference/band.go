package preference

import (
	"math"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// duringMinutes is how long an activity is taken to last when the receptive
// minutes of a day are estimated from a spec alone.
const duringMinutes = 45

// WantedBand returns the number of recommendations a spec asks for, per waking
// hour of a day with 16 of them.
//
// The lower end is the largest of the lower bounds, 0 without one; the upper
// end the smallest of the upper bounds, twice the lower end without one, and
// never below the lower end. A count over trailing W minutes is worth
// count*960/W a day; where receptive moments are named only their minutes
// count, and it is worth at least the count itself. A count over slots is worth
// the count times the number of slots. Receptive minutes are the clock
// intervals' lengths, 45 minutes for an activity, and the length of "after",
// capped at 960.
func WantedBand(spec *simv1.PreferenceSpec) (minPerHour, maxPerHour float64) {
	receptive := receptiveMinutes(spec.GetTiming().GetReceptive())
	low, high := 0.0, math.Inf(1)
	for _, b := range spec.GetFrequency().GetAtLeast() {
		low = math.Max(low, perDay(b, receptive))
	}
	for _, b := range spec.GetFrequency().GetAtMost() {
		high = math.Min(high, perDay(b, receptive))
	}
	if math.IsInf(high, 1) {
		high = 2 * low
	}
	return low / 16, math.Max(low, high) / 16
}

// perDay is what a bound is worth over a day.
func perDay(b *simv1.FrequencyBound, receptive float64) float64 {
	count := float64(b.GetCount())
	switch window := b.GetWindow().(type) {
	case *simv1.FrequencyBound_TrailingMinutes:
		return math.Max(count, count*receptive/float64(window.TrailingMinutes))
	case *simv1.FrequencyBound_Slots:
		return count * float64(len(window.Slots.GetSlots()))
	default:
		return count
	}
}

// receptiveMinutes estimates the receptive minutes of a day. Clock intervals
// are united minute by minute, activities come on top.
func receptiveMinutes(patterns []*simv1.MomentPattern) float64 {
	if len(patterns) == 0 {
		return wakingMinutes
	}
	var open [minutesPerDay]bool
	extra := 0.0
	for _, in := range patterns {
		var c compiler
		p := c.pattern("", in)
		lasts := float64(duringMinutes)
		if p.after {
			lasts = float64(p.within) / 60
		}
		switch {
		case p.active:
			extra += math.Min(lasts, p.clockMinutes())
		default:
			for m := range open {
				open[m] = open[m] || !p.clocked || within(int32(m)*60, p.from, p.to)
			}
		}
	}
	total := extra
	for _, is := range open {
		if is {
			total++
		}
	}
	return math.Min(total, wakingMinutes)
}
