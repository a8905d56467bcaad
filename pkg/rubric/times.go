package rubric

// countAt reads how many: "once", "twice", "three times", "one or two".
func countAt(s *scanner, i int) (span, int) {
	c, n := singleCount(s, i)
	if n == 0 {
		return rangeCount(s, i)
	}
	link := 0
	if s.text(i+n) == "-" {
		link = 1
	} else if _, k := rangeLinks.match(s.toks, i+n); k > 0 {
		link = k
	}
	if link > 0 {
		if hi, k := singleCount(s, i+n+link); k > 0 && hi.hi > c.lo {
			if s.text(i+n+link+k) == "-" { // "one-to-two-hour": no count
				return c, n
			}
			return span{c.lo, hi.hi}, n + link + k
		}
	}
	return c, n
}

func rangeCount(s *scanner, i int) (span, int) {
	if w := s.text(i); w != "between" && w != "from" {
		return span{}, 0
	}
	c, n := rangeAt(s.toks, i)
	if n == 0 {
		return c, 0
	}
	if s.text(i+n) == "times" || s.text(i+n) == "x" {
		n++
	}
	return c, n
}

func singleCount(s *scanner, i int) (span, int) {
	switch s.text(i) {
	case "once":
		return one(1), 1
	case "twice":
		return one(2), 1
	case "thrice":
		return one(3), 1
	case "none":
		return one(0), 1
	case "no":
		if w := s.text(i + 1); nouns[w] && w != "one" && w != "you" && w != "thing" && w != "things" {
			return one(0), 1
		}
	}
	v, n := numberAt(s.toks, i)
	if n == 0 || v.lo != float64(int(v.lo)) {
		return span{}, 0
	}
	if w := s.text(i + n); w == "times" || w == "time" || w == "x" || w == "×" {
		n++
	}
	return v, n
}
