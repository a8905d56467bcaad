package rubric

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const maxCount = 600

// loose is a moment that no number was said with.
type loose struct {
	chunk
	clause  *clause
	counted bool // a number is said in the same clause
}

// readFrequency files the statements of a sentence, and the moments with
// them.
func (r *reader) readFrequency(s *scanner, cls []clause) {
	var slotted *statement // the latest statement that names slots or a day
	var waiting []loose
	if r.last != nil && r.last.window == windowTrailing {
		r.last = nil // "three is the limit" in a sentence of its own means the day
	}
	for k := range cls {
		cl := &cls[k]
		if cl.role == roleUnread {
			for _, w := range waiting { // the number of slots is unknown
				r.now = w.clause.record
				r.refuse(whyDepends)
			}
			slotted, waiting = nil, nil
		}
		if cl.role != roleRule {
			continue
		}
		r.now = cl.record
		for _, c := range cl.chunks {
			switch {
			case c.kind == chunkCount:
				if c.stmt.floating && len(waiting) > 0 {
					c.stmt.window = windowSlots
					r.place(s, c.stmt, waiting)
					waiting = nil
				}
				r.place(s, slotted, waiting)
				waiting = nil
				r.now = cl.record
				slotted = r.file(c.stmt)
			case c.kind == chunkMoment && cl.sense == negative:
				r.addMomentTo(s, c, negative)
			case c.kind == chunkMoment:
				waiting = append(waiting, loose{c, cl, cl.has(chunkCount)})
			}
		}
	}
	r.place(s, slotted, waiting)
}

// file completes a statement with the window of the one before it.
func (r *reader) file(st *statement) *statement {
	if st.inherits {
		st.window = windowDay
		if r.last != nil && r.last.window != windowSlots {
			st.window, st.minutes = r.last.window, r.last.minutes
		} else if r.last == nil && !st.daily {
			r.pending = append(r.pending, st)
		}
	}
	if st.window != windowSlots && !st.gap && !st.vague {
		r.last = st
		if !st.inherits {
			r.inherit(st)
		}
	}
	r.add(st)
	return st
}

// inherit gives the window of a statement to those before it in the text that
// named none: "minimum one, maximum three a day".
func (r *reader) inherit(st *statement) {
	for _, p := range r.pending {
		p.window, p.minutes = st.window, st.minutes
	}
	r.pending = nil
}

// undated reports the statements for which no window was said at all.
func (r *reader) undated() {
	for _, st := range r.pending {
		r.doubt(st.phrase, "names no span of time, read as per day")
	}
}

// add files a statement, unless one of its slots can never come.
func (r *reader) add(st *statement) {
	for _, slot := range st.slots {
		if p := slot.pattern(""); !satisfy.Meets(p) || satisfy.Asleep(p) {
			r.refuse(whyNever + When(p))
			return
		}
	}
	r.out.statements = append(r.out.statements, st)
	r.now.statements = append(r.now.statements, st)
	r.now.status = StatusRule
}

// place gives moments without a number their part: slots of the statement
// before them, or, where the clause says so by itself, times at which
// recommendations are welcome.
func (r *reader) place(s *scanner, st *statement, waiting []loose) {
	if len(waiting) == 0 {
		return
	}
	names := make([]string, len(waiting))
	slots := make([]moment, len(waiting))
	for k, c := range waiting {
		names[k], slots[k] = r.name(s, c.from, c.to), c.moment
	}
	r.now = waiting[0].clause.record
	count, slotted := span{}, true
	switch {
	case st == nil:
		count, slotted = one(1), everyMoment(s, waiting[0].chunk)
	case st.window == windowSlots:
		st.slots, st.names = append(st.slots, slots...), append(st.names, names...)
		for _, w := range waiting {
			w.clause.record.statements = append(w.clause.record.statements, st)
			w.clause.record.status = StatusRule
		}
		return
	case st.window != windowDay || st.vague:
		slotted = false
	case st.mode == modePlain && st.count.lo == st.count.hi && int(st.count.hi) == len(waiting):
		count = one(1)
	case len(waiting) == 1:
		count = st.count
	default:
		slotted = false
	}
	if !slotted {
		r.placeTimes(s, waiting)
		return
	}
	more := &statement{count: count, window: windowSlots, slots: slots, names: names, counted: true, phrase: names[0]}
	if st != nil {
		more.phrase = st.phrase
		if count != one(1) {
			more.mode, more.about, more.ideal = st.mode, st.about, st.ideal
		}
	}
	r.add(more)
	for _, w := range waiting[1:] {
		w.clause.record.statements = append(w.clause.record.statements, more)
		w.clause.record.status = StatusRule
	}
}

// placeTimes files moments as times at which recommendations are welcome. A
// clause without a cue or a number of its own is no rule about time.
func (r *reader) placeTimes(s *scanner, waiting []loose) {
	for _, w := range waiting {
		r.now = w.clause.record
		own, _ := w.clause.cue()
		switch {
		case w.counted && (w.moment.kinds != nil || w.clause.vague()):
			r.leave("how often cannot depend on the moment; read without " + strconv.Quote(r.name(s, w.from, w.to)))
			continue
		case own == unset && !w.counted:
			r.refuse(whyNeither)
			continue
		}
		r.addMomentTo(s, w.chunk, positive)
	}
}

// vague reports a rate without a number.
func (cl *clause) vague() bool {
	for _, c := range cl.chunks {
		if c.kind == chunkCount && c.stmt.vague {
			return true
		}
	}
	return false
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
			o.warn(fieldFrequency, rankDoubt, st.phrase, "names no number; read as "+ofDay(st.count))
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
			o.warn(fieldFrequency, rankDoubt, st.phrase, tooManyRules)
			break
		}
		if lower != nil {
			st.least = append(st.least, proto.CloneOf(lower))
		}
		if upper != nil {
			st.most = append(st.most, proto.CloneOf(upper))
		}
		spec.AtLeast = appendBound(spec.AtLeast, lower)
		spec.AtMost = appendBound(spec.AtMost, upper)
	}
	o.closeSlots()
	o.understood[fieldFrequency] = len(spec.AtLeast)+len(spec.AtMost) > 0
	o.checkContradiction()
}

// statementLines describes the bounds that a statement came to, in the words of
// Describe; nothing for a vague one where a number was said.
func (o *reading) statementLines(st *statement) []string {
	var out []string
	for _, b := range st.least {
		out = append(out, boundLine("at least", b))
	}
	for _, b := range st.most {
		out = append(out, boundLine("at most", b))
	}
	return out
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
		o.warn(fieldFrequency, rankDoubt, st.phrase, "more than 600; read as 600")
		lo, hi = math.Min(lo, maxCount), math.Min(hi, maxCount)
	}
	low, high := &simv1.FrequencyBound{}, &simv1.FrequencyBound{}
	switch st.window {
	case windowTrailing:
		wlo, whi := st.minutes.lo, st.minutes.hi
		if whi > 1440 {
			days := whi / 1440
			o.warn(fieldFrequency, rankDoubt, st.phrase, "spans more than a day, which cannot be judged; read as its share of one day")
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
			o.warn(fieldFrequency, rankDoubt, st.phrase, "more than 24 slots; the others were left out")
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

// appendBound appends a bound unless the list contains the same one; slots with
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
	for _, rec := range o.records {
		if rec.field == fieldFrequency && rec.status == StatusUnread && !rec.aside {
			return // there may be more
		}
	}
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
				o.warn(fieldFrequency, rankDoubt, boundLine("at least", low)+"; "+boundLine("at most", high), "these contradict each other")
			}
		}
	}
}
