package rubric

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
	for at < start+near {
		w := s.text(at)
		if names, begins := distances[w]; begins {
			lead = lead || names
			at++
			continue
		}
		if lead || w == "leave" || w == "space" || at > start {
			if m, n := preModes.match(s.toks, at); n > 0 {
				st.mode, at = m, at+n
				continue
			}
			if distanceFillers[w] || w == "a" && !isUnit(s.text(at+1)) {
				at++
				continue
			}
		}
		if w == "a" && distances[s.text(at+1)] {
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
			for nouns[s.text(end)] || betweenWords[s.text(end)] || s.text(end) == "and" && s.text(end+1) == "the" {
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

// distances begin a distance in time; the value says whether they also name it,
// so that no "apart" is needed.
var distances = map[string]bool{
	"gap": true, "pause": true, "break": true, "interval": true, "intervals": true, "distance": true, "wait": true, "spaced": true, "spacing": true,
	"leave": false, "space": false,
}

// distanceFillers may stand between a distance and its length, and betweenWords
// behind it, for what lies between.
var (
	distanceFillers = map[string]bool{"of": true, "them": true, "about": true, "around": true, "roughly": true, "me": true, "for": true, "it": true, "out": true}
	betweenWords    = map[string]bool{"them": true, "two": true, "one": true, "the": true, "next": true, "each": true, "any": true, "your": true, "last": true, "another": true, "from": true, "other": true}
)

func isUnit(w string) bool { _, ok := unitMinutes[w]; return ok }
