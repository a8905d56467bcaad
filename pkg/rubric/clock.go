package rubric

// interval is a part of the day in minutes after midnight, [from, to). It runs
// over midnight when from is later than to.
type interval struct{ from, to int32 }

func hm(h, m int32) int32 { return h*60 + m }

// written is a clock time as the text gives it.
type written struct {
	minute   int32
	meridiem string // "a", "p", or "" where the text gives none
	full     bool   // certain on the 24-hour clock: 13:00, 06:00, noon
}

// open reports a time without "am" or "pm" that may mean either half of the day.
func (w written) open() bool { return !w.full && w.meridiem == "" }

// writtenAt reads one clock time at token i: "8", "8 pm", "7:30", "18:00", "half
// past seven", "eight o'clock", "noon". It returns the time and the number of
// tokens read, 0 where there is no time. A number without any sign of a clock
// time counts only if bare is set.
func writtenAt(toks []token, i int, bare bool) (written, int) {
	if m, n := clockWords.match(toks, i); n > 0 {
		return written{minute: m, full: true}, n
	}
	c := clockReader{toks: toks, at: i}
	n, offset := pastTo(toks, i)
	c.at, c.certain = i+n, n > 0
	if !c.readHour() {
		return written{}, 0
	}
	c.w.minute += offset
	c.readSuffix()
	if !c.certain && !bare || c.w.minute < 0 || c.w.minute > 1440 {
		return written{}, 0
	}
	return c.w, c.at - i
}

// pastTo reads "half past", "quarter to" and the like. It returns the number of
// tokens read and the minutes to add to the hour that follows.
func pastTo(toks []token, i int) (int, int32) {
	if i+1 >= len(toks) {
		return 0, 0
	}
	at := i
	if toks[at].text == "a" {
		at++
	}
	if at+1 >= len(toks) {
		return 0, 0
	}
	var minutes int32
	switch toks[at].text {
	case "half":
		minutes = 30
	case "quarter":
		minutes = 15
	default:
		return 0, 0
	}
	switch toks[at+1].text {
	case "past", "after":
		return at + 2 - i, minutes
	case "to", "before":
		return at + 2 - i, -minutes
	}
	return 0, 0
}

// settle converts a written time to minutes after midnight, and reports whether
// it may also mean the other half of the day. An hour from 1 to 5 without "am"
// or "pm" is in the afternoon, because people sleep through the others. Any other
// such hour is read on the 24-hour clock.
func (w written) settle(uses24 bool) (int32, bool) {
	m := w.minute
	switch {
	case w.full || m >= hm(13, 0):
		return m, false
	case w.meridiem == "a":
		return m % 720, false
	case w.meridiem == "p":
		return m%720 + 720, false
	case m >= hm(12, 0):
		return m, false
	case uses24:
		return m, false
	case m < hm(6, 0):
		return m + 720, false
	}
	return m, true
}

// settlePair settles the start and the end of a range together, because each may
// show the half of the day of the other. It reports whether the range may also
// mean the other half of the day.
func settlePair(a, b written, uses24 bool) (interval, bool) {
	p := clockPair{a: a, b: b, uses24: uses24}
	for _, rule := range clockPairRules {
		if rule.applies(&p) {
			rule.apply(&p)
		}
	}
	return interval{p.from % 1440, p.to}, p.unsureFrom || p.unsureTo
}
