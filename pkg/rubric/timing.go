package rubric

import (
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// readTiming files the moments of the clauses that were understood.
func (r *reader) readTiming(s *scanner, cls []clause) {
	for k := range cls {
		cl := &cls[k]
		if cl.role != roleRule {
			continue
		}
		r.now = cl.record
		for _, c := range cl.chunks {
			switch c.kind {
			case chunkAnyTime:
				r.anyTime(s, cl, c)
			case chunkMoment:
				r.addMoment(s, c, cl.sense)
			case chunkCount:
				r.add(c.stmt)
				if r.now.status == StatusUnread {
					continue
				}
				r.out.understood[fieldFrequency] = true
				for _, slot := range c.stmt.slots {
					r.addMoment(s, chunk{from: slot.from, to: slot.to, moment: slot}, positive)
				}
			}
		}
	}
}

// anyTime files "any time", which a denial cannot close: "not just any time".
func (r *reader) anyTime(s *scanner, cl *clause, c chunk) {
	for _, other := range cl.chunks {
		if cl.sense == negative && other.kind == chunkCue && other.cue == positive {
			return // the denial concerns the doubt and not the moment
		}
	}
	r.out.understood[fieldTiming] = true
	if cl.sense == negative {
		r.doubt(r.name(s, c.from, c.to), "closes every moment; this was left out")
		return
	}
	r.ruled("open at any time")
}

// addMoment files a moment as receptive or protected.
func (r *reader) addMoment(s *scanner, c chunk, sense polarity) {
	p, ok := r.momentPattern(s, c.moment, c.from, c.to, sense)
	if !ok {
		return
	}
	if sense == positive && satisfy.Asleep(p) {
		r.refuse(whyAsleep)
		return
	}
	if !satisfy.Meets(p) {
		r.refuse(whyNever + When(p))
		return
	}
	t := r.out.spec.GetTiming()
	r.out.understood[fieldTiming] = true
	if sense == negative {
		r.ruled("closed " + When(p))
	} else {
		r.ruled("open " + When(p))
	}
	list := &t.Receptive
	if sense == negative {
		list = &t.Protected
	}
	if len(*list) == maxPatterns {
		r.out.warn(fieldTiming, rankDoubt, "", tooManyRules)
		return
	}
	*list = appendPattern(*list, p)
}

// Limits of a spec, by its contract.
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
				r.doubt(name, "read as the evening hour; write am or pm")
			}
			if v.from >= hm(18, 0) {
				v.to = lateEnd
			}
		}
		if m.overnight && sense == negative {
			r.doubt(name, "could also be the night, read as the day; write am or pm")
		}
		if m.unsure {
			r.doubt(name, couldBeEither)
		}
		if v.from%1440 == v.to%1440 {
			v.to = 1440
			v.from = 0
		}
		m.clock = &v
	}
	return m.pattern(name), true
}

// appendPattern appends a pattern unless the list contains the same one.
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
