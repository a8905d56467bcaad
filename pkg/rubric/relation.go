package rubric

// relation says how a moment lies to what it is named by.
type relation uint8

const (
	relNone relation = iota
	relDuring
	relWhen
	relAfter
	relRightAfter
	relBefore
	relUntil
	relAround
	relAt
	relFrom
	relBetween
	relIn
)

// related reads what follows a relation word.
func (s *scanner) related(i int, rel relation) (moment, int) {
	switch rel {
	case relBetween:
		return s.between(i)
	case relFrom:
		return s.fromClock(i)
	case relAfter, relRightAfter:
		return s.afterSomething(i, rel)
	case relBefore, relUntil:
		return s.beforeSomething(i)
	case relAround:
		return s.aroundSomething(i)
	case relAt:
		if w, n := writtenAt(s.toks, i, true); n > 0 {
			at, unsure := w.settle(s.uses24)
			return moment{clock: about(at, atMinutes), unsure: unsure}, n
		}
	}
	skipped := i
	for skipped < i+3 && (s.text(skipped) == "the" || s.text(skipped) == "my" || s.text(skipped) == "an" || s.text(skipped) == "a" || s.text(skipped) == "it" || s.text(skipped) == "is" || s.text(skipped) == "every" || s.text(skipped) == "each") {
		skipped++
	}
	if m, n := s.daypartAt(skipped); n > 0 && len(activityAfter(s, skipped, n)) == 0 {
		n += s.roundOf(skipped + n)
		if a, k := s.activityAt(skipped+n, 0); k > 0 {
			if both, ok := m.and(a); ok {
				return both, skipped + n + k - i
			}
		}
		return m, skipped + n - i
	}
	if rel == relIn || rel == relAt {
		// "in", "on" and "at" lead to an activity only by their own phrases or
		// an article: "at lunch", "on the phone", "over dinner", "in meetings".
		if m, n := s.activityAt(i-1, 0); n > 1 {
			return m, n - 1
		}
		m, n := s.activityAt(skipped, skipped-i)
		if s.strict && !meals(m.kinds) {
			return moment{}, 0
		}
		return m, n
	}
	return s.activityNear(i)
}

// measured reads "within an hour of dinner", "in the half hour after lunch",
// "for ten minutes after waking", "the hour before bed".
func (s *scanner) measured(i int) (moment, int) {
	at := i
	switch s.text(at) {
	case "within", "in", "for", "during", "inside":
		at++
	case "up":
		if s.text(at+1) != "to" {
			return moment{}, 0
		}
		at += 2
	}
	for w := s.text(at); w == "the" || w == "first" || w == "about" || w == "roughly" || w == "last" || w == "my"; w = s.text(at) {
		at++
	}
	d, n := durationAt(s.toks, at, at > i)
	if n == 0 {
		return moment{}, 0
	}
	at += n
	for w := s.text(at); w == "or" && s.text(at+1) == "so"; w = s.text(at) {
		at += 2
	}
	if w := s.text(at); w == "right" || w == "just" || w == "straight" {
		at++
	}
	switch w := s.text(at); {
	case w == "after" || w == "following" || w == "of" || w == "once":
		m, n := s.activityNear(at + 1)
		if n == 0 || m.kinds == nil {
			return moment{}, 0
		}
		m.after, m.within = true, min(round(d.hi), 1440)
		return m, at + 1 + n - i
	case w == "before":
		m, n := s.beforeSomething(at + 1)
		if n == 0 || m.clock == nil {
			return moment{}, 0
		}
		m.clock = &interval{(m.clock.to - min(round(d.hi), 1380) + 1440) % 1440, m.clock.to}
		return m, at + 1 + n - i
	}
	return moment{}, 0
}

func (s *scanner) afterSomething(i int, rel relation) (moment, int) {
	within := int32(afterMinutes)
	if rel == relRightAfter {
		within = rightAfter
	}
	if w, n := writtenAt(s.toks, i, true); n > 0 {
		at, unsure := w.settle(s.uses24)
		return moment{clock: &interval{at % 1440, dayEnd}, openTo: true, unsure: unsure}, n
	}
	if s.text(i) == "dark" || s.text(i) == "nightfall" {
		return moment{clock: &interval{hm(19, 0), dayEnd}, openTo: true}, 1
	}
	if m, n := s.activityNear(i); n > 0 && m.kinds != nil {
		m.after, m.within = true, within
		return m, n
	}
	at := i
	for s.text(at) == "the" || s.text(at) == "my" {
		at++
	}
	if m, n := s.daypartAt(at); n > 0 && m.clock.to > m.clock.from {
		return moment{clock: &interval{m.clock.to, dayEnd}, openTo: true}, at + n - i
	}
	return moment{}, 0
}

func (s *scanner) beforeSomething(i int) (moment, int) {
	if w, n := writtenAt(s.toks, i, true); n > 0 {
		at, unsure := w.settle(s.uses24)
		if at == 0 {
			at = 1440
		}
		_ = unsure // a bare morning hour after "before" is not in doubt
		return moment{clock: &interval{0, at}}, n
	}
	at := i
	for s.text(at) == "the" || s.text(at) == "my" || s.text(at) == "our" || s.text(at) == "i" && s.text(at+1) == "have" {
		at++
	}
	for _, from := range [2]int{i, at} {
		if v, n := befores.match(s.toks, from); n > 0 {
			return moment{clock: &interval{v.from, v.to}, daypart: true}, from + n - i
		}
	}
	if m, n := s.daypartAt(at); n > 0 && m.clock.from > 0 && activityWords.length(s.toks, at+n) == 0 {
		return moment{clock: &interval{0, m.clock.from}}, at + n - i
	}
	return moment{}, 0
}

func (s *scanner) aroundSomething(i int) (moment, int) {
	if m, n := s.clockRange(i, true); n > 0 {
		return m, n
	}
	if w, n := writtenAt(s.toks, i, true); n > 0 {
		if w.meridiem == "" && !w.full && s.toks[i].kind != clock {
			// "about five a day", "around 8": only a plain hour at the end of a
			// thought is a time.
			if next := s.text(i + n); next != "" && s.toks[i+n].kind == word && next != "or" && next != "and" && next != "is" {
				return moment{}, 0
			}
		}
		at, unsure := w.settle(s.uses24)
		return moment{clock: about(at, aroundMinutes), unsure: unsure}, n
	}
	at := i
	for s.text(at) == "the" || s.text(at) == "my" || s.text(at) == "our" {
		at++
	}
	if v, n := arounds.match(s.toks, at); n > 0 {
		for s.text(at+n) == "time" || s.text(at+n) == "break" || s.text(at+n) == "hour" {
			n++
		}
		return moment{clock: &interval{v.from, v.to}, daypart: true}, at + n - i
	}
	if m, n := s.daypartAt(at); n > 0 {
		return m, at + n - i
	}
	return moment{}, 0
}
