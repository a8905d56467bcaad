package rubric

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
			r.warn(r.name(s, i, i+n), "names no number; say how often")
			return chunk{kind: chunkReason, to: i + n}, true
		}
	}
	st, n := r.statementAt(s, i)
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
	if n == 0 || r.field == fieldTiming && (!st.counted || st.inherits || st.window == windowNone) {
		return chunk{}, false
	}
	st.phrase = r.name(s, i, i+n)
	for k := range st.slots {
		st.names = append(st.names, r.name(s, st.slots[k].from, st.slots[k].to))
	}
	return chunk{kind: chunkCount, to: i + n, stmt: &st}, true
}

// unlimited are ways to leave the number to the speaker.
var unlimited = newLexicon(map[string]bool{
	"as often as you like": true, "as often as you want": true, "as often as you please": true, "as many as you like": true, "as many as you want": true, "as much as you like": true, "as often as possible": true, "no limit": true, "without limit": true, "as often as it makes sense": true, "as often as needed": true, "any number": true,
})

// afterMoment says that the last thing told was a time: "after dinner, one".
func afterMoment(before []chunk) bool {
	for k := len(before) - 1; k >= 0; k-- {
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
	for {
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
	for at < len(s.toks) {
		w := s.text(at)
		if m, n := postModes.match(s.toks, at); n > 0 && !(m == modePlain && s.text(at+n) == "than") {
			if m != modePlain {
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
			if m, n := s.momentAt(at, false); n > 0 && !m.always && r.slotFits(s, numberAt, at, m, nouned) {
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
		if nouns[w] || slack[w] {
			nouned = nouned || nouns[w] || w == "times" || w == "time"
			at++
			continue
		}
		if w == "," && commas == 0 { // "two, at most, a day"
			if _, n := postModes.match(s.toks, at+1); n > 0 {
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

// inList says that a number without a window stands in a list of such numbers
// or next to a statement that has one ("three a day, or four").
func (r *reader) inList(s *scanner, i int) bool {
	return r.last != nil && r.last.window != windowSlots && i > 0 && (s.text(i-1) == "," || s.text(i-1) == "or" || s.text(i-1) == "and") && i+2 >= len(s.toks)
}

// slotFits keeps "from 6 to 8 in the evening" and "around 8 at night" from being
// read as numbers of recommendations.
func (r *reader) slotFits(s *scanner, numberAt, at int, m moment, nouned bool) bool {
	if nouned || m.kinds != nil {
		return true
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
		if st.wished && !any && !mentions(s, *at, len(s.toks), tooMuch) {
			st.mode, st.count = modeLeast, span{st.count.lo + 1, st.count.hi + 1}
		} else {
			st.mode = modeMost
			*at = remarkEnd(s, *at, tooMuch)
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

// mentionsPhrase looks for one of two-word phrases before the next clause.
func mentionsPhrase(s *scanner, at int, phrases ...string) bool {
	for end := clauseEnd(s, at); at+1 < end; at++ {
		if w := s.text(at); w == "and" || w == "or" {
			return false
		}
		for _, p := range phrases {
			if s.text(at)+" "+s.text(at+1) == p {
				return true
			}
		}
	}
	return false
}

func mentions(s *scanner, from, to int, words map[string]bool) bool {
	for k := from; k < to; k++ {
		if words[s.text(k)] {
			return true
		}
	}
	return false
}

// remarkEnd returns the end of the clause in which one of the words stands.
func remarkEnd(s *scanner, at int, words map[string]bool) int {
	for k := at; k < len(s.toks); k++ {
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

// gapAt reads a distance in time: "at least two hours apart", "never more than
// four hours without a word".
func (r *reader) gapAt(s *scanner, at int, st *statement) int {
	if r.field != fieldFrequency {
		return 0
	}
	start := at
	lead := false
	if n := closerThan.length(s.toks, at); n > 0 {
		lead, at = true, at+n
		st.mode = modePlain
	}
	for {
		w := s.text(at)
		if w == "gap" || w == "pause" || w == "break" || w == "interval" || w == "intervals" || w == "distance" || w == "wait" || w == "leave" || w == "spaced" || w == "space" || w == "spacing" {
			if w != "leave" && w != "space" {
				lead = true
			}
			at++
			continue
		}
		if lead || w == "leave" || w == "space" || at > start {
			if m, n := preModes.match(s.toks, at); n > 0 {
				st.mode, at = m, at+n
				continue
			}
			if w == "of" || w == "a" && !isUnit(s.text(at+1)) || w == "them" || w == "about" || w == "around" || w == "roughly" || w == "me" || w == "for" || w == "it" || w == "out" {
				at++
				continue
			}
		}
		if w == "a" && (s.text(at+1) == "gap" || s.text(at+1) == "pause" || s.text(at+1) == "break" || s.text(at+1) == "interval" || s.text(at+1) == "distance") {
			at++
			continue
		}
		break
	}
	if k, n := preModes.match(s.toks, at); n > 0 && at > start {
		st.mode, at = k, at+n
	}
	d, n := durationAt(s.toks, at, false)
	if n == 0 || d.hi > 1440 {
		return 0
	}
	at += n
	apart := lead
	end := at
	for k := at; k < at+8 && k < len(s.toks); k++ {
		switch s.text(k) {
		case "apart", "between", "inbetween", "since":
			apart = true
			end = k + 1
			// what lies between them is no rule
			for nouns[s.text(end)] || s.text(end) == "them" || s.text(end) == "two" || s.text(end) == "one" || s.text(end) == "and" && (s.text(end+1) == "the") || s.text(end) == "the" || s.text(end) == "next" || s.text(end) == "each" || s.text(end) == "any" || s.text(end) == "your" || s.text(end) == "last" || s.text(end) == "another" || s.text(end) == "from" || s.text(end) == "other" {
				end++
			}
		case ",":
			k = len(s.toks)
		}
		if apart && !lead {
			break
		}
	}
	switch {
	case st.mode == modeMost: // at most so long without one
		st.mode, st.count, st.minutes = modeLeast, one(1), d
		end = clauseEnd(s, at)
	case apart:
		if st.mode == modeLeast || d.hi == d.lo {
			st.mode = modeMost
		}
		st.count, st.minutes = one(1), d
	default:
		return 0
	}
	if m, n := postModes.match(s.toks, end); n > 0 && m == modeLeast {
		end += n
	} else if s.text(end) == "or" && s.text(end+1) == "more" {
		end += 2
	}
	st.gap, st.window, st.counted = true, windowTrailing, true
	return end - start
}

func isUnit(w string) bool { _, ok := unitMinutes[w]; return ok }

// countAt reads how many: "once", "twice", "three times", "one or two".
func countAt(s *scanner, i int) (span, int) {
	c, n := singleCount(s, i)
	if n == 0 {
		return rangeCount(s, i)
	}
	link := 0
	if s.text(i+n) == "-" {
		link = 1
	} else if _, k := rangeLinks.match(s.toks, i+n); k > 0 {
		link = k
	}
	if link > 0 {
		if hi, k := singleCount(s, i+n+link); k > 0 && hi.hi > c.lo {
			if s.text(i+n+link+k) == "-" { // "one-to-two-hour": no count
				return c, n
			}
			return span{c.lo, hi.hi}, n + link + k
		}
	}
	return c, n
}

func rangeCount(s *scanner, i int) (span, int) {
	if w := s.text(i); w != "between" && w != "from" {
		return span{}, 0
	}
	c, n := rangeAt(s.toks, i)
	if n == 0 {
		return c, 0
	}
	if s.text(i+n) == "times" || s.text(i+n) == "x" {
		n++
	}
	return c, n
}

func singleCount(s *scanner, i int) (span, int) {
	switch s.text(i) {
	case "once":
		return one(1), 1
	case "twice":
		return one(2), 1
	case "thrice":
		return one(3), 1
	case "none":
		return one(0), 1
	case "no":
		if w := s.text(i + 1); nouns[w] && w != "one" && w != "you" && w != "thing" && w != "things" {
			return one(0), 1
		}
	}
	v, n := numberAt(s.toks, i)
	if n == 0 || v.lo != float64(int(v.lo)) {
		return span{}, 0
	}
	if w := s.text(i + n); w == "times" || w == "time" || w == "x" || w == "×" {
		n++
	}
	return v, n
}

var closerThan = newLexicon(map[string]bool{
	"never closer together than": true, "never closer than": true, "not closer than": true, "no closer than": true, "not closer together than": true, "no closer together than": true, "never nearer than": true, "not nearer than": true, "no nearer than": true, "no sooner than": true, "not sooner than": true, "never sooner than": true,
})

// sameTimes refer to the moments named in the text about timing.
var sameTimes = newLexicon(map[string]bool{
	"at each of those times": true, "at each of these times": true, "at each of them": true, "in each of them": true, "in each of those": true, "in each of these": true, "at each of those moments": true, "in each of those slots": true, "in each slot": true, "in each window": true, "at each time": true, "in each of those windows": true, "for each of those times": true, "at every one of those times": true, "at each of those": true, "in each of those times": true, "for each of them": true, "per slot": true, "per window": true, "each time slot": true, "in each of those hours": true,
})

var ordinals = map[string]float64{"third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10}

// ordinalAt reads "a fourth at most", "never a fifth": the last one that is
// still accepted, or the first that is not.
func (r *reader) ordinalAt(s *scanner, i int) (statement, int) {
	if r.field != fieldFrequency {
		return statement{}, 0
	}
	at, refused := i, false
	for {
		w := s.text(at)
		if w == "never" || w == "not" || w == "no" {
			refused = true
		} else if w != "exceptionally" && w != "perhaps" && w != "maybe" && w != "at" && w != "most" && w != "possibly" && w != "even" && w != "occasionally" {
			break
		}
		at++
	}
	if w := s.text(at); w != "a" && w != "an" && w != "the" && w != "any" {
		return statement{}, 0
	}
	n, ok := ordinals[s.text(at+1)]
	if !ok || isUnit(s.text(at+2)) {
		return statement{}, 0
	}
	at += 2
	end := clauseEnd(s, at)
	for k := at; k < end; k++ {
		w := s.text(k)
		if w == "and" {
			end = k
			break
		}
		refused = refused || w == "not" || w == "never" || tooMuch[w] && w != "bad"
	}
	if refused {
		n--
	}
	return statement{count: one(n), mode: modeMost, counted: true, inherits: true, daily: true}, end - i
}
