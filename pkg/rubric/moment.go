package rubric

import (
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// dayEnd is the minute of the day at which "after nine in the evening" ends.
// lateEnd is its end where the text refuses that time: a refusal includes the
// night.
const (
	dayEnd  = 1440
	lateEnd = 240
)

// Readings of words that bound a moment without a number, in minutes.
const (
	afterMinutes  = 30 // "after X"
	rightAfter    = 15 // "right after X"
	aroundMinutes = 30 // "around eight" is half past seven to half past eight
	atMinutes     = 15 // "at eight" is a quarter to until a quarter past
)

// moment is a time of the day, an activity, or both, as read from the text.
type moment struct {
	clock     *interval
	kinds     []string
	after     bool  // the activity has ended
	within    int32 // minutes after it
	overnight bool  // "between ten and six" could also be the night
	openTo    bool  // "after nine": the clock interval has no written end
	unsure    bool  // the time may be meant in the other half of the day
	daypart   bool  // the clock comes from a name such as "evening"
	gerund    bool
	bare      bool // no relation word was written
	from, to  int  // tokens
}

// scanner reads tokens of one text.
type scanner struct {
	toks    []token
	uses24  bool // the rubric writes hours of the afternoon as 13 to 24
	tails   bool // reads a tail, which has no tail of its own
	strict  bool // the text names topics: "on painting" and "with wine" are no moments
	topical bool // the clause has named its topic, so that "about" belongs to the activity
}

func (s *scanner) text(i int) string {
	if i < 0 || i >= len(s.toks) {
		return ""
	}
	return s.toks[i].text
}

// momentAt reads one moment at token i: a clock interval, an activity, or both
// ("after dinner in the evening"). It returns the moment and its length in
// tokens, 0 if there is none. bare allows a moment without a relation word
// ("mornings", "6-9am", "dinner").
func (s *scanner) momentAt(i int, bare bool) (moment, int) {
	m, n := s.simpleMoment(i, bare)
	if n == 0 {
		return m, 0
	}
	m.from, m.to = i, i+n
	for m.to < i+2*near {
		at := m.to
		open := s.text(at) == "("
		if open || s.text(at) == "—" {
			at++
		}
		if w := s.text(at); w == "mostly" || w == "ideally" || w == "preferably" || w == "say" || w == "roughly" || w == "especially" {
			at++
		}
		next, n := s.simpleMoment(at, open)
		if n == 0 || s.text(m.to) == "—" && next.clock == nil {
			return m, m.to - i
		}
		if w := s.text(at); m.openTo && m.kinds == nil && (w == "until" || w == "till") && next.clock != nil && next.kinds == nil && next.clock.to > m.clock.from {
			m.clock, m.openTo, m.to = &interval{m.clock.from, next.clock.to}, false, at+n
			return m, m.to - i
		}
		both, ok := m.and(next)
		if !ok {
			return m, m.to - i
		}
		if m.daypart && next.clock != nil && m.kinds == nil && next.kinds == nil {
			both = m.narrowed(next)
		}
		both.from, both.to = i, at+n
		if open && s.text(both.to) == ")" {
			both.to++
		}
		m = both
	}
	return m, m.to - i
}

// and joins two adjacent moments into one that requires both. It returns false
// if they contradict each other or name the same kind of thing twice.
func (m moment) and(o moment) (moment, bool) {
	switch {
	case m.clock == nil && o.clock != nil && o.kinds == nil:
		m.clock, m.unsure, m.daypart, m.openTo = o.clock, o.unsure, o.daypart, o.openTo
		return m, true
	case m.kinds == nil && o.kinds != nil && o.clock == nil:
		m.kinds, m.after, m.within, m.gerund = o.kinds, o.after, o.within, o.gerund
		return m, true
	case m.clock != nil && o.clock != nil && m.kinds == nil && o.kinds == nil && (m.daypart != o.daypart):
		if o.daypart {
			return o.exactly(m), true
		}
		return m.exactly(o), true
	}
	return m, false
}

// exactly narrows a part of the day to a time of the clock. The part of the day
// decides whether the time is before or after noon.
func (m moment) exactly(exact moment) moment {
	if exact.unsure && m.clock.from >= 720 {
		exact.clock = &interval{(exact.clock.from + 720) % 1440, min(exact.clock.to+720, 1440)}
	}
	exact.unsure = false
	return exact
}

// narrowed is like exactly, but a time with only one end keeps the other end of
// the part of the day: "evenings after seven" end with the evening.
func (m moment) narrowed(exact moment) moment {
	out := m.exactly(exact)
	from, to := out.clock.from, out.clock.to
	if m.clock.to > m.clock.from {
		if exact.openTo {
			to = m.clock.to
		}
		if exact.clock.from == 0 {
			from = m.clock.from
		}
	} else if exact.clock.from == 0 && out.clock.to > m.clock.from {
		from = m.clock.from // "at night, until 23:00"
	}
	if from < to {
		out.clock = &interval{from, to}
	}
	return out
}

// pattern converts the moment to its message; name is its own words.
func (m moment) pattern(name string) *simv1.MomentPattern {
	p := &simv1.MomentPattern{Name: name}
	if m.clock != nil {
		from, to := m.clock.from%1440, m.clock.to
		if to <= 0 || to > 1440 {
			to = (to-1+1440)%1440 + 1
		}
		p.Clock = &simv1.ClockInterval{FromMinute: from, ToMinute: to}
	}
	if m.kinds != nil {
		p.Activity = &simv1.ActivityPattern{Kinds: m.kinds, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING}
		if m.after {
			p.Activity.Relation, p.Activity.WithinMinutes = simv1.ActivityRelation_ACTIVITY_RELATION_AFTER, m.within
		}
	}
	return p
}
