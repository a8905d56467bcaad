package judge

import (
	"math"

	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// WantedBand returns the number of recommendations a spec asks for, per waking
// hour of a day with 16 of them.
//
// The lower end is the largest of the lower bounds, 0 without one; the upper
// end the smallest of the upper bounds, twice the lower end without one, and
// never below the lower end. A count over a day is worth itself, a count over
// slots itself times the number of slots. A count over trailing minutes is
// worth what it comes to on a model day on which somebody speaks at every
// receptive minute at which the window holds fewer: 960/W times the count where
// any time will do, and less where receptive moments are few.
func WantedBand(spec *simv1.PreferenceSpec) (minPerHour, maxPerHour float64) {
	open := modelDay(spec.GetTiming().GetReceptive())
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
	return low / 16, math.Max(low, high) / 16
}

// minutes says which minutes of a day are receptive.
type minutes [minutesPerDay]bool

// worth is what a bound comes to over a day.
func (m *minutes) worth(b *simv1.FrequencyBound) float64 {
	switch window := b.GetWindow().(type) {
	case *simv1.FrequencyBound_TrailingMinutes:
		return m.paced(int(b.GetCount()), int(window.TrailingMinutes))
	case *simv1.FrequencyBound_Slots:
		return float64(int(b.GetCount()) * len(window.Slots.GetSlots()))
	default:
		return float64(b.GetCount())
	}
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

// modelStart is when activities begin on the model day, in minutes after
// midnight; the others begin at three in the afternoon.
var modelStart = map[activity.Kind]int{
	activity.WakeUp: 420, activity.Hygiene: 430, activity.Dressing: 440, activity.Meditation: 435, activity.Prayer: 435, activity.Yoga: 450,
	activity.Breakfast: 465, activity.News: 510, activity.PetCare: 510, activity.Planning: 540, activity.Work: 570, activity.Study: 600,
	activity.Writing: 600, activity.Housework: 630, activity.Laundry: 660, activity.Lunch: 750, activity.Relaxing: 840, activity.Meeting: 840,
	activity.Repair: 870, activity.Snack: 930, activity.Gardening: 960, activity.Exercise: 1020, activity.Music: 1020, activity.FamilyCare: 1050,
	activity.Cooking: 1080, activity.Dinner: 1125, activity.Phone: 1170, activity.Hosting: 1170, activity.Listening: 1185, activity.Screen: 1215,
	activity.Gaming: 1230, activity.Reading: 1230, activity.Journaling: 1260, activity.WindDown: 1335,
}

// modelDay lays the receptive moments on a day awake from 7:00 to 23:00.
func modelDay(patterns []*simv1.MomentPattern) *minutes {
	m := &minutes{}
	if len(patterns) == 0 {
		m.open(modelWake, modelBed)
	}
	for _, in := range patterns {
		var c compiler
		p := c.pattern("", in)
		switch {
		case p.active && p.clocked:
			from := int(p.from / 60)
			m.open(from, from+int(math.Min(p.lasts(), p.clockMinutes())))
		case p.active:
			for _, k := range p.kinds {
				from := p.begins(activity.Kinds()[k])
				m.open(from, from+int(p.lasts()))
			}
		case p.clocked:
			m.open(int(p.from/60), int(p.from/60)+int(p.clockMinutes()))
		default:
			m.open(modelWake, modelBed)
		}
	}
	m.sleep()
	return m
}

// open marks the minutes from one to another, over midnight where they run past
// it.
func (m *minutes) open(from, to int) {
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

// lasts is how long an activity pattern holds on the model day, in minutes.
func (p *pattern) lasts() float64 {
	if p.after {
		return float64(p.within) / 60
	}
	return modelLength
}

// begins is when it begins there.
func (p *pattern) begins(kind activity.Kind) int {
	from, known := modelStart[kind]
	if !known {
		from = 15 * 60
	}
	if p.after {
		from += modelLength
	}
	return from
}
