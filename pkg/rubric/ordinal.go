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
