package rubric

var ordinals = map[string]float64{"third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10}

// ordinalAt reads "a fourth at most", "never a fifth": the last one that is
// still accepted, or the first that is not.
func (r *reader) ordinalAt(s *scanner, i int) (statement, int) {
	if r.field != fieldFrequency {
		return statement{}, 0
	}
	at, refused := i, false
	for at < i+near {
		w := s.text(at)
		if w == "never" || w == "not" || w == "no" {
			refused = true
		} else if w != "exceptionally" && w != "perhaps" && w != "maybe" && w != "at" && w != "most" && w != "possibly" && w != "even" && w != "occasionally" {
			break
		}
		at++
	}
	if n := sequels.length(s.toks, at); n > 0 && !refused {
		if st, k := r.sequel(s, at+n); k > 0 {
			return st, at + n + k - i
		}
	}
	if w := s.text(at); w != "a" && w != "an" && w != "the" && w != "any" {
		return statement{}, 0
	}
	n, ok := ordinals[s.text(at+1)]
	if !ok || isUnit(s.text(at+2)) {
		return statement{}, 0
	}
	at += 2
	if !refused {
		if st, k := r.sequel(s, at); k > 0 {
			return st, at + k - i
		}
	}
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

// sequels lead to one more recommendation: "another one at dinner".
var sequels = phrases("sequels")

// sequel reads the slot of one more recommendation.
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
