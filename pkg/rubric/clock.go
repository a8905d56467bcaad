package rubric

import "strings"

// interval is a stretch of the clock in minutes after midnight, [from, to);
// from after to runs over midnight.
type interval struct{ from, to int32 }

func hm(h, m int32) int32 { return h*60 + m }

// dayparts are the times of day by name. These readings are part of the
// compiler's documented behaviour.
var dayparts = newLexicon(map[string]interval{
	"early morning": {300, 480}, "early mornings": {300, 480}, "early in the morning": {300, 480}, "first thing": {360, 480}, "first thing in the morning": {360, 480},
	"morning": {360, 720}, "mornings": {360, 720}, "forenoon": {540, 720}, "mid morning": {540, 660}, "mid mornings": {540, 660}, "midmorning": {540, 660},
	"middle of the morning": {540, 660}, "late morning": {600, 720}, "late mornings": {600, 720}, "later in the morning": {600, 720}, "late in the morning": {600, 720},
	"midday": {690, 810}, "mid day": {690, 810}, "noon": {690, 810}, "noontime": {690, 810}, "middle of the day": {690, 810}, "lunchtime": {690, 810}, "lunch time": {690, 810}, "lunchtimes": {690, 810},
	"lunch hour": {690, 810}, "early afternoon": {780, 900}, "early afternoons": {780, 900}, "early in the afternoon": {780, 900}, "afternoon": {720, 1020}, "afternoons": {720, 1020},
	"mid afternoon": {840, 960}, "mid afternoons": {840, 960}, "midafternoon": {840, 960}, "middle of the afternoon": {840, 960}, "late afternoon": {960, 1080}, "late afternoons": {960, 1080}, "late in the afternoon": {960, 1080},
	"teatime": {930, 1050}, "tea time": {930, 1050}, "early evening": {1020, 1140}, "early evenings": {1020, 1140}, "early in the evening": {1020, 1140}, "evening": {1080, 1320}, "evenings": {1080, 1320},
	"dinnertime": {1080, 1200}, "dinner time": {1080, 1200}, "suppertime": {1080, 1200}, "supper time": {1080, 1200}, "breakfast time": {390, 540}, "breakfasttime": {390, 540}, "mid evening": {1140, 1260},
	"late evening": {1230, 1380}, "late evenings": {1230, 1380}, "late in the evening": {1230, 1380}, "later in the evening": {1230, 1380},
	"night": {1320, 360}, "nights": {1320, 360}, "night time": {1320, 360}, "nighttime": {1320, 360}, "late night": {1320, 120}, "late at night": {1320, 120}, "late nights": {1320, 120}, "middle of the night": {0, 300},
	"bedtime": {1260, 1380}, "bed time": {1260, 1380}, "dawn": {300, 420}, "sunrise": {300, 420}, "daybreak": {300, 420}, "dusk": {1080, 1200}, "sunset": {1080, 1200}, "twilight": {1080, 1200},
	"end of the day": {1200, 1320}, "end of my day": {1200, 1320}, "start of the day": {360, 480}, "start of my day": {360, 480}, "beginning of the day": {360, 480}, "tonight": {1080, 1320},
	"working hours": {540, 1020}, "work hours": {540, 1020}, "office hours": {540, 1020}, "business hours": {540, 1020}, "daytime": {480, 1080}, "during the day": {480, 1080}, "first half of the day": {360, 840}, "second half of the day": {840, 1320},
	"late in the day": {1080, 1320}, "early in the day": {360, 600}, "daylight": {420, 1140}, "daylight hours": {420, 1140}, "small hours": {0, 300}, "the end of the afternoon": {960, 1080}, "end of the afternoon": {960, 1080},
	"end of the morning": {600, 720}, "elevenses": {630, 690}, "early hours": {300, 480},
})

// befores are the clock readings of "before X" where X is no clock time.
var befores = newLexicon(map[string]interval{
	"bed": {1260, 1380}, "bedtime": {1260, 1380}, "sleep": {1260, 1380}, "sleeping": {1260, 1380}, "going to bed": {1260, 1380}, "i go to bed": {1260, 1380},
	"i sleep": {1260, 1380}, "i fall asleep": {1260, 1380}, "going to sleep": {1260, 1380}, "i go to sleep": {1260, 1380}, "i turn in": {1260, 1380}, "turning in": {1260, 1380}, "lights out": {1260, 1380},
	"breakfast": {330, 480}, "lunch": {660, 750}, "dinner": {1020, 1110}, "supper": {1020, 1110}, "work": {390, 540}, "i start work": {390, 540},
	"starting work": {390, 540}, "the workday": {390, 540}, "the working day": {390, 540}, "work starts": {390, 540}, "work begins": {390, 540}, "dawn": {0, 360}, "sunrise": {0, 360},
	"the day begins": {330, 480}, "the day starts": {330, 480}, "i start my day": {330, 480}, "starting my day": {330, 480}, "retiring": {1260, 1380}, "shift": {390, 540}, "my shift": {390, 540}, "i retire": {1260, 1380},
})

// arounds are the clock readings of "around X" and "-time" where X is a meal.
var arounds = newLexicon(map[string]interval{
	"breakfast": {390, 540}, "lunch": {690, 810}, "dinner": {1080, 1200}, "supper": {1080, 1200}, "tea": {930, 1050}, "bed": {1260, 1380}, "bedtime": {1260, 1380},
	"noon": {690, 750}, "midday": {690, 750}, "mid day": {690, 750}, "midnight": {1410, 30},
})

// anchor times begin and end the stretches between named points of a day:
// first minute at which it starts, then at which it is over.
var anchors = newLexicon(map[string]interval{
	"breakfast": {420, 510}, "lunch": {720, 780}, "dinner": {1110, 1170}, "supper": {1110, 1170}, "noon": {720, 720}, "midday": {720, 720}, "midnight": {1440, 0},
	"bed": {1320, 1320}, "bedtime": {1320, 1320}, "tea": {960, 990}, "teatime": {960, 990}, "dawn": {360, 360}, "sunrise": {360, 360}, "sunset": {1140, 1140}, "dusk": {1140, 1140},
})

// afternoonOf are the words that settle a bare hour; the value is added to
// hours 1-11 ("12 at night" is midnight).
var hints = newLexicon(map[string]string{
	"in the morning": "a", "in the early morning": "a", "in the afternoon": "p", "in the evening": "p", "at night": "p", "of an evening": "p", "in the mornings": "a", "in the evenings": "p",
	"each morning": "a", "every morning": "a", "each evening": "p", "every evening": "p", "on the morning": "a", "in the late afternoon": "p",
})

// moment of the clock as it was written.
type written struct {
	minute   int32
	meridiem string // "a", "p" or "" where none was written
	full     bool   // unmistakable on a 24-hour clock: 13:00, 06:00, noon
}

var clockWords = newLexicon(map[string]int32{"noon": 720, "midday": 720, "midnight": 1440, "mid day": 720})

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
