package rubric

// unlimited are ways to leave the number to the speaker.
var unlimited = newLexicon(map[string]bool{
	"as often as you like": true, "as often as you want": true, "as often as you please": true, "as many as you like": true, "as many as you want": true, "as much as you like": true, "as often as possible": true, "no limit": true, "without limit": true, "as often as it makes sense": true, "as often as needed": true, "any number": true,
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
