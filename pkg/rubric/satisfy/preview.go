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

// On previews a spec on a typical day. An activity that a pattern names takes
// 45 minutes at its usual time, whatever else happens; the figures are rough.
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

// typical calls visit with what happens at a step of the typical day: the
// activities of the spec that fall on it, or something else. Where a protected
// activity falls, nothing else does.
func (w *wishes) typical(i int, visit func(moment)) {
	at := i * step
	var now []moment
	for _, k := range activity.Kinds() {
		if from := activity.TypicalStart(k); setOf(k)&w.named != 0 && at >= from && at < from+takes {
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
			if ago := at - activity.TypicalStart(k) - takes; setOf(k)&w.ended != 0 && setOf(k) != m.kind && ago >= 0 && ago <= w.lasts {
				visit(moment{at, m.kind, setOf(k), ago})
			}
		}
	}
}
