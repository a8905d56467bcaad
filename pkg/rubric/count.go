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

// afterMoment says that the last thing told was a time: "after dinner, one".
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

// andMode lends a number the side of the one it is joined to: "at most ten a
// day and two an hour".
func andMode(s *scanner, before []chunk) mode {
	n := len(before)
	if n >= 2 && before[n-1].kind == chunkSep && s.text(before[n-1].from) == "and" && before[n-2].kind == chunkCount && !before[n-2].stmt.gap && !before[n-2].stmt.vague && before[n-2].stmt.window != windowSlots {
		return before[n-2].stmt.mode
	}
	return modePlain
}

// clauseEnd returns the end of the clause around i.
func clauseEnd(s *scanner, i int) int {
	for ; i < len(s.toks); i++ {
		w := s.text(i)
		if s.toks[i].kind == mark && (w == "," || w == "—" || w == ":" || w == "(" || w == ")") || w == "but" {
			break
		}
	}
	return i
}

// statementAt reads one statement: modifiers, a number, what it refers to, and
// modifiers behind it, in the orders people use.
func (r *reader) statementAt(s *scanner, i int) (statement, int) {
	var st statement
	at, any, moded := i, false, false
	for k := max(i-4, 0); k < i; k++ {
		w := s.text(k)
		st.wished = st.wished || w == "want" || w == "need" || w == "like" || w == "expect" || w == "love" || w == "welcome"
	}
	if o, n := r.ordinalAt(s, at); n > 0 {
		return o, n
	}
	if w := s.text(at); w == "never" || w == "not" || w == "no" {
		if c, n := countAt(s, at+1); n > 0 && c.lo >= 2 && c.lo == c.hi {
			st.mode, at, moded = modeNever, at+1, true
		}
	}
	for at < i+near {
		if s.text(at) == "," && moded && at > i {
			at++
			continue
		}
		if m, n := preModes.match(s.toks, at); n > 0 {
			if m == modeMore && s.text(at) == "over" && !moded && !any {
				if _, k := countAt(s, at+1); k == 0 {
					break
				}
			}
			if !moded || m != modeMore {
				st.mode = m
			}
			moded, at = true, at+n
			continue
		}
		if lead, n := leads.match(s.toks, at); n > 0 {
			if _, k := s.windowAt(at); k > 0 && lead != "ideal" {
				break
			}
			st.about = st.about || lead == "about"
			st.ideal = st.ideal || lead == "ideal"
			any = any || lead == "any"
			at += n
			continue
		}
		break
	}
	if n := r.gapAt(s, at, &st); n > 0 {
		return st, at + n - i
	}
	bare := at
	if c, n := countAt(s, at); n > 0 {
		if !r.plausible(s, at, n) {
			return statement{}, 0
		}
		if st.mode == modeLeast && mentions(s, at, at+n, map[string]bool{"most": true}) {
			st.mode = modePlain // "at least once, at most twice"
		}
		st.count, st.counted, at = c, true, at+n
	} else if w := s.text(at); w == "a" || w == "an" || w == "another" || w == "something" || w == "anything" || w == "one" {
		k := at
		if w != "something" && w != "anything" {
			k++
		}
		if win, n := s.windowAt(k); n == 1 { // "a daily tip"
			st.window, st.minutes = win.window, win.minutes
			k++
		}
		for slack[s.text(k)] {
			k++
		}
		if !nouns[s.text(k)] {
			if w == "a" || w == "an" {
				return r.bareWindow(s, i, at, st, moded)
			}
			return statement{}, 0
		}
		st.count, at = one(1), k+1
	} else {
		return r.bareWindow(s, i, at, st, moded)
	}
	return r.complete(s, i, at, bare, st, moded, any)
}

// plausible tells a number of recommendations from an hour of the day or a
// number of words.
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

// complete reads what follows a number.
func (r *reader) complete(s *scanner, i, at, numberAt int, st statement, moded, any bool) (statement, int) {
	nouned := false
	commas := 0
	for at < min(len(s.toks), i+2*near) {
		w := s.text(at)
		if m, n := postModes.match(s.toks, at); n > 0 && !(m == modePlain && s.text(at+n) == "than") && !s.numberFollows(at+n) {
			if m != modePlain && st.mode == modePlain {
				st.mode, moded = m, true
			}
			at += n
			continue
		}
		if st.window == windowNone {
			if n := sameTimes.length(s.toks, at); n > 0 && len(r.out.spec.GetTiming().GetReceptive()) > 0 {
				st.window, st.patterns = windowSlots, r.out.spec.GetTiming().GetReceptive()
				at += n
				continue
			}
		}
		if st.window == windowNone {
			if win, n := s.windowAt(at); n > 0 {
				st.window, st.minutes, st.slots = win.window, win.minutes, win.slots
				at += n
				continue
			}
			if m, n := s.momentAt(at, false); n > 0 && r.slotFits(s, numberAt, at, m, nouned) {
				m.from, m.to = at, at+n
				st.window, st.slots = windowSlots, []moment{m}
				for k := at; k < at+n; k++ {
					if w := s.text(k); w == "each" || w == "every" {
						st.slots = m.each()
					}
				}
				at += n
				continue
			}
		}
		if w == "in" && (s.text(at+1) == "total" || s.text(at+1) == "all") {
			at += 2
			continue
		}
		if nouns[w] || slack[w] {
			nouned = nouned || nouns[w] || w == "times" || w == "time"
			at++
			continue
		}
		if w == "," && commas == 0 { // "two, at most, a day"
			if _, n := postModes.match(s.toks, at+1); n > 0 && !s.numberFollows(at+1+n) {
				commas++
				at++
				continue
			}
			if (moded || st.count.lo != st.count.hi) && st.window == windowNone && at > i {
				if _, n := s.windowAt(at + 1); n > 0 {
					commas++
					at++
					continue
				}
			}
		}
		break
	}
	never := st.mode == modeNever
	st.finishMode(s, &at, any)
	if st.window == windowNone && r.field == fieldFrequency && s.text(at) == ":" {
		st.window = windowDay // "twice: after breakfast and before bed"
	}
	if st.window == windowNone && never && at < len(s.toks) && s.toks[at].kind != mark {
		return statement{}, 0 // "never two in a row"
	}
	if st.window == windowNone {
		if st.count.hi == 0 {
			st.window = windowDay
			if !st.counted {
				return statement{}, 0
			}
			return st, at - i
		}
		if r.field == fieldFrequency && !moded && !st.ideal && !r.inList(s, i) {
			st.floating = true
			return st, at - i
		}
		if r.field != fieldFrequency {
			return statement{}, 0
		}
		st.inherits = true
	}
	return st, at - i
}

// numberFollows reports a number or a length of time at token i: "at least"
// before it belongs to it and not to the number before.
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

// inList says that a number without a window stands in a list of such numbers
// or next to a statement that has one ("three a day, or four").
func (r *reader) inList(s *scanner, i int) bool {
	return r.last != nil && r.last.window != windowSlots && i > 0 && (s.text(i-1) == "," || s.text(i-1) == "or" || s.text(i-1) == "and") && i+2 >= len(s.toks)
}

// slotFits keeps "from 6 to 8 in the evening" and "around 8 at night" from being
// read as numbers of recommendations.
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

// finishMode settles "more than" and "less than" by what is said about it.
func (st *statement) finishMode(s *scanner, at *int, any bool) {
	switch st.mode {
	case modeMore:
		// "more than four a day" is what most people complain of; who wants more
		// says so before it ("I want more than four").
		switch {
		case st.wished && !any && !mentions(s, *at, len(s.toks), tooMuch):
			st.mode, st.count = modeLeast, span{st.count.lo + 1, st.count.hi + 1}
		case mentions(s, *at, len(s.toks), tooMuch) || s.consequence(*at):
			st.mode = modeMost
			*at = remarkEnd(s, *at, tooMuch)
		default:
			st.mode = modeUnclear // "more than five a day would be great"
		}
	case modeLess:
		if mentions(s, *at, len(s.toks), tooLittle) {
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

// consequence reports what comes of a number that is too large: "and I switch
// off", or nothing more at all.
func (s *scanner) consequence(at int) bool {
	if s.text(at) == "," {
		at++
	}
	w, next := s.text(at), s.text(at+1)
	return at >= len(s.toks) || w == "i" || (w == "and" || w == "then") && (next == "i" || next == "you" || next == "it")
}

// mentionsPhrase looks for one of two-word phrases before the next clause.
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

// near is how many words around a phrase are looked at for what is said of it;
// it keeps reading linear in the length of a text.
const near = 24

func mentions(s *scanner, from, to int, words map[string]bool) bool {
	for k := from; k < min(to, from+near); k++ {
		if words[s.text(k)] {
			return true
		}
	}
	return false
}

// remarkEnd returns the end of the clause in which one of the words stands.
func remarkEnd(s *scanner, at int, words map[string]bool) int {
	for k := at; k < min(len(s.toks), at+near); k++ {
		if words[s.text(k)] {
			return clauseEnd(s, k)
		}
	}
	return at
}

// bareWindow reads a rhythm without a number: "every two hours", "hourly".
func (r *reader) bareWindow(s *scanner, i, at int, st statement, moded bool) (statement, int) {
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
	any := false
	st.finishMode(s, &at, any)
	return st, at - i
}
