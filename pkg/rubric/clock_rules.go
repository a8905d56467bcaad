package rubric

import "strings"

// clockReader is the state of writtenAt while it reads one clock time.
type clockReader struct {
	toks    []token
	at      int       // the next token
	hour    tokenKind // the kind of token that gave the hour
	w       written
	certain bool // the text marks it as a clock time, so that it is no plain number
}

// peek returns the next token, or an empty word at the end of the text.
func (c *clockReader) peek() token {
	if c.at < len(c.toks) {
		return c.toks[c.at]
	}
	return token{}
}

// next reports whether the next token is the given word.
func (c *clockReader) next(text string) bool { return c.peek().text == text }

// morning reports whether the time is before 13:00, so that "am" or "pm" may follow.
func (c *clockReader) morning() bool { return c.w.minute < hm(13, 0) }

// clockHour is one way to write the hour. Its apply function reads the token t.
type clockHour struct {
	name    string
	applies func(t token) bool
	apply   func(c *clockReader, t token)
}

// clockHours do not overlap: the first that applies is the only one.
var clockHours = []clockHour{
	{"digits of a clock: 7:30, 06:00", func(t token) bool { return t.kind == clock }, func(c *clockReader, t token) {
		c.w.minute, c.certain = int32(t.value), true
		c.w.full = c.w.minute >= hm(13, 0) || strings.HasPrefix(t.text, "0")
	}},
	{"a whole number up to 24", func(t token) bool {
		return t.kind == number && t.value == float64(int32(t.value)) && t.value <= 24
	}, func(c *clockReader, t token) {
		c.w.minute = int32(t.value) * 60
		c.w.full = t.value >= 13 || t.value == 0
	}},
	{"a word from one to twelve", func(t token) bool {
		return t.kind == word && numberWords[t.text] >= 1 && numberWords[t.text] <= 12 && t.text != "single"
	}, (*clockReader).spelled},
}

// readHour reads the hour, and reports false where there is none.
func (c *clockReader) readHour() bool {
	t := c.peek()
	for _, form := range clockHours {
		if form.applies(t) {
			c.hour = t.kind
			c.at++
			form.apply(c, t)
			return true
		}
	}
	return false
}

// spelled reads "seven", and the minutes of "seven thirty" and "seven fifteen".
func (c *clockReader) spelled(t token) {
	c.w.minute = int32(numberWords[t.text]) * 60
	if c.next("thirty") || c.next("fifteen") {
		c.w.minute += int32(numberWords[c.peek().text])
		c.certain = true
		c.at++
	}
}

// clockSuffix is one way to end a clock time. Its match function returns the
// number of tokens of the suffix, 0 where the suffix is not there.
type clockSuffix struct {
	name     string
	match    func(*clockReader) int
	meridiem func(*clockReader) string // the half of the day it gives, nil for none
	certain  bool                      // the suffix follows nothing but a clock time
}

// clockSuffixes are tried in this order, and the first that matches is read.
// After 12:59 a suffix is redundant: it is read, but changes nothing.
var clockSuffixes = []clockSuffix{
	{"am", func(c *clockReader) int { return oneToken(c.morning() && c.next("am")) }, clockHalf("a"), true},
	{"pm", func(c *clockReader) int { return oneToken(c.morning() && c.next("pm")) }, clockHalf("p"), true},
	{"in the morning, at night", (*clockReader).hintLength, (*clockReader).hint, false},
	{"sharp", func(c *clockReader) int { return oneToken(c.morning() && c.next("sharp")) }, nil, false},
	{"a redundant pm: 18:00 pm", func(c *clockReader) int { return oneToken(!c.morning() && c.next("pm")) }, nil, false},
	{"18:00 hours", func(c *clockReader) int { return oneToken(!c.morning() && c.next("hours") && c.hour == clock) }, nil, false},
}

// readSuffix reads "o'clock" and then at most one suffix.
func (c *clockReader) readSuffix() {
	if c.next("oclock") {
		c.certain = true
		c.at++
	}
	for _, suffix := range clockSuffixes {
		n := suffix.match(c)
		if n == 0 {
			continue
		}
		if suffix.meridiem != nil {
			c.w.meridiem = suffix.meridiem(c)
		}
		c.certain = c.certain || suffix.certain
		c.at += n
		return
	}
}

func (c *clockReader) hintLength() int {
	_, n := hints.match(c.toks, c.at)
	return n
}

func (c *clockReader) hint() string {
	if !c.morning() {
		return ""
	}
	meridiem, _ := hints.match(c.toks, c.at)
	return meridiem
}

func clockHalf(meridiem string) func(*clockReader) string {
	return func(*clockReader) string { return meridiem }
}

// oneToken returns the one token of a suffix that is there, or 0.
func oneToken(there bool) int {
	if there {
		return 1
	}
	return 0
}

// clockPair is the state of settlePair: the two written times, and what they
// were settled to.
type clockPair struct {
	a, b                 written
	uses24               bool
	from, to             int32
	unsureFrom, unsureTo bool
}

// clockPairRule is one step in settling a range.
type clockPairRule struct {
	name    string
	applies func(*clockPair) bool
	apply   func(*clockPair)
}

// clockPairRules all run once, in this order. The order matters: a time is
// settled after the other has given it a half of the day, and the start is
// settled before the end.
var clockPairRules = []clockPairRule{
	{"a time of the 24-hour clock decides how the other is read", func(p *clockPair) bool {
		return p.a.only24() && p.b.open() || p.b.only24() && p.a.open()
	}, func(p *clockPair) { p.uses24 = true }},
	{"the end gives its half of the day to the start", func(p *clockPair) bool {
		return p.b.meridiem != "" && p.a.open()
	}, (*clockPair).inheritFromEnd},
	{"settle the start", anyClockPair, func(p *clockPair) { p.from, p.unsureFrom = p.a.settle(p.uses24) }},
	{"a start with pm gives it to a later end", func(p *clockPair) bool {
		return p.a.meridiem == "p" && p.b.open() && p.b.minute%720+720 > p.from
	}, func(p *clockPair) { p.b.meridiem = "p" }},
	{"settle the end", anyClockPair, func(p *clockPair) { p.to, p.unsureTo = p.b.settle(p.uses24) }},
	// "6 am to 9", "10 pm to 6"
	{"a start with am or pm makes the end certain", func(p *clockPair) bool {
		return p.a.meridiem != ""
	}, func(p *clockPair) { p.unsureTo = false }},
	// "11 to 2"
	{"an end before the start is in the afternoon", func(p *clockPair) bool {
		return p.b.open() && !p.uses24 && p.to <= p.from && p.to+720 <= 1440 && p.to+720 > p.from
	}, func(p *clockPair) { p.to, p.unsureFrom, p.unsureTo = p.to+720, false, false }},
	{"an end at 00:00 means 24:00", func(p *clockPair) bool { return p.to == 0 }, func(p *clockPair) { p.to = 1440 }},
	// "9 to 5": with the start in the other half, the range would end before it starts
	{"a certain end within twelve hours makes the start certain", func(p *clockPair) bool {
		return !p.unsureTo && p.from+720 >= p.to && p.to > p.from
	}, func(p *clockPair) { p.unsureFrom = false }},
}

func anyClockPair(*clockPair) bool { return true }

// only24 reports a time that only the 24-hour clock has. Noon belongs to both.
func (w written) only24() bool { return w.full && w.minute != hm(12, 0) }

// inheritFromEnd gives the start the half of the day of the end, or the other
// half where the range would then not run forward.
func (p *clockPair) inheritFromEnd() {
	p.a.meridiem = p.b.meridiem
	from, _ := p.a.settle(p.uses24)
	to, _ := p.b.settle(p.uses24)
	switch {
	case from < to:
	case p.b.meridiem == "p": // "10 to 2 pm"
		p.a.meridiem = "a"
	default: // "9 to 6 am" runs over midnight
		p.a.meridiem = "p"
	}
}
