package judge

import (
	"math"
	"strconv"
)

// window is what a bound's count refers to.
type window int8

const (
	trailing window = iota
	wholeDay
	slotted
)

// wakingMinutes is the length of a waking day in every rule of thumb here: 16
// hours.
const wakingMinutes = 16 * 60

// activitySlotGap is the longest acceptable silence, in minutes, within a slot
// that is an activity.
const activitySlotGap = 30

// bound is a compiled FrequencyBound.
type bound struct {
	kind      window
	count     int
	minutes   int32 // trailing
	slots     []pattern
	firstSlot int // counter of slots[0] in a History
}

// readFrequency finds the unmet lower bounds, the longest acceptable silence
// under them, and the first upper bound that one more would exceed.
func (r *Reading) readFrequency() {
	j := r.history.judge
	r.longestGap = math.Inf(1)
	for i := range j.atLeast {
		b := &j.atLeast[i]
		switch b.kind {
		case trailing, wholeDay:
			if n := r.count(b); n < b.count {
				r.unmet(b, n, b.gap(nil), "")
			}
		case slotted:
			for k := range b.slots {
				slot := &b.slots[k]
				if n := r.inSlot(b, k); n < b.count && slot.matches(r) {
					r.unmet(b, n, b.gap(slot), slot.name)
				}
			}
		}
	}
	r.Admissible = true
	for i := range j.atMost {
		b := &j.atMost[i]
		switch b.kind {
		case trailing, wholeDay:
			if n := r.count(b); n+1 > b.count {
				r.exceeded(b, n, "")
				return
			}
		case slotted:
			for k := range b.slots {
				if n := r.inSlot(b, k); n+1 > b.count && b.slots[k].matches(r) {
					r.exceeded(b, n, b.slots[k].name)
					return
				}
			}
		}
	}
}

func (r *Reading) count(b *bound) int {
	if b.kind == wholeDay {
		return r.today
	}
	return r.history.since(r.step, b.minutes)
}

func (r *Reading) inSlot(b *bound, k int) int {
	if r.newDay {
		return 0
	}
	return r.history.bySlot[b.firstSlot+k]
}

func (r *Reading) unmet(b *bound, n int, gap float64, slot string) {
	if gap < r.longestGap || !r.Wanted {
		r.longestGap = gap
		r.wantedBy = strconv.Itoa(n) + " of at least " + strconv.Itoa(b.count) + b.span(slot)
	}
	r.Wanted = true
}

func (r *Reading) exceeded(b *bound, n int, slot string) {
	r.Admissible = false
	r.exceededBy = strconv.Itoa(n) + " already" + b.span(slot) + ", at most " + strconv.Itoa(b.count) + " wanted"
}

// gap is the longest acceptable silence under a lower bound, in minutes: the
// even spacing of what is asked for.
func (b *bound) gap(slot *pattern) float64 {
	switch {
	case b.kind == trailing:
		return float64(b.minutes) / float64(b.count)
	case b.kind == wholeDay:
		return wakingMinutes / float64(b.count)
	case slot.active && slot.clocked:
		return math.Min(activitySlotGap, slot.clockMinutes()/2)
	case slot.active:
		return activitySlotGap
	default:
		return slot.clockMinutes() / 2
	}
}

// span names the window in a reason.
func (b *bound) span(slot string) string {
	switch b.kind {
	case trailing:
		if b.minutes%60 == 0 {
			return " in the last " + strconv.Itoa(int(b.minutes/60)) + " h"
		}
		return " in the last " + strconv.Itoa(int(b.minutes)) + " min"
	case wholeDay:
		return " today"
	default:
		return " (" + slot + ")"
	}
}

// gap returns the minutes since the last recommendation, or since waking up
// where there was none since.
func (r *Reading) gap() float64 {
	from := r.wake
	if given := r.history.given; len(given) > 0 && given[len(given)-1] > from {
		from = given[len(given)-1]
	}
	return r.history.scale.Minutes(r.step - from)
}
