package rubric

import (
	"math"

	"google.golang.org/protobuf/proto"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const maxCount = 600

// readFrequency files the statements of a sentence, and the moments that stand
// beside them.
func (r *reader) readFrequency(s *scanner, chs []chunk) {
	var slotted *statement // the latest statement that names slots or a day
	var loose []chunk
	flush := func() {
		r.placeMoments(s, slotted, loose)
		loose = nil
	}
	for _, seg := range r.segments(chs) {
		for _, c := range seg.chunks {
			switch c.kind {
			case chunkCount:
				if c.stmt.floating && len(loose) > 0 {
					c.stmt.window = windowSlots
					r.placeMoments(s, c.stmt, loose)
					loose = nil
				}
				flush()
				slotted = r.file(c.stmt, seg.sense)
			case chunkMoment:
				if seg.sense == negative {
					r.addMomentTo(s, c, negative)
					continue
				}
				loose = append(loose, c)
			}
		}
	}
	flush()
}

// file completes a statement with the window of the one before it.
func (r *reader) file(st *statement, sense polarity) *statement {
	if st.inherits {
		if r.last != nil {
			st.window, st.minutes = r.last.window, r.last.minutes
			if st.window == windowSlots {
				st.window = windowDay
			}
		} else {
			st.window = windowDay
			if !st.daily {
				r.warn(st.phrase, "names no span of time, read as per day")
			}
		}
	}
	if st.window != windowSlots && !st.gap && !st.vague {
		r.last = st
	}
	r.out.statements = append(r.out.statements, st)
	return st
}

// placeMoments gives moments without a number of their own their part: slots of
// the statement before them, or times at which recommendations are welcome.
func (r *reader) placeMoments(s *scanner, st *statement, loose []chunk) {
	if len(loose) == 0 {
		return
	}
	names := make([]string, len(loose))
	slots := make([]moment, len(loose))
	for k, c := range loose {
		names[k], slots[k] = r.name(s, c.from, c.to), c.moment
	}
	switch {
	case st != nil && st.window == windowSlots:
		st.slots, st.names = append(st.slots, slots...), append(st.names, names...)
	case st != nil && st.window == windowDay && !st.vague && st.count.lo == st.count.hi && int(st.count.hi) == len(loose) && st.mode == modePlain:
		r.out.statements = append(r.out.statements, &statement{count: one(1), window: windowSlots, slots: slots, names: names, counted: true, phrase: st.phrase})
	case st != nil && st.window == windowDay && !st.vague && len(loose) == 1:
		r.out.statements = append(r.out.statements, &statement{count: st.count, mode: st.mode, about: st.about, ideal: st.ideal, window: windowSlots, slots: slots, names: names, counted: true, phrase: st.phrase})
	case st == nil && everyMoment(s, loose[0]):
		r.out.statements = append(r.out.statements, &statement{count: one(1), window: windowSlots, slots: slots, names: names, counted: true, phrase: names[0]})
	default:
		for _, c := range loose {
			r.addMomentTo(s, c, positive)
		}
	}
}

func everyMoment(s *scanner, c chunk) bool {
	w := s.text(c.from)
	return w == "every" || w == "each"
}

// addMomentTo files a moment said outside the text about timing.
func (r *reader) addMomentTo(s *scanner, c chunk, sense polarity) {
	understood := r.out.understood[fieldTiming]
	r.addMoment(s, c, sense)
	r.out.understood[fieldTiming] = understood
}

// settleFrequency turns the statements into bounds. A plain number bounds both
// sides; where another statement bounds one side of the same window expressly,
// the plain one leaves that side to it.
func (o *reading) settleFrequency() {
	spoken := false
	for _, st := range o.statements {
		spoken = spoken || !st.vague
	}
	spec := o.spec.GetFrequency()
	for _, st := range o.statements {
		if st.vague && spoken {
			continue
		}
		if st.vague {
			o.warn(fieldFrequency, st.phrase, "names no number; read as "+ofDay(st.count))
		}
		lower, upper := o.bounds(st)
		if st.mode == modePlain {
			for _, other := range o.statements {
				if other.mode == modePlain || !other.sameWindow(st) {
					continue
				}
				if other.mode == modeMost && !other.gap {
					upper = nil
				} else if other.mode == modeLeast && !other.gap {
					lower = nil
				}
			}
		}
		if len(spec.AtLeast) == maxBounds || len(spec.AtMost) == maxBounds {
			o.warn(fieldFrequency, st.phrase, tooManyRules)
			break
		}
		spec.AtLeast = appendBound(spec.AtLeast, lower)
		spec.AtMost = appendBound(spec.AtMost, upper)
	}
	o.closeSlots()
	o.understood[fieldFrequency] = len(spec.AtLeast)+len(spec.AtMost) > 0
	o.checkContradiction()
}

func ofDay(c span) string {
	return digits(round(c.lo)) + " to " + digits(round(c.hi)) + " a day"
}

func (st *statement) sameWindow(other *statement) bool {
	if st.window != other.window {
		return false
	}
	switch st.window {
	case windowTrailing:
		return st.minutes == other.minutes
	case windowSlots:
		return false
	}
	return true
}

// bounds returns the lower and the upper bound a statement stands for; nil
// where it bounds only the other side.
func (o *reading) bounds(st *statement) (lower, upper *simv1.FrequencyBound) {
	lo, hi := st.count.lo, st.count.hi
	if st.about && lo == hi && lo >= 3 {
		lo, hi = lo-1, hi+1
	}
	if lo > maxCount || hi > maxCount {
		o.warn(fieldFrequency, st.phrase, "more than 600; read as 600")
		lo, hi = math.Min(lo, maxCount), math.Min(hi, maxCount)
	}
	low, high := &simv1.FrequencyBound{}, &simv1.FrequencyBound{}
	switch st.window {
	case windowTrailing:
		wlo, whi := st.minutes.lo, st.minutes.hi
		if whi > 1440 {
			days := whi / 1440
			o.warn(fieldFrequency, st.phrase, "spans more than a day, which cannot be judged; read as its share of one day")
			lo, hi = math.Floor(lo/days), math.Ceil(hi/math.Max(wlo/1440, 1))
			low.Window, high.Window = &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}, &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}
			break
		}
		low.Window = &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: max(round(whi), 1)}
		high.Window = &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: max(round(wlo), 1)}
	case windowSlots:
		slots := &simv1.Slots{}
		for _, p := range st.patterns {
			slots.Slots = append(slots.Slots, proto.CloneOf(p))
		}
		for k, m := range st.slots {
			name := ""
			if k < len(st.names) {
				name = st.names[k]
			}
			slots.Slots = append(slots.Slots, m.pattern(name))
		}
		if len(slots.Slots) > 24 {
			slots.Slots = slots.Slots[:24]
			o.warn(fieldFrequency, st.phrase, "more than 24 slots; the others were left out")
		}
		low.Window, high.Window = &simv1.FrequencyBound_Slots{Slots: slots}, &simv1.FrequencyBound_Slots{Slots: proto.CloneOf(slots)}
	default:
		low.Window, high.Window = &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}, &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}
	}
	low.Count, high.Count = round(lo), round(hi)
	if low.Count < 1 {
		low = nil
	}
	switch st.mode {
	case modeMost:
		return nil, high
	case modeLeast:
		return low, nil
	}
	return low, high
}

// appendBound appends a bound unless the list holds the same one; slots with
// the same number join one bound.
func appendBound(list []*simv1.FrequencyBound, b *simv1.FrequencyBound) []*simv1.FrequencyBound {
	if b == nil {
		return list
	}
	for _, other := range list {
		if proto.Equal(other, b) {
			return list
		}
		if have, add := other.GetSlots(), b.GetSlots(); have != nil && add != nil && other.GetCount() == b.GetCount() && len(have.Slots)+len(add.Slots) <= 24 {
			for _, p := range add.Slots {
				have.Slots = appendPattern(have.Slots, p)
			}
			return list
		}
	}
	return append(list, b)
}

// closeSlots bounds the day by the sum of its slots where nothing else does:
// who names three slots wants three, not three and as many as one likes
// between them.
func (o *reading) closeSlots() {
	spec := o.spec.GetFrequency()
	var sum int32
	for _, b := range spec.AtMost {
		if b.GetSlots() == nil {
			return
		}
		sum += b.GetCount() * int32(len(b.GetSlots().GetSlots()))
	}
	for _, b := range spec.AtLeast {
		if b.GetSlots() == nil {
			return
		}
	}
	if len(spec.AtMost) == 0 || len(spec.AtLeast) == 0 || len(spec.AtMost) == maxBounds {
		return
	}
	spec.AtMost = append(spec.AtMost, &simv1.FrequencyBound{Count: min(sum, maxCount), Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}})
}

// checkContradiction reports a lower bound above an upper bound of the same
// window.
func (o *reading) checkContradiction() {
	spec := o.spec.GetFrequency()
	for _, low := range spec.AtLeast {
		for _, high := range spec.AtMost {
			same := low.GetDay() != nil && high.GetDay() != nil || low.GetTrailingMinutes() > 0 && low.GetTrailingMinutes() <= high.GetTrailingMinutes()
			if same && low.GetCount() > high.GetCount() {
				o.warn(fieldFrequency, boundLine("at least", low)+"; "+boundLine("at most", high), "these contradict each other")
			}
		}
	}
}
