package rubric

// countPhrase is one statement about frequency while it is read from left to right.
type countPhrase struct {
	*reader
	s        *scanner
	start    int // token at which the statement begins
	at       int // next token to read
	numberAt int // token at which the number begins
	st       statement

	bounded bool // "at most" or the like was read
	any     bool // "any" was read: "any more than four"
	nouned  bool // the noun of the number was read: "two tips"
	comma   bool // a comma was read behind the number
	never   bool // the number is refused: "never two"
}

// stopPhrase is the result of a phraseRule that ends the run of rules.
const stopPhrase = -1

// phraseRule reads one part of a statement at p.at. It returns the number of
// tokens it read, 0 if it does not apply, or stopPhrase.
type phraseRule struct {
	name string
	read func(p *countPhrase) int
}

// leadRules read what precedes a number. The first rule that applies reads
// its tokens, and the rules start again at the next token.
var leadRules = []phraseRule{
	{"a comma behind a bound", (*countPhrase).commaAfterBound},
	{"a bound before the number", (*countPhrase).boundBefore},
	{"a word that leads to a number", (*countPhrase).lead},
}

// tailRules read what follows a number, in the same way as leadRules.
// "A day" must come before moments, because both read "each morning".
var tailRules = []phraseRule{
	{"a bound behind the number", (*countPhrase).boundBehind},
	{"a reference to the times of the timing text", (*countPhrase).sameTimes},
	{"a window", (*countPhrase).window},
	{"a moment", (*countPhrase).moment},
	{"a total", (*countPhrase).total},
	{"a noun or a word without meaning of its own", (*countPhrase).noun},
	{"a comma before a bound", (*countPhrase).commaBeforeBound},
	{"a comma before a window", (*countPhrase).commaBeforeWindow},
}

// take applies the rules until none applies or token limit is reached.
func (p *countPhrase) take(rules []phraseRule, limit int) {
	for p.at < limit {
		n := 0
		for k := 0; k < len(rules) && n == 0; k++ {
			n = rules[k].read(p)
		}
		if n <= 0 {
			return
		}
		p.at += n
	}
}

// word returns the text of the token that is k tokens ahead.
func (p *countPhrase) word(k int) string { return p.s.text(p.at + k) }

// commaAfterBound reads the comma of "at most, two".
func (p *countPhrase) commaAfterBound() int {
	if p.word(0) == "," && p.bounded && p.at > p.start {
		return 1
	}
	return 0
}

// boundBefore reads "at most". A "more than" behind another bound changes
// nothing, because the first bound includes it: "no more than".
func (p *countPhrase) boundBefore() int {
	m, n := preModes.match(p.s.toks, p.at)
	if n == 0 {
		return 0
	}
	if m == modeMore && p.word(0) == "over" && !p.bounded && !p.any {
		if _, k := countAt(p.s, p.at+1); k == 0 {
			return stopPhrase // "over lunch"
		}
	}
	if !p.bounded || m != modeMore {
		p.st.mode = m
	}
	p.bounded = true
	return n
}

// lead reads "about", "ideally" or "any", unless the word begins a window.
func (p *countPhrase) lead() int {
	lead, n := leads.match(p.s.toks, p.at)
	if n == 0 {
		return 0
	}
	if _, k := p.s.windowAt(p.at); k > 0 && lead != "ideal" {
		return stopPhrase
	}
	p.st.about = p.st.about || lead == "about"
	p.st.ideal = p.st.ideal || lead == "ideal"
	p.any = p.any || lead == "any"
	return n
}

// behindAt returns the bound at token i, unless it belongs to a number after it.
func (p *countPhrase) behindAt(i int) (mode, int) {
	m, n := postModes.match(p.s.toks, i)
	if n == 0 || p.s.numberFollows(i+n) {
		return modePlain, 0
	}
	return m, n
}

// boundBehind reads "at most" behind the number. The first bound counts.
func (p *countPhrase) boundBehind() int {
	m, n := p.behindAt(p.at)
	if n == 0 || m == modePlain && p.word(n) == "than" {
		return 0
	}
	if m != modePlain && p.st.mode == modePlain {
		p.st.mode, p.bounded = m, true
	}
	return n
}

// sameTimes reads "at those times", which are the moments of the timing text.
func (p *countPhrase) sameTimes() int {
	receptive := p.out.spec.GetTiming().GetReceptive()
	if p.st.window != windowNone || len(receptive) == 0 {
		return 0
	}
	n := sameTimes.length(p.s.toks, p.at)
	if n > 0 {
		p.st.window, p.st.patterns = windowSlots, receptive
	}
	return n
}

// window reads "a day" or "every two hours".
func (p *countPhrase) window() int {
	if p.st.window != windowNone {
		return 0
	}
	win, n := p.s.windowAt(p.at)
	if n > 0 {
		p.st.window, p.st.minutes, p.st.slots = win.window, win.minutes, win.slots
	}
	return n
}

// moment reads "after dinner". With "each" or "every" in it, the number counts
// for each of several activities.
func (p *countPhrase) moment() int {
	if p.st.window != windowNone {
		return 0
	}
	m, n := p.s.momentAt(p.at, false)
	if n == 0 || !p.slotFits(p.s, p.numberAt, p.at, m, p.nouned) {
		return 0
	}
	m.from, m.to = p.at, p.at+n
	p.st.window, p.st.slots = windowSlots, []moment{m}
	for k := range n {
		if w := p.word(k); w == "each" || w == "every" {
			p.st.slots = m.each()
		}
	}
	return n
}

// total reads "in total" and "in all".
func (p *countPhrase) total() int {
	if p.word(0) == "in" && (p.word(1) == "total" || p.word(1) == "all") {
		return 2
	}
	return 0
}

// noun reads "tips", "times" and words such as "short".
func (p *countPhrase) noun() int {
	w := p.word(0)
	if !nouns[w] && !slack[w] || reasons.length(p.s.toks, p.at) > 0 { // "a day so I can rest"
		return 0
	}
	p.nouned = p.nouned || nouns[w] || w == "times" || w == "time"
	return 1
}

// commaBeforeBound reads the first comma of "two, at most, a day".
func (p *countPhrase) commaBeforeBound() int {
	if p.word(0) != "," || p.comma {
		return 0
	}
	if _, n := p.behindAt(p.at + 1); n == 0 {
		return 0
	}
	p.comma = true
	return 1
}

// commaBeforeWindow reads the comma of "at most two, each day".
func (p *countPhrase) commaBeforeWindow() int {
	if p.word(0) != "," || p.comma || p.st.window != windowNone || p.at <= p.start {
		return 0
	}
	if !p.bounded && p.st.count.lo == p.st.count.hi {
		return 0
	}
	if _, n := p.s.windowAt(p.at + 1); n == 0 {
		return 0
	}
	p.comma = true
	return 1
}

// endRule says what becomes of a statement whose words have all been read.
type endRule struct {
	name    string
	applies func(p *countPhrase) bool
	settle  func(st *statement) // nil: there is no statement
}

// endRules find the window of a number. The first rule that applies decides.
var endRules = []endRule{
	{"a window was said", func(p *countPhrase) bool { return p.st.window != windowNone }, func(*statement) {}},
	// "twice: after breakfast and before bed"
	{"a colon begins the times of the day", func(p *countPhrase) bool {
		return p.field == fieldFrequency && p.word(0) == ":"
	}, (*statement).perDay},
	// "never two in a row"
	{"more is said of a refused number", func(p *countPhrase) bool {
		return p.never && p.at < len(p.s.toks) && p.s.toks[p.at].kind != mark
	}, nil},
	{"none without a number is no statement", func(p *countPhrase) bool {
		return p.st.count.hi == 0 && !p.st.counted
	}, nil},
	{"none means none a day", func(p *countPhrase) bool { return p.st.count.hi == 0 }, (*statement).perDay},
	{"a plain number may belong to the moment before it", func(p *countPhrase) bool {
		return p.field == fieldFrequency && !p.bounded && !p.st.ideal && !p.inList(p.s, p.start)
	}, func(st *statement) { st.floating = true }},
	{"other texts need a window", func(p *countPhrase) bool { return p.field != fieldFrequency }, nil},
	{"the window is that of the statement before", func(*countPhrase) bool { return true }, func(st *statement) { st.inherits = true }},
}

func (st *statement) perDay() { st.window = windowDay }

// end returns the statement that was read and its number of tokens.
func (p *countPhrase) end() (statement, int) {
	for _, rule := range endRules {
		if !rule.applies(p) {
			continue
		}
		if rule.settle == nil {
			break
		}
		rule.settle(&p.st)
		return p.st, p.at - p.start
	}
	return statement{}, 0
}
