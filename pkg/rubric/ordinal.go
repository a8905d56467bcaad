package rubric

// Words of an ordinal: its number, what refuses it and what qualifies it before
// the article, and the articles.
var (
	ordinals        = map[string]float64{"third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10}
	ordinalRefusals = map[string]bool{"never": true, "not": true, "no": true}
	ordinalHedges   = map[string]bool{"exceptionally": true, "perhaps": true, "maybe": true, "at": true, "most": true, "possibly": true, "even": true, "occasionally": true}
	ordinalArticles = map[string]bool{"a": true, "an": true, "the": true, "any": true}
)

// ordinalRules read what follows the words of refusal and doubt; the first one
// that matches counts. read returns the token after the statement, 0 if the rule
// does not match.
var ordinalRules = []struct {
	name string
	read func(r *reader, s *scanner, at int, refused bool) (statement, int)
}{
	{"one more recommendation at a moment", (*reader).oneMore},
	{"an ordinal at a moment", (*reader).ordinalSequel},
	{"an ordinal as a limit", (*reader).ordinalLimit},
}

// ordinalAt reads "a fourth at most", "never a fifth" at token i: the last
// recommendation that is still accepted, or the first that is not. It returns
// the length in tokens, 0 if there is no ordinal.
func (r *reader) ordinalAt(s *scanner, i int) (statement, int) {
	if r.field != fieldFrequency {
		return statement{}, 0
	}
	at, refused := i, false
	for ; at < i+near; at++ {
		w := s.text(at)
		if !ordinalRefusals[w] && !ordinalHedges[w] {
			break
		}
		refused = refused || ordinalRefusals[w]
	}
	for _, rule := range ordinalRules {
		if st, end := rule.read(r, s, at, refused); end > 0 {
			return st, end - i
		}
	}
	return statement{}, 0
}

// oneMore reads "another one at dinner".
func (r *reader) oneMore(s *scanner, at int, refused bool) (statement, int) {
	n := sequels.length(s.toks, at)
	if n == 0 || refused {
		return statement{}, 0
	}
	return r.sequelUntil(s, at+n)
}

// ordinalSequel reads "a fourth at dinner".
func (r *reader) ordinalSequel(s *scanner, at int, refused bool) (statement, int) {
	if _, ok := ordinalNumber(s, at); !ok || refused {
		return statement{}, 0
	}
	return r.sequelUntil(s, at+2)
}

// sequelUntil is sequel, but returns the token after the moment.
func (r *reader) sequelUntil(s *scanner, at int) (statement, int) {
	st, n := r.sequel(s, at)
	if n == 0 {
		return statement{}, 0
	}
	return st, at + n
}

// ordinalLimit reads "a fourth at most" and "a fifth is too much" up to the end
// of the clause.
func (r *reader) ordinalLimit(s *scanner, at int, refused bool) (statement, int) {
	n, ok := ordinalNumber(s, at)
	if !ok {
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
	return statement{count: one(n), mode: modeMost, counted: true, inherits: true, daily: true}, end
}

// ordinalNumber reads an article and an ordinal that is no fraction of a unit of
// time: "a fourth", but not "a third hour".
func ordinalNumber(s *scanner, at int) (float64, bool) {
	if !ordinalArticles[s.text(at)] || isUnit(s.text(at+2)) {
		return 0, false
	}
	n, ok := ordinals[s.text(at+1)]
	return n, ok
}

// sequels lead to one more recommendation: "another one at dinner".
var sequels = phrases("sequels")

// sequel reads the moment of one more recommendation at token i. It returns the
// length in tokens, 0 if there is no moment.
func (r *reader) sequel(s *scanner, i int) (statement, int) {
	at := i
	for w := s.text(at); nouns[w] || w == "one" || w == "time"; w = s.text(at) {
		at++
	}
	m, n := s.momentAt(at, false)
	if n == 0 {
		return statement{}, 0
	}
	m.from, m.to = at, at+n
	return statement{count: one(1), counted: true, window: windowSlots, slots: []moment{m}}, at + n - i
}
