package rubric

import "strings"

// interval is a stretch of the clock in minutes after midnight, [from, to);
// from after to runs over midnight.
type interval struct{ from, to int32 }

func hm(h, m int32) int32 { return h*60 + m }

// moment of the clock as it was written.
type written struct {
	minute   int32
	meridiem string // "a", "p" or "" where none was written
	full     bool   // unmistakable on a 24-hour clock: 13:00, 06:00, noon
}

// writtenAt reads one clock time: "8", "8 pm", "7:30", "18:00", "half past
// seven", "eight o'clock", "noon". bare says whether a plain number will do.
func writtenAt(toks []token, i int, bare bool) (written, int) {
	if i >= len(toks) {
		return written{}, 0
	}
	if m, n := clockWords.match(toks, i); n > 0 {
		return written{minute: m, full: true}, n
	}
	start, offset, past := i, int32(0), false
	if n, o := pastTo(toks, i); n > 0 {
		i, offset, past = i+n, o, true
	}
	var w written
	t := token{}
	if i < len(toks) {
		t = toks[i]
	}
	certain := past
	switch {
	case t.kind == clock:
		w.minute, certain = int32(t.value), true
		w.full = w.minute >= hm(13, 0) || strings.HasPrefix(t.text, "0")
		i++
	case t.kind == number && t.value == float64(int32(t.value)) && t.value <= 24:
		w.minute = int32(t.value) * 60
		w.full = t.value >= 13 || t.value == 0
		i++
	case t.kind == word && numberWords[t.text] >= 1 && numberWords[t.text] <= 12 && t.text != "single":
		w.minute = int32(numberWords[t.text]) * 60
		i++
		if i < len(toks) && (toks[i].text == "thirty" || toks[i].text == "fifteen") {
			w.minute, certain = w.minute+int32(numberWords[toks[i].text]), true
			i++
		}
	default:
		return written{}, 0
	}
	w.minute += offset
	if i < len(toks) && toks[i].text == "oclock" {
		certain = true
		i++
	}
	if i < len(toks) && w.minute < hm(13, 0) {
		switch toks[i].text {
		case "am":
			w.meridiem, certain, i = "a", true, i+1
		case "pm":
			w.meridiem, certain, i = "p", true, i+1
		default:
			if hint, n := hints.match(toks, i); n > 0 {
				w.meridiem, i = hint, i+n
			} else if toks[i].text == "sharp" {
				i++
			}
		}
	} else if _, n := hints.match(toks, i); n > 0 {
		i += n
	} else if i < len(toks) && (toks[i].text == "pm" || toks[i].text == "hours" && t.kind == clock) {
		i++
	}
	if !certain && !bare || w.minute < 0 || w.minute > 1440 {
		return written{}, 0
	}
	return w, i - start
}

// pastTo reads "half past", "quarter to" and their like.
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

// settle turns a written time into minutes after midnight and tells whether it
// could have meant the other half of the day. Bare hours from 1 to 5 are
// afternoon hours: nobody is up for the others. Other bare hours are read on
// the 24-hour clock.
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

// settlePair settles the two ends of a range: one end lends the other its half
// of the day.
func settlePair(a, b written, uses24 bool) (interval, bool) {
	noon := hm(12, 0) // belongs to both ways of counting
	if a.full && a.minute != noon && !b.full && b.meridiem == "" || b.full && b.minute != noon && !a.full && a.meridiem == "" {
		uses24 = true
	}
	if b.meridiem != "" && a.meridiem == "" && !a.full {
		a.meridiem = b.meridiem
		from, _ := a.settle(uses24)
		to, _ := b.settle(uses24)
		if from >= to && b.meridiem == "p" { // "10 to 2 pm"
			a.meridiem = "a"
		} else if from >= to { // "9 to 6 am" runs over midnight
			a.meridiem = "p"
		}
	}
	from, unsure := a.settle(uses24)
	if a.meridiem == "p" && b.meridiem == "" && !b.full && b.minute%720+720 > from {
		b.meridiem = "p"
	}
	to, unsureTo := b.settle(uses24)
	if a.meridiem != "" { // "6 am to 9", "10 pm to 6"
		unsureTo = false
	}
	if b.meridiem == "" && !b.full && to <= from && to+720 <= 1440 && to+720 > from && !uses24 { // "11 to 2"
		to, unsure, unsureTo = to+720, false, false
	}
	if to == 0 {
		to = 1440
	}
	if !unsureTo && from+720 >= to && to > from {
		unsure = false // "9 to 5": the other half of the day would end before it begins
	}
	return interval{from % 1440, to}, unsure || unsureTo
}
