package rubric

func (s *scanner) daypartAt(i int) (moment, int) {
	v, n := dayparts.match(s.toks, i)
	if n == 0 {
		return moment{}, 0
	}
	return moment{clock: &interval{v.from, v.to}, daypart: true}, n
}

// clockRange reads "6-9am", "18:00 to 20:00", "8pm" without a relation word; a
// single time needs a mark of time (am, pm, a colon), unless lone is false.
func (s *scanner) clockRange(i int, lone bool) (moment, int) {
	a, n := writtenAt(s.toks, i, true)
	if n == 0 {
		return moment{}, 0
	}
	at := i + n
	if w := s.text(at); w == "to" || w == "until" || w == "till" || w == "-" || w == "through" || w == "—" {
		b, k := writtenAt(s.toks, at+1, true)
		if k > 0 && (s.isTime(i, n, a) || s.isTime(at+1, k, b)) {
			return s.pair(a, b), at + 1 + k - i
		}
	}
	if lone || !s.isTime(i, n, a) {
		return moment{}, 0
	}
	v, unsure := a.settle(s.uses24)
	return moment{clock: about(v, atMinutes), unsure: unsure}, n
}

// plainRange reads "10 to 12" where only a time fits.
func (s *scanner) plainRange(i int) (moment, int) {
	a, n := writtenAt(s.toks, i, true)
	if n == 0 {
		return moment{}, 0
	}
	at := i + n
	if w := s.text(at); w != "to" && w != "-" && w != "until" && w != "till" {
		return moment{}, 0
	}
	b, k := writtenAt(s.toks, at+1, true)
	if k == 0 || s.unitFollows(at+1+k) || s.toks[i].kind != number && b.meridiem == "" {
		return moment{}, 0
	}
	return s.pair(a, b), at + 1 + k - i
}

// isTime reports a written time that cannot be a plain number.
func (s *scanner) isTime(i, n int, w written) bool {
	if w.meridiem != "" {
		// "two in the morning" counts things without am, pm or a colon.
		last := s.text(i + n - 1)
		if last == "am" || last == "pm" {
			return true
		}
	}
	for k := i; k < i+n; k++ {
		if s.toks[k].kind == clock || s.text(k) == "oclock" || s.text(k) == "past" || s.text(k) == "noon" || s.text(k) == "midnight" {
			return true
		}
	}
	return false
}

// between reads "between 6 and 9 am", "between lunch and dinner", "between
// meetings".
func (s *scanner) between(i int) (moment, int) {
	start := i
	for s.text(i) == "about" || s.text(i) == "around" || s.text(i) == "roughly" {
		i++
	}
	if a, n := writtenAt(s.toks, i, true); n > 0 {
		at := i + n
		if w := s.text(at); w == "and" || w == "to" || w == "-" || w == "till" || w == "until" {
			if b, k := writtenAt(s.toks, at+1, true); k > 0 {
				if !s.unitFollows(at + 1 + k) {
					return s.pair(a, b), at + 1 + k - start
				}
			}
		}
	}
	if a, n := s.anchorAt(i); n > 0 && (s.text(i+n) == "and" || s.text(i+n) == "to") {
		if b, k := s.anchorAt(i + n + 1); k > 0 {
			return moment{clock: &interval{a.to % 1440, b.from}, daypart: true}, i + n + 1 + k - start
		}
	}
	if m, n := s.activityAt(i, 0); n > 0 && s.text(i+n) != "and" {
		m.after, m.within = true, afterMinutes
		return m, i + n - start
	}
	return moment{}, 0
}

// unitFollows says that the numbers before i count something: "a day", "times".
func (s *scanner) unitFollows(i int) bool {
	switch s.text(i) {
	case "a", "per", "each", "every", "times", "an", "minutes", "hours", "daily", "words", "sentences", "suggestions", "recommendations", "tips":
		return true
	}
	return nouns[s.text(i)]
}

func (s *scanner) anchorAt(i int) (interval, int) {
	start := i
	for s.text(i) == "my" || s.text(i) == "the" || s.text(i) == "about" || s.text(i) == "around" {
		i++
	}
	if v, n := anchors.match(s.toks, i); n > 0 {
		return v, i + n - start
	}
	if w, n := writtenAt(s.toks, i, false); n > 0 {
		at, _ := w.settle(s.uses24)
		return interval{at % 1440, at}, i + n - start
	}
	return interval{}, 0
}

// fromClock reads "from 18:00 to 20:00", "from 7 pm on", "from breakfast until
// noon".
func (s *scanner) fromClock(i int) (moment, int) {
	start := i
	for s.text(i) == "about" || s.text(i) == "around" || s.text(i) == "roughly" {
		i++
	}
	if a, n := writtenAt(s.toks, i, true); n > 0 {
		at := i + n
		if w := s.text(at); w == "to" || w == "until" || w == "till" || w == "-" || w == "through" {
			at++
			for s.text(at) == "about" || s.text(at) == "around" || s.text(at) == "roughly" {
				at++
			}
			if b, k := writtenAt(s.toks, at, true); k > 0 && !s.unitFollows(at+k) {
				return s.pair(a, b), at + k - start
			}
			if b, k := s.anchorAt(at); k > 0 {
				from, unsure := a.settle(s.uses24)
				return moment{clock: &interval{from % 1440, b.from}, unsure: unsure}, at + k - start
			}
			return moment{}, 0
		}
		if s.unitFollows(at) {
			return moment{}, 0
		}
		from, unsure := a.settle(s.uses24)
		return moment{clock: &interval{from % 1440, dayEnd}, openTo: true, unsure: unsure}, s.onwards(at) - start
	}
	if a, n := s.anchorAt(i); n > 0 {
		at := i + n
		if w := s.text(at); w == "to" || w == "until" || w == "till" {
			if b, k := s.anchorAt(at + 1); k > 0 {
				return moment{clock: &interval{a.from % 1440, b.from}, daypart: true}, at + 1 + k - start
			}
		}
		if end := s.onwards(at); end > at {
			return moment{clock: &interval{a.from % 1440, dayEnd}, openTo: true}, end - start
		}
	}
	at := i
	for s.text(at) == "the" {
		at++
	}
	if m, n := s.daypartAt(at); n > 0 {
		if end := s.onwards(at + n); end > at+n {
			return moment{clock: &interval{m.clock.from, dayEnd}, openTo: true}, end - start
		}
	}
	return moment{}, 0
}

// onwards skips "on", "onward", "onwards".
func (s *scanner) onwards(i int) int {
	switch s.text(i) {
	case "on", "onward", "onwards", "forward":
		return i + 1
	}
	return i
}

func about(at, minutes int32) *interval {
	to := (at + minutes) % 1440
	if to == 0 {
		to = 1440
	}
	return &interval{(at - minutes + 1440) % 1440, to}
}

// pair is the stretch between two written times.
func (s *scanner) pair(a, b written) moment {
	v, unsure := settlePair(a, b, s.uses24)
	bare := a.meridiem == "" && b.meridiem == "" && !a.full && !b.full && !s.uses24
	return moment{clock: &v, unsure: unsure, overnight: bare && v.from >= hm(8, 0) && v.from < v.to && v.to > hm(12, 0)}
}
