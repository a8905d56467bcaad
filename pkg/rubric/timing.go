package rubric

import (
	"google.golang.org/protobuf/proto"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (r *reader) readTiming(s *scanner, chs []chunk) {
	for _, seg := range segments(chs) {
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
	if sense == negative {
		t.Protected = appendPattern(t.Protected, p)
	} else {
		t.Receptive = appendPattern(t.Receptive, p)
	}
}

// momentPattern settles what depends on the sense: nobody who says "not after
// nine" means the morning, and a closed evening closes the night behind it.
func (r *reader) momentPattern(s *scanner, m moment, from, to int, sense polarity) (*simv1.MomentPattern, bool) {
	name := r.name(s, from, to)
	if m.clock != nil {
		v := *m.clock
		if m.openTo && sense == negative {
			if m.unsure {
				v.from, m.unsure = v.from+720, false
				r.warn(name, "read as the evening hour; write am or pm")
			}
			if v.from >= hm(18, 0) {
				v.to = lateEnd
			}
		}
		if m.unsure {
			r.warn(name, "could be morning or evening, read as morning; write am or pm")
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
