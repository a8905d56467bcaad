package rubric

import "math"

// span is an inclusive range of numbers; hi equals lo where one number is said.
type span struct{ lo, hi float64 }

func one(v float64) span { return span{v, v} }

var numberWords = map[string]float64{
	"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
	"eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
	"eighty": 80, "ninety": 90, "hundred": 100, "single": 1, "zero": 0,
}

func isNumberWord(s string) bool {
	_, ok := numberWords[s]
	return ok
}

// numberAt reads one number: digits, words or a phrase such as "a couple of".
func numberAt(toks []token, i int) (span, int) {
	if i >= len(toks) {
		return span{}, 0
	}
	if v, n := vagueNumbers.match(toks, i); n > 0 {
		return v, n
	}
	t := toks[i]
	if t.kind == number {
		return one(t.value), 1
	}
	v, ok := numberWords[t.text]
	if t.kind != word || !ok {
		return span{}, 0
	}
	n := 1
	if v >= 20 && v < 100 { // "forty five", "forty-five"
		j := i + 1
		if j < len(toks) && toks[j].text == "-" {
			j++
		}
		if j < len(toks) {
			if unit, ok := numberWords[toks[j].text]; ok && unit > 0 && unit < 10 {
				v, n = v+unit, j+1-i
			}
		}
	}
	return one(v), n
}

// rangeAt reads a number or a range: "three", "2-3", "two or three", "between
// two and four", "from 2 to 4".
func rangeAt(toks []token, i int) (span, int) {
	start, and := i, false
	if i < len(toks) && toks[i].kind == word {
		switch toks[i].text {
		case "between":
			and = true
			i++
		case "from":
			i++
		}
	}
	lo, n := numberAt(toks, i)
	if n == 0 {
		return span{}, 0
	}
	i += n
	link := 0
	if and && i < len(toks) && toks[i].text == "and" {
		link = 1
	} else if i < len(toks) && toks[i].kind == mark && toks[i].text == "-" {
		link = 1
	} else if _, n := rangeLinks.match(toks, i); n > 0 {
		link = n
	}
	if link > 0 {
		if hi, n := numberAt(toks, i+link); n > 0 && hi.hi > lo.lo {
			return span{lo.lo, hi.hi}, i + link + n - start
		}
	}
	if i > start+n { // "between" or "from" without a second end
		return span{}, 0
	}
	return lo, i - start
}

// unitMinutes are the lengths of the units of time in minutes.
var unitMinutes = map[string]float64{
	"minute": 1, "minutes": 1, "min": 1, "mins": 1, "hour": 60, "hours": 60, "hr": 60, "hrs": 60, "h": 60,
	"day": 1440, "days": 1440, "week": 10080, "weeks": 10080,
}

// durationAt reads a length of time in minutes: "an hour", "two to three
// hours", "90 minutes", "half an hour to an hour". article says whether a bare
// "hour" or "day" will do, as after "per" or "every".
func durationAt(toks []token, i int, article bool) (span, int) {
	d, n := singleDuration(toks, i, article)
	if n == 0 || d.lo != d.hi || i+n >= len(toks) {
		return d, n
	}
	if w := toks[i+n].text; w == "to" || w == "or" || w == "-" {
		if hi, k := singleDuration(toks, i+n+1, article); k > 0 && hi.hi > d.lo && hi.hi <= 1440 {
			return span{d.lo, hi.hi}, n + 1 + k
		}
	}
	return d, n
}

func singleDuration(toks []token, i int, article bool) (span, int) {
	if d, n := fixedDurations.match(toks, i); n > 0 {
		return d, n
	}
	start := i
	if i < len(toks) && (toks[i].text == "a" || toks[i].text == "an") {
		if d, n := fixedDurations.match(toks, i+1); n > 0 {
			return d, n + 1
		}
		article = true
		if _, ok := unitAt(toks, i+1); ok {
			i++
		}
	}
	if i < len(toks) && toks[i].text == "same" {
		i++
	}
	v, n := rangeAt(toks, i)
	if n == 0 {
		if unit, ok := unitAt(toks, i); ok && article {
			return one(unit), i + 1 - start
		}
		return span{}, 0
	}
	i += n
	if i+2 < len(toks) && toks[i].text == "and" && toks[i+1].text == "a" && toks[i+2].text == "half" {
		v, i = span{v.lo + 0.5, v.hi + 0.5}, i+3
	}
	for i < len(toks) && (toks[i].text == "-" || toks[i].text == "full" || toks[i].text == "waking" || toks[i].text == "whole") {
		i++
	}
	unit, ok := unitAt(toks, i)
	if !ok {
		return span{}, 0
	}
	i++
	return span{v.lo * unit, v.hi * unit}, i - start
}

func unitAt(toks []token, i int) (float64, bool) {
	if i >= len(toks) || toks[i].kind != word {
		return 0, false
	}
	v, ok := unitMinutes[toks[i].text]
	return v, ok
}

func round(v float64) int32 {
	return int32(math.Round(math.Min(math.Max(v, 0), 1e6)))
}
