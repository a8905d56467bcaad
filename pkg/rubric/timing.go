package rubric

import (
	"google.golang.org/protobuf/proto"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (r *reader) readTiming(s *scanner, chs []chunk) {
	for _, seg := range r.segments(apposition(s, chs)) {
		for _, c := range seg.chunks {
			switch c.kind {
			case chunkAnyTime:
				r.out.understood[fieldTiming] = true
				if seg.sense == negative && !segAllows(seg) {
					r.warn(r.name(s, c.from, c.to), "closes every moment; this was left out")
				}
			case chunkMoment:
				r.addMoment(s, c, seg.sense)
			case chunkCount:
				r.out.statements = append(r.out.statements, c.stmt)
				r.out.understood[fieldFrequency] = true
				for k := range c.stmt.slots {
					r.addMoment(s, chunk{from: c.stmt.slots[k].from, to: c.stmt.slots[k].to, moment: c.stmt.slots[k]}, positive)
				}
			}
		}
	}
}

// apposition joins a time and the closer time behind a comma that explains it:
// "late morning, from 11:00 to 12:15, is best".
func apposition(s *scanner, chs []chunk) []chunk {
	out := append([]chunk(nil), chs...)
	for k := 0; k+2 < len(out); k++ {
		a, b := out[k], out[k+2]
		if a.kind != chunkMoment || b.kind != chunkMoment || out[k+1].kind != chunkSep || s.text(out[k+1].from) != "," || b.moment.clock == nil || b.moment.daypart || b.moment.kinds != nil {
			continue
		}
		closed := k+3 < len(out) && out[k+3].kind == chunkSep && s.text(out[k+3].from) == ","
		last := true
		for _, c := range out[k+3:] {
			last = last && c.kind != chunkMoment
		}
		within := a.moment.clock != nil && a.moment.kinds == nil && a.moment.daypart && overlap(*a.moment.clock, *b.moment.clock)
		activity := a.moment.kinds != nil && a.moment.clock == nil && closed && last && !s.joined(out[:k])
		if !within && !activity {
			continue
		}
		if both, ok := a.moment.and(b.moment); ok {
			out[k].moment, out[k].to = both, b.to
			out[k+1].kind, out[k+2].kind = chunkFiller, chunkFiller
		}
	}
	return out
}

// joined reports moments among chunks: a list is being told.
func (s *scanner) joined(chs []chunk) bool {
	for _, c := range chs {
		if c.kind == chunkMoment {
			return true
		}
	}
	return false
}

func overlap(a, b interval) bool {
	if a.to <= a.from || b.to <= b.from {
		return true
	}
	return a.from < b.to && b.from < a.to
}

// segAllows reports a segment whose negation concerns the doubt and not the
// moment ("no particular time").
func segAllows(seg segment) bool {
	for _, c := range seg.chunks {
		if c.kind == chunkCue && c.cue == positive {
			return true
		}
	}
	return false
}

// addMoment files a moment as receptive or protected.
func (r *reader) addMoment(s *scanner, c chunk, sense polarity) {
	p, ok := r.momentPattern(s, c.moment, c.from, c.to, sense)
	if !ok {
		return
	}
	t := r.out.spec.GetTiming()
	r.out.understood[fieldTiming] = true
	list := &t.Receptive
	if sense == negative {
		list = &t.Protected
	}
	if len(*list) == maxPatterns {
		r.out.warn(fieldTiming, "", tooManyRules)
		return
	}
	*list = appendPattern(*list, p)
}

// What a spec can hold, by its contract.
const (
	maxPatterns = 64
	maxRules    = 64
	maxBounds   = 16
)

// Reasons given in several places.
const (
	couldBeEither = "could be morning or evening, read as morning; write am or pm"
	tooManyRules  = "more rules than a spec can hold; those after the first were left out"
)

// momentPattern settles what depends on the sense: nobody who says "not after
// nine" means the morning, and a closed evening closes the night behind it.
func (r *reader) momentPattern(s *scanner, m moment, from, to int, sense polarity) (*simv1.MomentPattern, bool) {
	name := r.name(s, from, to)
	if m.clock != nil {
		v := *m.clock
		if m.openTo && sense == negative && m.kinds == nil {
			if m.unsure {
				v.from, m.unsure = v.from+720, false
				r.warn(name, "read as the evening hour; write am or pm")
			}
			if v.from >= hm(18, 0) {
				v.to = lateEnd
			}
		}
		if m.unsure {
			r.warn(name, couldBeEither)
		}
		if v.from%1440 == v.to%1440 {
			v.to = 1440
			v.from = 0
		}
		m.clock = &v
	}
	return m.pattern(name), true
}

// appendPattern appends a pattern unless the list holds the same one.
func appendPattern(list []*simv1.MomentPattern, p *simv1.MomentPattern) []*simv1.MomentPattern {
	for _, other := range list {
		if samePattern(other, p) {
			return list
		}
	}
	return append(list, p)
}

func samePattern(a, b *simv1.MomentPattern) bool {
	return proto.Equal(a.GetClock(), b.GetClock()) && proto.Equal(a.GetActivity(), b.GetActivity())
}
