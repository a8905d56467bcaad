package rubric

import (
	"strings"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// understand decides of each clause whether all of it was understood, and takes
// from those that were not the right to make rules.
func (r *reader) understand(s *scanner, cls []clause) {
	for k := range cls {
		cl := &cls[k]
		if cl.role != roleRule {
			continue
		}
		if why := r.fault(s, cl); why != "" {
			cl.role, cl.why = roleUnread, why
		}
	}
	switch r.field {
	case fieldPreference:
		accompany(s, cls)
	case fieldTiming:
		qualify(s, cls)
	}
	r.settle(s, cls)
	for k := range cls {
		cl := &cls[k]
		if cl.role == roleRule && cl.sense == negative && cl.has(chunkNarrow) {
			cl.role, cl.why = roleUnread, whyNarrow
		}
	}
}

// fault says why a clause is not understood, "" where it is.
func (r *reader) fault(s *scanner, cl *clause) string {
	why := ""
	for _, c := range cl.chunks {
		if c.kind == chunkUnknown && (why == "" || why == whyUnknown) {
			why = unknownReason(s, c.from)
		}
	}
	if why != "" {
		return why
	}
	if own, _ := cl.cue(); cl.has(chunkCount) && (own == negative || cl.before == sepNot || cl.before == sepExcept) {
		return whyUnknown // "not hourly": the number is not what is wanted
	}
	switch r.field {
	case fieldTiming:
		if cl.busy(s) || cl.fond(s) || cl.count(chunkMoment) > 1 || cl.has(chunkAnyTime) && cl.has(chunkMoment) {
			return whyUnknown
		}
	case fieldPreference:
		if cl.subject(s) {
			return whyUnknown
		}
		if mannerly(s, cl) {
			return whyManner
		}
		if cl.has(chunkTopics) && cl.chunks[0].kind == chunkFiller && adjuncts[cl.first(s)] {
			return whyUnknown
		}
	case fieldCommunication:
		if complement(s, cl) {
			return whyUnknown
		}
	}
	if own, _ := cl.cue(); own == negative && cl.follows(s) {
		return whyForm // "three in the morning, then nothing till night"
	}
	if !r.formed(s, cl) {
		return whyForm
	}
	return ""
}

// qualify takes back a condition at the end of a list of times, which may narrow
// the times or be one more: "mid-morning and mid-afternoon, when I rest", "around
// eleven, when I wake up and plan the day".
func qualify(s *scanner, cls []clause) {
	times, narrows := 0, false
	for k := range cls {
		cl := &cls[k]
		if cl.role != roleRule || !cl.bare() || !cl.has(chunkMoment) {
			narrows = false
			if cl.has(chunkMoment) {
				times++
			}
			continue
		}
		first := cl.chunks[0]
		rel, _ := relations.match(s.toks, first.from)
		alone := len(cl.chunks) == 1 && first.kind == chunkMoment
		switch {
		case alone && rel == relWhen && cl.before == sepComma && times > 0 && first.moment.clock == nil && onlyMoments(cls[k+1:]):
			narrows = true
		case narrows && alone:
		default:
			narrows = false
		}
		if narrows {
			cl.role, cl.why = roleUnread, whyNarrows
			continue
		}
		times++
	}
}

// onlyMoments reports whether each clause is a bare moment that may continue the
// condition before it.
func onlyMoments(cls []clause) bool {
	for k := range cls {
		if len(cls[k].chunks) != 1 || cls[k].chunks[0].kind != chunkMoment || !cls[k].chunks[0].moment.bare || cls[k].before != sepAnd && cls[k].before != sepOr {
			return false
		}
	}
	return true
}

// accompany takes back what only goes along with a condition: "poems over a cup
// of tea and some music".
func accompany(s *scanner, cls []clause) {
	for k := 1; k < len(cls); k++ {
		cl, before := &cls[k], &cls[k-1]
		last := before.chunks[len(before.chunks)-1]
		if cl.role == roleRule && cl.before == sepAnd && cl.bare() && cl.has(chunkTopics) && last.kind == chunkMoment && (s.text(last.from) == "over" || s.text(last.from) == "with") {
			cl.role, cl.why = roleUnread, whyDepends
		}
	}
}

// subject reports topics before and behind a verb of wishing: those before are
// who wishes, and not what is wished: "my children want me to hear about pets".
func (cl *clause) subject(s *scanner) bool {
	before, verb := false, false
	for _, c := range cl.chunks {
		switch {
		case c.kind == chunkTopics && verb:
			return true
		case c.kind == chunkTopics:
			before = true
		case c.kind == chunkCue && before && wishing[s.text(c.from)]:
			verb = true
		}
	}
	return false
}

// mannerly reports a refused topic whose name is also that of a manner: "no
// lectures" hardly refuses courses.
func mannerly(s *scanner, cl *clause) bool {
	own, _ := cl.cue()
	if own != negative && cl.before != sepNot {
		return false
	}
	for _, c := range cl.chunks {
		boundary, n := boundaryWords.match(s.toks, c.from)
		if boundary != simv1.Boundary_BOUNDARY_NO_PRESSURE {
			n = 0
		}
		if c.kind == chunkTopics && max(n, manners.length(s.toks, c.from)) >= c.to-c.from {
			return true
		}
	}
	return false
}

// fond reports a liking of an activity in the text about times: "I love
// cooking" says nothing about when.
func (cl *clause) fond(s *scanner) bool {
	likes := false
	for _, c := range cl.chunks {
		switch {
		case c.kind == chunkCue && c.cue == positive && wishing[s.text(c.from)]:
			likes = true
		case c.kind == chunkMoment && likes && c.moment.bare && c.moment.clock == nil:
			return true
		}
	}
	return false
}

// wishing are verbs of wishing and liking.
var wishing = wordSet("wishing")

// busy reports "works" before a time: somebody works then.
func (cl *clause) busy(s *scanner) bool {
	for _, c := range cl.chunks {
		switch w := s.text(c.from); {
		case c.kind == chunkMoment:
			return false
		case c.kind == chunkCue && (w == "works" || w == "work"):
			return true
		}
	}
	return false
}

// adjuncts are prepositions that make a phrase an accompaniment and not a wish.
var adjuncts = map[string]bool{"with": true, "to": true, "in": true, "of": true}

// complement finds a tone that is said of something else: "considerate of my
// neighbours", "clear about costs".
func complement(s *scanner, cl *clause) bool {
	for k, c := range cl.chunks {
		if c.kind != chunkTone || k+1 == len(cl.chunks) {
			continue
		}
		switch next := cl.chunks[k+1]; s.text(next.from) {
		case "for", "of", "about":
			return next.to == next.from+1
		}
	}
	return false
}

// doubtQuestion takes from the clauses of a question the right to make rules,
// unless one of them says what it thinks of its subject.
func doubtQuestion(cls []clause) {
	for k := range cls {
		if own, _ := cls[k].cue(); own != unset {
			return
		}
	}
	for k := range cls {
		if cls[k].role == roleRule {
			cls[k].role, cls[k].why = roleUnread, whyQuestion
		}
	}
}

func unknownReason(s *scanner, from int) string {
	switch w := s.text(from); {
	case conditions[w] || w == "after" || w == "before" || provisos.length(s.toks, from) > 0:
		return whyCondition
	case strings.HasPrefix(w, "weekend") || strings.HasPrefix(w, "weekday") || weekdays[strings.TrimSuffix(w, "s")]:
		return whyWeekday
	}
	return whyUnknown
}

var weekdays = map[string]bool{"monday": true, "tuesday": true, "wednesday": true, "thursday": true, "friday": true, "saturday": true, "sunday": true}

// supposition returns the token at which a threat or a supposition begins that
// runs to the end of the sentence; the number of tokens where there is none.
func (r *reader) supposition(s *scanner) int {
	for i := range s.toks {
		begins := i == 0 || s.toks[i-1].kind == mark || separators.length(s.toks, i-1) == 1
		switch w := s.text(i); {
		case !begins && w != "if" && w != "unless":
		case suppositions.length(s.toks, i) > 0:
			if max(leadIns.length(s.toks, i), anyTime.length(s.toks, i)) > suppositions.length(s.toks, i) {
				continue // "if you like", "whenever you want"
			}
			if r.field == fieldFrequency {
				if st, n := r.statementAt(s, i); n > 0 && st.mode != modePlain {
					continue // "if you come more than three times a day I mute you" is a limit
				}
			}
			return i
		case begins && provocations[w]:
			if threatened(s, i) {
				return i
			}
		}
	}
	return len(s.toks)
}

// threatened looks behind an imperative for what will come of it: "and you are
// out", "and I will unplug you".
func threatened(s *scanner, i int) bool {
	for k := i + 1; k+2 < len(s.toks); k++ {
		if s.toks[k].kind == mark {
			return false
		}
		if s.text(k) == "and" && (s.text(k+1) == "you" || s.text(k+1) == "i") && (s.text(k+2) == "will" || s.text(k+2) == "are" || s.text(k+2) == "am" || s.text(k+2) == "would") {
			return true
		}
	}
	return false
}

// suppositions begin a threat or a supposition.
var suppositions = phrases("suppositions")

// provocations are imperatives that nobody means: "wake me and you are out".
var provocations = wordSet("provocations")
