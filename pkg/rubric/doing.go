package rubric

import (
	"github.com/propersim/propersim/pkg/activity"
)

// activityAfter returns the activity whose phrase itself begins at the daypart
// ("morning paper"), which then wins over the daypart.
func activityAfter(s *scanner, at, n int) []string {
	kinds, k := activityWords.match(s.toks, at)
	if k > n {
		return kinds
	}
	return nil
}

// meals says that all kinds are sat down to, so that "over" and "with" fit.
func meals(kinds []string) bool {
	for _, k := range kinds {
		switch activity.Kind(k) {
		case activity.Breakfast, activity.Lunch, activity.Dinner, activity.Snack, activity.Meeting, activity.Phone:
		default:
			return false
		}
	}
	return len(kinds) > 0
}

// activityNear finds an activity behind words that only lead up to it: "I'm
// busy with my", "I have finished".
func (s *scanner) activityNear(i int) (moment, int) {
	over := false
	for k := i; k < len(s.toks) && k < i+9; k++ {
		if m, n := s.activityAt(k, k-i); n > 0 && !(over && endings[s.text(k)]) {
			if over {
				m.after, m.within = true, afterMinutes
			}
			return m, n
		}
		if endings[s.text(k)] {
			over = true
			continue
		}
		if m, n := s.daypartAt(k); n > 0 && k > i { // "after my morning coffee"
			if a, j := s.activityAt(k+n, k+n-i); j > 0 {
				if both, ok := m.and(a); ok {
					if over {
						both.after, both.within = true, afterMinutes
					}
					return both, j
				}
			}
			if s.text(k-1) == "is" { // "when it is late"
				return m, k + n - i
			}
			return moment{}, 0
		}
		if s.toks[k].kind != word || !padding[s.text(k)] {
			return moment{}, 0
		}
	}
	return moment{}, 0
}

// activityAt reads an activity phrase with what may trail it; skipped is added
// to the length.
func (s *scanner) activityAt(i, skipped int) (moment, int) {
	kinds, n := activityWords.match(s.toks, i)
	if n == 0 {
		return moment{}, 0
	}
	first := s.text(i)
	m := moment{kinds: kinds, gerund: len(first) > 4 && first[len(first)-3:] == "ing"}
	at := i + n
	if w := s.text(at - 1); kinds[0] == string(activity.Work) && (w == "work" || w == "working") && s.text(at) == "on" { // "working on my painting" is no paid work
		return s.workingOn(at+1, at+1-i+skipped)
	}
	if m.gerund {
		at = s.object(at)
	}
	if _, k := finals.match(s.toks, at); k > 0 && !(s.text(at+k-1) == "over" && kinds[0] == string(activity.Hosting)) {
		m.after, m.within = true, afterMinutes
		return m, at + k - i + skipped
	}
	for {
		_, k := trailers.match(s.toks, at)
		if k == 0 || !s.strict && s.deniesAt(at, k) {
			return m, s.tail(at) - i + skipped
		}
		at += k
	}
}

// deniesAt reports whether n tokens are a denial: among times, "breakfast in peace"
// refuses breakfast.
func (s *scanner) deniesAt(i, n int) bool {
	cue, k := cues.match(s.toks, i)
	return k >= n && cue == negative
}

// workingOn reads what somebody is working on; the verb alone does not say
// whether it is work.
func (s *scanner) workingOn(i, skipped int) (moment, int) {
	at := i
	for ; determiners[s.text(at)]; at++ {
	}
	for _, from := range [2]int{i, at} {
		kinds, n := activityWords.match(s.toks, from)
		if n > 0 {
			return moment{kinds: kinds, gerund: true}, s.tail(from+n) - i + skipped
		}
	}
	return moment{}, 0
}

var determiners = map[string]bool{"the": true, "my": true, "a": true, "an": true, "some": true, "our": true}

// tail skips with whom, where, on what or from what somebody does something: "on
// the phone with a customer", "relaxing in my chair", "resting from work".
func (s *scanner) tail(i int) int {
	if s.tails || !s.trails(i) || !s.strict && s.deniesAt(i, 2) {
		return i
	}
	s.tails = true
	next, n := s.simpleMoment(i, false)
	s.tails = false
	if n > 0 {
		if next.clock == nil && s.text(i) == "with" {
			return i + n
		}
		return i
	}
	for k := i + 1; k <= i+5; k++ {
		if n := activityWords.length(s.toks, k); n > 1 {
			k += n - 1 // "from washing and shaving"
			continue
		}
		if k == len(s.toks) || s.toks[k].kind == mark || separators.length(s.toks, k) > 0 {
			if k > i+1 {
				return k
			}
			return i
		}
		if s.toks[k].kind != word || weighty[s.text(k)] || isNumberWord(s.text(k)) || verbal[s.text(k)] {
			return i
		}
		if fillers[s.text(k)] && !possessives[s.text(k)] && !determiners[s.text(k)] && !s.trails(k) {
			return i
		}
		if _, n := cues.match(s.toks, k); n > 0 {
			return i
		}
	}
	return i
}

// trails reports a preposition that can lead to more about an activity. Among
// topics, "about" belongs to the activity only where the topic has been named.
func (s *scanner) trails(i int) bool {
	switch s.text(i) {
	case "with", "to", "of", "in", "at", "under", "making", "for", "from", "through":
		return true
	case "about", "on":
		return s.topical
	}
	return false
}

// object skips what a gerund is done to: "cooking dinner", "watering my roses".
func (s *scanner) object(i int) int {
	at := i
	for determiners[s.text(at)] {
		at++
	}
	if cue, n := cues.match(s.toks, at); n > 0 && cue == negative {
		return i // "when I'm baking, quiet time", perhaps without the comma
	}
	if _, n := activityWords.match(s.toks, at); n > 0 {
		if _, k := relations.match(s.toks, at); k == 0 {
			return at + n
		}
	}
	if at > i && at < len(s.toks) && s.toks[at].kind == word && (at+1 >= len(s.toks) || s.toks[at+1].kind == mark || s.text(at+1) == "or" || s.text(at+1) == "and") {
		return at + 1
	}
	return i
}
