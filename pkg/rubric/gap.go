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
