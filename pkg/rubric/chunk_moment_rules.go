package rubric

// momentPlace is a moment that was read at a token, with what decides whether the
// field has room for it.
type momentPlace struct {
	*reader
	s      *scanner
	i, n   int // first token and number of tokens
	before []chunk
	moment moment
	model  *moment // the moment of the list that this one may continue; nil if none
}

// verdict is what a momentRule makes of a moment.
type verdict uint8

const (
	nextMomentRule verdict = iota
	isMoment
	noMoment
)

// momentRule decides about the moments that it applies to.
type momentRule struct {
	name    string
	applies func(*momentPlace) bool
	apply   func(*momentPlace) verdict
}

// momentRules run in this order until one decides. A moment that none of them
// rejects is accepted.
var momentRules = []momentRule{
	// "do not write"
	{"a verb after not", func(p *momentPlace) bool {
		return p.bareActivity() && !p.moment.gerund && p.previous() == "not"
	}, (*momentPlace).reject},
	// "I work"
	{"a verb after its subject", func(p *momentPlace) bool {
		w := p.previous()
		return p.bareActivity() && (selves[w] || w == "to" || w == "will" || w == "you")
	}, (*momentPlace).reject},
	// "three stretches"
	{"a number counts moments", func(p *momentPlace) bool {
		return p.moment.bare && p.i > 0 && isNumberWord(p.previous())
	}, (*momentPlace).reject},
	// "three a day: morning, noon and night"
	{"parts of the day after a count", func(p *momentPlace) bool {
		m := p.moment
		return p.field == fieldFrequency && m.bare && m.daypart && m.kinds == nil && counted(p.before)
	}, func(*momentPlace) verdict { return isMoment }},
	{"outside timing a bare moment must continue a list", func(p *momentPlace) bool {
		return p.moment.bare && p.field != fieldTiming && p.model == nil
	}, (*momentPlace).reject},
	{"outside timing a bare activity must continue activities", func(p *momentPlace) bool {
		return p.bareActivity() && p.moment.clock == nil && p.field != fieldTiming &&
			(p.field == fieldFrequency || p.model.kinds == nil)
	}, (*momentPlace).reject},
	{"a bare activity among likes is the next topic", func(p *momentPlace) bool {
		return p.bareActivity() && p.field == fieldPreference && !p.listGoesOn()
	}, (*momentPlace).reject},
	{"communication has no bare moments", func(p *momentPlace) bool {
		return p.moment.bare && p.field == fieldCommunication
	}, (*momentPlace).reject},
	// "after lunch and dinner"
	{"a bare activity inherits the relation of its list", func(p *momentPlace) bool {
		return p.bareActivity() && p.model != nil && p.moment.clock == nil && !p.moment.after
	}, (*momentPlace).inherit},
	// "tips about tea", "with dinner parties"
	{"a topic behind about reaches as far, or further behind with", func(p *momentPlace) bool {
		_, n := p.topicAt(p.s, p.i+1)
		_, first := p.s.simpleMoment(p.i, true)
		about, with := p.s.text(p.i) == "about", p.s.text(p.i) == "with"
		return p.field == fieldPreference && n > 0 && (about && 1+n >= first || with && 1+n > first)
	}, (*momentPlace).reject},
	// "quiet time from 1 to 2 pm"
	{"a denial that is as long as the activity has priority", func(p *momentPlace) bool {
		cue, n := p.cueAt(p.s, p.i)
		return p.bareActivity() && cue == negative && n >= activityWords.length(p.s.toks, p.i)
	}, (*momentPlace).reject},
	{"a cue that is as long has priority", func(p *momentPlace) bool {
		cue, n := p.cueAt(p.s, p.i)
		return n >= p.n && cue != unset
	}, (*momentPlace).reject},
}

// momentChunk reads a moment where the field has room for one. It also sets
// topical of the scanner for the current clause.
func (r *reader) momentChunk(s *scanner, i int, before []chunk) (chunk, bool) {
	p := &momentPlace{reader: r, s: s, i: i, before: before, model: continued(before)}
	bare := r.field == fieldTiming || r.field == fieldFrequency && counted(before) || p.model != nil
	s.topical = r.field != fieldPreference || inClause(before, chunkTopics)
	if p.moment, p.n = s.momentAt(i, bare); p.n == 0 {
		return p.continuedWork()
	}
	for _, rule := range momentRules {
		if !rule.applies(p) {
			continue
		}
		if v := rule.apply(p); v != nextMomentRule {
			return p.chunk(), v == isMoment
		}
	}
	return p.chunk(), true
}

// continuedWork reads the second object of "working on a jigsaw or on my
// knitting".
func (p *momentPlace) continuedWork() (chunk, bool) {
	if p.model == nil || p.model.kinds == nil {
		return chunk{}, false
	}
	switch p.s.text(p.i) {
	case "on", "at", "in", "with":
		if p.moment, p.n = p.s.workingOn(p.i+1, 1); p.n > 0 {
			return p.chunk(), true
		}
	}
	return chunk{}, false
}

func (p *momentPlace) chunk() chunk {
	return chunk{kind: chunkMoment, to: p.i + p.n, moment: p.moment}
}

func (p *momentPlace) reject() verdict { return noMoment }

func (p *momentPlace) inherit() verdict {
	p.moment.after, p.moment.within = p.model.after, p.model.within
	return nextMomentRule
}

// bareActivity reports an activity without a relation word: "dinner".
func (p *momentPlace) bareActivity() bool { return p.moment.bare && p.moment.kinds != nil }

// previous returns the word before the moment.
func (p *momentPlace) previous() string { return p.s.text(p.i - 1) }

// listGoesOn decides, among likes, whether a bare activity continues the
// condition before it or names the next topic. After "or" it continues the
// condition; after "and" only as a gerund that has no condition of its own.
func (p *momentPlace) listGoesOn() bool {
	last, end := p.before[len(p.before)-1], p.i+p.n
	if last.kind != chunkSep || nouns[p.s.text(end)] {
		return false
	}
	if _, n := p.s.momentAt(end, false); n > 0 {
		return false
	}
	return last.sep == sepOr || last.sep == sepAnd && p.moment.gerund && p.s.text(last.from) != "plus"
}

// continued returns the moment that a list may continue: the last pieces are a
// moment, then separators and fillers. It returns nil if there is none.
func continued(before []chunk) *moment {
	sawSep := false
	for k := len(before) - 1; k >= max(0, len(before)-near); k-- {
		switch c := before[k]; c.kind {
		case chunkSep:
			if c.sep == sepBut || c.sep == sepExcept {
				return nil
			}
			sawSep = true
		case chunkFiller:
			continue
		case chunkMoment:
			if sawSep {
				return &before[k].moment
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

// counted reports whether one of the last pieces is a count.
func counted(before []chunk) bool {
	for _, c := range before[max(0, len(before)-2*near):] {
		if c.kind == chunkCount {
			return true
		}
	}
	return false
}
