package rubric

import (
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// dayEnd is where "after nine in the evening" ends, and lateEnd where it ends
// when nobody is to speak: the night belongs to it.
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

// moment is a pattern as it was read.
type moment struct {
	clock     *interval
	kinds     []string
	after     bool  // the activity has ended
	within    int32 // minutes after it
	overnight bool  // "between ten and six" could also be the night
	openTo    bool  // "after nine": the clock interval has no written end
	unsure    bool  // the clock could have meant the other half of the day
	daypart   bool  // the clock comes from a name such as "evening"
	gerund    bool
	bare      bool // no relation word was written
	from, to  int  // tokens
}

// scanner reads tokens of one text.
type scanner struct {
	toks    []token
	uses24  bool // the rubric writes hours of the afternoon as 13 to 24
	tails   bool // a tail is being read: it has none of its own
	strict  bool // topics are near: "on painting" and "with wine" are no moments
	topical bool // the clause has named its topic, so that "about" belongs to the activity
}

func (s *scanner) text(i int) string {
	if i < 0 || i >= len(s.toks) {
		return ""
	}
	return s.toks[i].text
}

// momentAt reads one moment at token i: a clock interval, an activity, or both
// ("after dinner in the evening"). bare says whether it may do without a
// relation word ("mornings", "6-9am", "dinner").
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

// and joins two neighbouring patterns into one that needs both; false where
// they contradict each other or say the same kind of thing twice.
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

// exactly narrows a part of the day to a time of the clock: the part lends the
// time its half of the day.
func (m moment) exactly(exact moment) moment {
	if exact.unsure && m.clock.from >= 720 {
		exact.clock = &interval{(exact.clock.from + 720) % 1440, min(exact.clock.to+720, 1440)}
	}
	exact.unsure = false
	return exact
}

// narrowed is exactly, and keeps to the part of the day where the time has only
// one end: "evenings after seven" end with the evening.
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

func (s *scanner) simpleMoment(i int, bare bool) (moment, int) {
	if i >= len(s.toks) {
		return moment{}, 0
	}
	if s.toks[i].kind == word {
		if m, n := s.measured(i); n > 0 {
			return m, n
		}
		if s.text(i) == "once" && subjects[s.text(i+1)] {
			if m, n := s.related(i+1, relWhen); n > 0 {
				return m, n + 1
			}
		}
		if rel, n := relations.match(s.toks, i); n > 0 {
			if m, k := s.related(i+n, rel); k > 0 {
				return m, n + k
			}
			if n > 1 { // "in between meetings": try the shorter relation
				if rel, k := relations.match(s.toks[:i+1], i); k > 0 {
					if m, k := s.related(i+1, rel); k > 0 {
						return m, k + 1
					}
				}
			}
		}
	} else if s.toks[i].kind == number {
		if m, n := s.measured(i); n > 0 {
			return m, n
		}
	}
	if bare {
		if v, n := dayparts.match(s.toks, i); n > 0 && clockWords.length(s.toks, i) == n && v.to > v.from {
			return moment{clock: &interval{v.from, v.to}, daypart: true, bare: true}, n // "noon" said alone is the middle of the day
		}
		if m, n := s.plainRange(i); n > 0 {
			return m, n
		}
	}
	if m, n := s.clockRange(i, false); n > 0 {
		return m, n
	}
	if !bare {
		if w := s.text(i); w == "every" || w == "each" || w == "most" {
			if m, n := s.daypartAt(i + 1); n > 0 {
				return m, n + 1
			}
		}
		return moment{}, 0
	}
	at := i
	for s.text(at) == "the" || s.text(at) == "my" || s.text(at) == "our" || s.text(at) == "every" || s.text(at) == "each" || s.text(at) == "most" || s.text(at) == "a" || s.text(at) == "an" {
		at++
	}
	if m, n := s.daypartAt(at); n > 0 {
		n += s.roundOf(at + n)
		if a, k := s.activityAt(at+n, 0); k > 0 && s.text(at+n) != "free" { // "morning meditation"
			if both, ok := m.and(a); ok && len(activityAfter(s, at, n)) == 0 {
				both.bare = true
				return both, at + n + k - i
			}
		}
		m.bare = true
		return m, at + n - i
	}
	m, n := s.activityAt(at, 0)
	if n == 0 {
		return m, 0
	}
	m.bare = true
	return m, at + n - i
}

// roundOf skips "round of" and its like before an activity.
func (s *scanner) roundOf(i int) int {
	if n := rounds.length(s.toks, i); n > 0 && activityWords.length(s.toks, i+n) > 0 {
		return n
	}
	return 0
}

// pattern turns a moment into the contract's form, named by its own words.
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
