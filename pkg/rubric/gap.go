package rubric

// gapAt reads a distance in time at token at: "at least two hours apart", "never
// more than four hours without a word". It fills st and returns the length in
// tokens, 0 if there is no distance.
func (r *reader) gapAt(s *scanner, at int, st *statement) int {
	if r.field != fieldFrequency {
		return 0
	}
	g := gapReader{s: s, st: st, start: at, at: at}
	g.readLead()
	d, n := durationAt(s.toks, g.at, false)
	if n == 0 || d.hi > 1440 {
		return 0
	}
	g.at += n
	end, ok := g.bound(d)
	if !ok {
		return 0
	}
	if m, n := postModes.match(s.toks, end); n > 0 && m == modeLeast {
		end += n
	} else if s.text(end) == "or" && s.text(end+1) == "more" {
		end += 2
	}
	st.gap, st.window, st.counted = true, windowTrailing, true
	return end - g.start
}

// gapReader is what gapAt knows while it reads one distance.
type gapReader struct {
	s     *scanner
	st    *statement
	start int
	at    int  // the next token
	lead  bool // a word named the distance, so that no "apart" is needed
}

// readLead reads what precedes the length of the distance.
func (g *gapReader) readLead() {
	if n := closerThan.length(g.s.toks, g.at); n > 0 {
		g.lead, g.at = true, g.at+n
		g.st.mode = modePlain
	}
	for g.at < g.start+near {
		n := g.leadLength()
		if n == 0 {
			break
		}
		g.at += n
	}
	if g.at > g.start {
		g.at += g.readBound()
	}
}

// leadLength applies the first lead rule that matches and returns its length.
func (g *gapReader) leadLength() int {
	for _, rule := range gapLeadRules {
		if n := rule.read(g); n > 0 {
			return n
		}
	}
	return 0
}

// readBound reads "at least" and returns its length in tokens.
func (g *gapReader) readBound() int {
	m, n := preModes.match(g.s.toks, g.at)
	if n > 0 {
		g.st.mode = m
	}
	return n
}

// bound turns the length d into a bound of the statement. It returns the token
// after the distance, and false if the text names a length but no distance.
func (g *gapReader) bound(d span) (int, bool) {
	end, apart := g.apart()
	switch {
	case g.st.mode == modeMost: // at most this long without a recommendation
		g.st.mode = modeLeast
		end = clauseEnd(g.s, g.at)
	case !apart:
		return 0, false
	case g.st.mode == modeLeast || d.hi == d.lo:
		g.st.mode = modeMost
	}
	g.st.count, g.st.minutes = one(1), d
	return end, true
}

// apart looks for "apart" within eight tokens after the length, up to a reason. It returns the
// token after the distance, and whether the text names a distance at all.
func (g *gapReader) apart() (int, bool) {
	end, apart := g.at, g.lead
	for k := g.at; k < min(g.at+8, len(g.s.toks)) && g.s.text(k) != "," && reasons.length(g.s.toks, k) == 0; k++ {
		if !apartWords[g.s.text(k)] {
			continue
		}
		end, apart = g.skipBetween(k+1), true
		if !g.lead {
			break
		}
	}
	return end, apart
}

// skipBetween skips the words for what the distance lies between: they make no
// rule.
func (g *gapReader) skipBetween(i int) int {
	for nouns[g.s.text(i)] || betweenWords[g.s.text(i)] || g.s.text(i) == "and" && g.s.text(i+1) == "the" {
		i++
	}
	return i
}

func isUnit(w string) bool { _, ok := unitMinutes[w]; return ok }
