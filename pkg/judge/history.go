package judge

import (
	"slices"
	"sort"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/simtime"
)

// History is what a judge must remember of a run: a fold over its committed
// waking steps. Steps missing between them were slept through. It is not safe
// for concurrent use; a Snapshot is.
type History struct {
	judge *Judge
	scale simtime.Scale

	last     int32 // last waking step; -1 before the first
	lastKind int
	wake     int32 // first step of the present waking stretch, or of today where it began yesterday
	dayStart int32
	ended    []int32 // by activity.Index: step at which the kind last ended; -1 for never
	given    []int32 // steps of the recommendations of the last 24 hours and of today, ascending
	today    int
	bySlot   []int // recommendations of today by slot
}

var sleepIndex = activity.Index(activity.Sleep)

// NewHistory returns the empty history of a run with the given time scale.
func (j *Judge) NewHistory(scale simtime.Scale) *History {
	h := &History{judge: j, scale: scale, last: -1, lastKind: -1, bySlot: make([]int, j.slots)}
	h.ended = make([]int32, len(activity.Kinds()))
	for i := range h.ended {
		h.ended[i] = -1
	}
	return h
}

// Last returns the last observed waking step, -1 where there is none.
func (h *History) Last() int32 { return h.last }

// Observe folds in a committed waking step: what the user did at it, and
// whether a recommendation was delivered. Steps must ascend; a step that is not
// after Last changes nothing.
func (h *History) Observe(step int32, kind activity.Kind, delivered bool) {
	if step <= h.last {
		return
	}
	r := h.Read(step, kind)
	if r.newDay {
		h.today = 0
		clear(h.bySlot)
	}
	if delivered {
		h.today++
		for _, bounds := range [2][]bound{h.judge.atLeast, h.judge.atMost} {
			for i := range bounds {
				for k := range bounds[i].slots {
					if bounds[i].slots[k].matches(&r) {
						h.bySlot[bounds[i].firstSlot+k]++
					}
				}
			}
		}
		h.forget(step)
		h.given = append(h.given, step)
	}
	if h.lastKind >= 0 && (r.kind != h.lastKind || r.slept) {
		h.ended[h.lastKind] = h.last + 1
	}
	if r.slept {
		h.ended[sleepIndex] = step
	}
	h.wake, h.dayStart, h.last, h.lastKind = r.wake, r.dayStart, step, r.kind
}

// forget drops recommendations that no window can reach any more. It copies the
// rest, because a snapshot shares the old ones.
func (h *History) forget(step int32) {
	oldest := step - h.scale.StepsPerDay()
	keep := sort.Search(len(h.given), func(i int) bool { return h.given[i] > oldest })
	if keep > 0 && keep >= len(h.given)/2 {
		h.given = append(make([]int32, 0, cap(h.given)), h.given[keep:]...)
	}
}

// Snapshot returns a copy that later observations of h do not change. Any number
// of goroutines may read it.
func (h *History) Snapshot() *History {
	c := *h
	c.ended = slices.Clone(h.ended)
	c.bySlot = slices.Clone(h.bySlot)
	c.given = slices.Clip(h.given) // shared: h only appends behind its end
	return &c
}

// since returns the number of recommendations in the last so many minutes, the
// present step included.
func (h *History) since(step int32, minutes int32) int {
	span := (minutes*60 + int32(h.scale) - 1) / int32(h.scale) // steps, rounded up
	oldest := step - span
	n := 0
	for i := len(h.given) - 1; i >= 0 && h.given[i] > oldest; i-- {
		n++
	}
	return n
}
