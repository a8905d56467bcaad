package satisfy

import (
	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Preview is what a spec comes to on a typical day, awake from 7:00 to 23:00.
type Preview struct {
	// Open are the minutes at which a recommendation is welcome.
	Open int
	// Topical are those of them at which some topic passes.
	Topical int
	// Can is the largest number of recommendations that pass on that day.
	Can int
}

const (
	wakes = 7 * 60
	sleep = 23 * 60
	takes = 45 // minutes that an activity takes on the typical day
)

// starts is when activities begin on the typical day, in minutes after
// midnight; the others begin at three in the afternoon.
var starts = map[activity.Kind]int{
	activity.WakeUp: 420, activity.Hygiene: 430, activity.Dressing: 440, activity.Meditation: 435, activity.Prayer: 435, activity.Yoga: 450,
	activity.Breakfast: 465, activity.News: 510, activity.PetCare: 510, activity.Planning: 540, activity.Work: 570, activity.Study: 600,
	activity.Writing: 600, activity.Housework: 630, activity.Laundry: 660, activity.Lunch: 750, activity.Relaxing: 840, activity.Meeting: 840,
	activity.Repair: 870, activity.Snack: 930, activity.Gardening: 960, activity.Exercise: 1020, activity.Music: 1020, activity.FamilyCare: 1050,
	activity.Cooking: 1080, activity.Dinner: 1125, activity.Phone: 1170, activity.Hosting: 1170, activity.Listening: 1185, activity.Screen: 1215,
	activity.Gaming: 1230, activity.Reading: 1230, activity.Journaling: 1260, activity.WindDown: 1335,
}

// On previews a spec on a typical day. An activity that a pattern names takes
// 45 minutes at its usual time, whatever else goes on; the figures are rough.
func On(spec *simv1.PreferenceSpec) Preview {
	w := newWishes(spec)
	var out Preview
	topical := make([]bool, day/step)
	for i := range topical {
		if at := i * step; at < wakes || at >= sleep {
			continue
		}
		open, pass := false, false
		w.typical(i, func(m moment) {
			if w.open(m) {
				open = true
				pass = pass || w.topical(m)
			}
		})
		if open {
			out.Open += step
		}
		if pass {
			out.Topical += step
			topical[i] = true
		}
	}
	out.Can = fits(spec, topical)
	return out
}

// typical calls visit with what goes on at a step of the typical day: the
// activities of the spec that fall on it, or something else. Where a protected
// activity falls, nothing else does.
func (w *wishes) typical(i int, visit func(moment)) {
	at := i * step
	var now []moment
	for _, k := range activity.Kinds() {
		if from := begin(k); setOf(k)&w.named != 0 && at >= from && at < from+takes {
			now = append(now, moment{at: at, kind: setOf(k)})
		}
	}
	for _, m := range now {
		if matchesAny(w.protected, m) {
			return
		}
	}
	if len(now) == 0 {
		now = append(now, moment{at: at, kind: setOf(activity.Walking)})
	}
	for _, m := range now {
		visit(m)
		for _, k := range activity.Kinds() {
			if ago := at - begin(k) - takes; setOf(k)&w.ended != 0 && setOf(k) != m.kind && ago >= 0 && ago <= w.lasts {
				visit(moment{at, m.kind, setOf(k), ago})
			}
		}
	}
}

func begin(k activity.Kind) int {
	if at, ok := starts[k]; ok {
		return at
	}
	return 15 * 60
}
