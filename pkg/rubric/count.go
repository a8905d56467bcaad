package rubric

import (
	"strings"
)

// countChunk reads a statement about frequency at token i.
func (r *reader) countChunk(s *scanner, i int, before []chunk) (chunk, bool) {
	if r.field == fieldFrequency {
		if _, n := remarks.match(s.toks, i); n > 0 && len(before) > 0 {
			if st, k := r.statementAt(s, i); k == 0 || !st.counted {
				return chunk{kind: chunkReason, to: clauseEnd(s, i)}, true
			}
		}
	}
	if r.field == fieldFrequency {
		if n := unlimited.length(s.toks, i); n > 0 {
			r.doubt(r.name(s, i, i+n), "names no number; say how often")
			return chunk{kind: chunkReason, to: i + n}, true
		}
	}
	st, n := r.statementAt(s, i)
	if st.mode == modeUnclear {
		return chunk{}, false
	}
	if n > 0 && st.floating && !afterMoment(before) {
		n = 0
	}
	if n > 0 && st.mode == modePlain && !st.ideal && !st.gap && (st.window == windowDay || st.window == windowTrailing) {
		st.mode = andMode(s, before)
	}
	if n == 0 && r.field == fieldFrequency {
		if v, k := vagues.match(s.toks, i); k > 0 {
			v.vague, v.phrase = true, r.name(s, i, i+k)
			return chunk{kind: chunkCount, to: i + k, stmt: &v}, true
		}
	}
	if n == 0 || r.field == fieldTiming && (!st.counted || st.inherits || st.window == windowNone || st.count.hi == 0) {
		return chunk{}, false
	}
	st.phrase = r.name(s, i, i+n)
	for k := range st.slots {
		st.names = append(st.names, r.name(s, st.slots[k].from, st.slots[k].to))
		if st.slots[k].unsure {
			r.doubt(st.names[k], couldBeEither)
		}
	}
	return chunk{kind: chunkCount, to: i + n, stmt: &st}, true
}

// afterMoment reports whether the last chunk with meaning is a moment: "after
// dinner, one".
func afterMoment(before []chunk) bool {
	for k := len(before) - 1; k >= max(0, len(before)-near); k-- {
		switch before[k].kind {
		case chunkSep, chunkFiller:
		case chunkMoment:
			return true
		default:
			return false
		}
	}
	return false
}

// andMode returns the bound of the statement to which "and" joins a number: "at
// most ten a day and two an hour".
func andMode(s *scanner, before []chunk) mode {
	n := len(before)
	if n >= 2 && before[n-1].kind == chunkSep && s.text(before[n-1].from) == "and" && before[n-2].kind == chunkCount && !before[n-2].stmt.gap && !before[n-2].stmt.vague && before[n-2].stmt.window != windowSlots {
		return before[n-2].stmt.mode
	}
	return modePlain
}

// clauseEnd returns the end of the clause around i: the next mark, "but" or reason.
func clauseEnd(s *scanner, i int) int {
	for begin := i; i < len(s.toks); i++ {
		w := s.text(i)
		if s.toks[i].kind == mark && (w == "," || w == "—" || w == ":" || w == "(" || w == ")") || w == "but" || i > begin && reasons.length(s.toks, i) > 0 {
			break
		}
	}
	return i
}

// statementAt reads one statement about frequency at token i: bounds, a number,
// its window, and bounds behind it, in the orders people use. It returns the
// statement and its number of tokens, 0 if there is none.
func (r *reader) statementAt(s *scanner, i int) (statement, int) {
	if o, n := r.ordinalAt(s, i); n > 0 {
		return o, n
	}
	p := &countPhrase{reader: r, s: s, start: i, at: i}
	p.st.wished = mentions(s, max(i-4, 0), i, wishes)
	if p.refusesNumber() {
		p.st.mode, p.bounded = modeNever, true
		p.at++
	}
	p.take(leadRules, i+near)
	if n := r.gapAt(s, p.at, &p.st); n > 0 {
		return p.st, p.at + n - i
	}
	p.numberAt = p.at
	if c, n := countAt(s, p.at); n > 0 {
		return p.counted(c, n)
	}
	if singles[p.word(0)] {
		return p.single()
	}
	return r.bareWindow(s, i, p.at, p.st)
}

// wishes before a number say that more of it is wanted: "I want more than four".
var wishes = map[string]bool{"want": true, "need": true, "like": true, "expect": true, "love": true, "welcome": true}

// singles may stand for one recommendation.
var singles = map[string]bool{"a": true, "an": true, "another": true, "something": true, "anything": true, "one": true}

// refusesNumber reports "never two": a denied number of two or more.
func (p *countPhrase) refusesNumber() bool {
	if w := p.word(0); w != "never" && w != "not" && w != "no" {
		return false
	}
	c, n := countAt(p.s, p.at+1)
	return n > 0 && c.lo >= 2 && c.lo == c.hi
}

// counted reads a statement whose number c has n tokens.
func (p *countPhrase) counted(c span, n int) (statement, int) {
	if !p.plausible(p.s, p.at, n) {
		return statement{}, 0
	}
	if p.st.mode == modeLeast && mentions(p.s, p.at, p.at+n, map[string]bool{"most": true}) {
		p.st.mode = modePlain // "at least once, at most twice"
	}
	p.st.count, p.st.counted = c, true
	p.at += n
	return p.complete()
}

// single reads a statement whose number is an article or a pronoun: "a short
// tip", "something after dinner".
func (p *countPhrase) single() (statement, int) {
	k := p.at
	if w := p.word(0); w != "something" && w != "anything" {
		k++
	}
	if win, n := p.s.windowAt(k); n == 1 { // "a daily tip"
		p.st.window, p.st.minutes = win.window, win.minutes
		k++
	}
	for slack[p.s.text(k)] {
		k++
	}
	if !nouns[p.s.text(k)] {
		return statement{}, 0
	}
	p.st.count, p.at = one(1), k+1
	return p.complete()
}

// plausible reports whether the number at token at can count recommendations, and
// is not an hour of the day, a length of time or a number of words.
func (r *reader) plausible(s *scanner, at, n int) bool {
	for k := at; k < at+n; k++ {
		if s.toks[k].kind == clock {
			return false
		}
	}
	switch s.text(at + n) {
	case "am", "pm", "oclock", "minutes", "minute", "hours", "hour", "words", "sentences", "days", "mins", "hrs", "lines":
		return false
	}
	if s.text(at) == "once" && subjects[s.text(at+1)] {
		if _, k := s.related(at+1, relWhen); k > 0 {
			return false
		}
	}
	if s.text(at) == "one" && (s.text(at+1) == "who" || s.text(at+1) == "that" || s.text(at+1) == "of" && s.text(at+2) != "them" && s.text(at+2) != "those" && s.text(at+2) != "these") {
		return false
	}
	return true
}

// complete reads what follows a number and finds the window of the number.
func (p *countPhrase) complete() (statement, int) {
	p.take(tailRules, min(len(p.s.toks), p.start+2*near))
	p.never = p.st.mode == modeNever
	p.st.finishMode(p.s, &p.at, p.any)
	return p.end()
}

// numberFollows reports whether a number or a length of time is at token i. A
// bound before token i then belongs to it, and not to the number before.
func (s *scanner) numberFollows(i int) bool {
	if _, n := s.windowAt(i); n > 0 {
		return false
	}
	for w := s.text(i); w == "a" || w == "about" || w == "of"; w = s.text(i) {
		if _, n := durationAt(s.toks, i, false); n > 0 {
			return true
		}
		i++
	}
	if _, n := countAt(s, i); n > 0 {
		return true
	}
	_, n := durationAt(s.toks, i, false)
	return n > 0
}

// inList reports whether a number without a window ends a list of numbers or
// follows a statement that has a window ("three a day, or four").
func (r *reader) inList(s *scanner, i int) bool {
	return r.last != nil && r.last.window != windowSlots && i > 0 && (s.text(i-1) == "," || s.text(i-1) == "or" || s.text(i-1) == "and") && i+2 >= len(s.toks)
}

// slotFits reports whether the number before a moment can count recommendations.
// It cannot in "from 6 to 8 in the evening" and "around 8 at night".
func (r *reader) slotFits(s *scanner, numberAt, at int, m moment, nouned bool) bool {
	if nouned {
		return true
	}
	if w := s.text(numberAt); r.field == fieldTiming && w != "once" && w != "twice" && w != "thrice" {
		return false // "ten to eleven in the morning"
	}
	if t := s.toks[numberAt]; m.kinds != nil {
		return t.kind != number || t.value <= 12
	}
	if w := s.text(numberAt); w == "from" || w == "between" {
		return false
	}
	t := s.toks[numberAt]
	return t.kind != number || t.value <= 3
}

// finishMode turns "more than", "less than", "never" and verdicts such as "is too
// much" into a bound. It moves at behind the words that it used.
func (st *statement) finishMode(s *scanner, at *int, any bool) {
	switch st.mode {
	case modeMore:
		// "More than four a day" is usually a complaint. A wish for more begins with
		// a verb: "I want more than four".
		switch {
		case st.wished && !any && !mentions(s, *at, s.reasonFrom(*at), tooMuch):
			st.mode, st.count = modeLeast, span{st.count.lo + 1, st.count.hi + 1}
		case mentions(s, *at, s.reasonFrom(*at), tooMuch) || s.consequence(*at):
			st.mode = modeMost
			*at = remarkEnd(s, *at, tooMuch)
		default:
			st.mode = modeUnclear // "more than five a day would be great"
		}
	case modeLess:
		if mentions(s, *at, s.reasonFrom(*at), tooLittle) {
			st.mode = modeLeast
			*at = remarkEnd(s, *at, tooLittle)
		} else {
			st.mode = modeMost
			if st.count.hi > 1 {
				st.count = span{st.count.lo - 1, st.count.hi - 1}
			}
		}
	case modePlain:
		switch {
		case mentionsPhrase(s, *at, "too much", "too many", "too often"):
			st.mode, st.count = modeMost, span{st.count.lo - 1, st.count.lo - 1}
		case mentionsPhrase(s, *at, "too little", "too few", "not enough"):
			st.mode, st.count = modeLeast, span{st.count.hi + 1, st.count.hi + 1}
		}
	case modeNever:
		st.mode, st.count = modeMost, span{st.count.lo - 1, st.count.lo - 1}
	}
}

// reasonFrom returns the token at which the next explanation begins, or the
// number of tokens.
func (s *scanner) reasonFrom(at int) int {
	for k := at; k < min(len(s.toks), at+near); k++ {
		if reasons.length(s.toks, k) > 0 {
			return k
		}
	}
	return len(s.toks)
}

// consequence reports whether the text ends at token at or states the consequence
// of a number that is too large: "and I switch off".
func (s *scanner) consequence(at int) bool {
	if s.text(at) == "," {
		at++
	}
	w, next := s.text(at), s.text(at+1)
	return at >= len(s.toks) || w == "i" || (w == "and" || w == "then") && (next == "i" || next == "you" || next == "it")
}

// mentionsPhrase reports whether one of the two-word phrases comes before the next
// clause.
func mentionsPhrase(s *scanner, at int, phrases ...string) bool {
	for end := min(at+near, len(s.toks)-1); at < end; at++ {
		w := s.text(at)
		if w == "and" || w == "or" || w == "but" || s.toks[at].kind == mark {
			return false
		}
		for _, p := range phrases {
			if first, second, _ := strings.Cut(p, " "); w == first && s.text(at+1) == second {
				return true
			}
		}
	}
	return false
}

// near is the greatest distance, in tokens, at which words are related to a phrase.
// It keeps the time to read a text linear in its length.
const near = 24

// mentions reports whether one of the words is in tokens from to to, at most
// near tokens ahead.
func mentions(s *scanner, from, to int, words map[string]bool) bool {
	for k := from; k < min(to, from+near); k++ {
		if words[s.text(k)] {
			return true
		}
	}
	return false
}

// remarkEnd returns the end of the clause that contains one of the words, or at.
func remarkEnd(s *scanner, at int, words map[string]bool) int {
	for k := at; k < min(s.reasonFrom(at), at+near); k++ {
		if words[s.text(k)] {
			return clauseEnd(s, k)
		}
	}
	return at
}

// bareWindow reads a rhythm without a number: "every two hours", "hourly".
func (r *reader) bareWindow(s *scanner, i, at int, st statement) (statement, int) {
	w := s.text(at)
	if w != "every" && w != "hourly" && w != "each" && w != "once" && w != "daily" {
		return statement{}, 0
	}
	win, n := s.windowAt(at)
	if n == 0 || win.window == windowSlots {
		return statement{}, 0
	}
	st.count, st.counted = one(1), win.window == windowTrailing
	st.window, st.minutes, st.slots = win.window, win.minutes, win.slots
	at += n
	if m, n := postModes.match(s.toks, at); n > 0 && !(m == modePlain && s.text(at+n) == "than") {
		if m != modePlain {
			st.mode = m
		}
		at += n
	}
	st.finishMode(s, &at, false)
	return st, at - i
}
