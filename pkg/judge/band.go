package judge

import (
	"math"

	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// WantedBand estimates, before anybody has lived a day, how many recommendations
// a spec asks for, per waking hour of a day with 16 of them. What a life really
// offered is measured by Best.
//
// The lower end is the largest of the lower bounds, 0 without one; the upper end
// the smallest of the upper bounds, twice the lower end without one. Where the
// upper bounds leave less room than the lower ones ask for, both ends are what
// there is room for. A count over a day is worth itself, a count over slots itself
// times the number of slots that are open. A count over trailing minutes is worth
// what it comes to on a model day on which somebody speaks at every open minute at
// which the window holds fewer: 960/W times the count where any time will do, and
// less where open moments are few. Open is what is receptive, not protected, and
// has a liked topic.
func WantedBand(spec *simv1.PreferenceSpec) (minPerHour, maxPerHour float64) {
	open := openMinutes(spec)
	low, high := 0.0, math.Inf(1)
	for _, b := range spec.GetFrequency().GetAtLeast() {
		low = math.Max(low, open.worth(b))
	}
	for _, b := range spec.GetFrequency().GetAtMost() {
		high = math.Min(high, open.worth(b))
	}
	if math.IsInf(high, 1) {
		high = 2 * low
	}
	return math.Min(low, high) / 16, high / 16
}

// minutes marks minutes of the model day.
type minutes [minutesPerDay]bool

// worth is what a bound comes to over the model day.
func (m *minutes) worth(b *simv1.FrequencyBound) float64 {
	switch window := b.GetWindow().(type) {
	case *simv1.FrequencyBound_TrailingMinutes:
		return m.paced(int(b.GetCount()), int(window.TrailingMinutes))
	case *simv1.FrequencyBound_Slots:
		open := 0
		for _, slot := range window.Slots.GetSlots() {
			if m.meets(modelMinutes(slot)) {
				open++
			}
		}
		return float64(int(b.GetCount()) * open)
	default:
		if !m.meets(m) {
			return 0
		}
		return float64(b.GetCount())
	}
}

// meets reports whether a minute is marked in both.
func (m *minutes) meets(other *minutes) bool {
	for at, is := range m {
		if is && other[at] {
			return true
		}
	}
	return false
}

// paced counts who speaks at every receptive minute at which the last so many
// minutes hold fewer than count.
func (m *minutes) paced(count, within int) float64 {
	var spoken []int
	for at, is := range m {
		if is && (len(spoken) < count || count > 0 && at-spoken[len(spoken)-count] >= within) {
			spoken = append(spoken, at)
		}
	}
	return float64(len(spoken))
}

const (
	modelWake = 7 * 60
	modelBed  = 23 * 60
	// modelLength is how long an activity takes on the model day, in minutes.
	modelLength = 45
)

// modelWork is how long each half of a working day takes, in minutes: the second
// begins at two in the afternoon.
const modelWork = 3 * 60

// openMinutes lays on the model day, awake from 7:00 to 23:00, what is receptive,
// not protected, and has a topic that is liked then.
func openMinutes(spec *simv1.PreferenceSpec) *minutes {
	open := anyOf(spec.GetTiming().GetReceptive())
	for _, p := range spec.GetTiming().GetProtected() {
		for at, closed := range modelMinutes(p) {
			open[at] = open[at] && !closed
		}
	}
	var when []*simv1.MomentPattern
	for _, rule := range spec.GetContent().GetLiked() {
		if rule.GetWhen() == nil {
			return open
		}
		when = append(when, rule.GetWhen())
	}
	liked := anyOf(when)
	for at := range open {
		open[at] = open[at] && liked[at]
	}
	return open
}

// anyOf marks the minutes that match any pattern; all waking ones without one.
func anyOf(patterns []*simv1.MomentPattern) *minutes {
	m := &minutes{}
	if len(patterns) == 0 {
		m.mark(modelWake, modelBed)
	}
	for _, p := range patterns {
		for at, is := range modelMinutes(p) {
			m[at] = m[at] || is
		}
	}
	m.sleep()
	return m
}

// modelMinutes marks the minutes of the model day that match a pattern. An
// activity with a clock is taken to happen then.
func modelMinutes(in *simv1.MomentPattern) *minutes {
	m := &minutes{}
	var c compiler
	p := c.pattern("", in)
	switch {
	case p.active && p.clocked:
		from := int(p.from / 60)
		m.mark(from, from+int(math.Min(p.lasts(0), p.clockMinutes())))
	case p.active:
		for _, k := range p.kinds {
			kind := activity.Kinds()[k]
			from, length := p.begins(kind)
			m.mark(from, from+int(p.lasts(length)))
			if kind == activity.Work && !p.after {
				m.mark(14*60, 14*60+modelWork)
			}
		}
	case p.clocked:
		m.mark(int(p.from/60), int(p.from/60)+int(p.clockMinutes()))
	default:
		m.mark(modelWake, modelBed)
	}
	return m
}

// mark sets the minutes from one to another, over midnight where they run past
// it.
func (m *minutes) mark(from, to int) {
	for at := from; at < to; at++ {
		m[at%minutesPerDay] = true
	}
}

// sleep closes the small hours, unless nothing else is open.
func (m *minutes) sleep() {
	const rise = 5 * 60
	for _, is := range m[rise:] {
		if is {
			clear(m[:rise])
			return
		}
	}
}

// lasts returns how many minutes of the model day an activity pattern matches if
// the activity takes length minutes; 0 means the usual length.
func (p *pattern) lasts(length int) float64 {
	switch {
	case p.after:
		return float64(p.within) / 60
	case length > 0:
		return float64(length)
	default:
		return modelLength
	}
}

// begins is when it begins there, and how long the activity takes.
func (p *pattern) begins(kind activity.Kind) (from, length int) {
	from, length = activity.TypicalStart(kind), modelLength
	if kind == activity.Work {
		length = modelWork
	}
	if p.after {
		from += length
	}
	return from, length
}
