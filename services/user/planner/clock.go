package planner

import (
	"regexp"
	"strconv"
	"strings"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

// clockTime is a time of day found in prose.
type clockTime struct {
	second   int  // after midnight
	sure     bool // false: may be morning or evening
	past     bool // "past midnight"
	from, to int  // position in the text
	link     string
}

var clockPattern = regexp.MustCompile(`(?i)` +
	`(half past|quarter past|quarter to|ten past|ten to|twenty past|twenty to)?\s*\b` +
	`(\d{1,2}|(?:noon|midday|midnight|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b)` +
	`(?:[:.](\d{2})|\s+(thirty|fifteen|forty-five)\b)?\s*(a\.?m\b\.?|p\.?m\b\.?|o'clock)?` +
	`(?:\s+(in the morning|in the afternoon|in the evening|at night))?`)

var hourWords = map[string]int{
	"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12,
}

var minuteWords = map[string]int{
	"half past": 30, "quarter past": 15, "quarter to": -15, "ten past": 10, "ten to": -10, "twenty past": 20, "twenty to": -20,
	"thirty": 30, "fifteen": 15, "forty-five": 45,
}

// clockTimes finds the times of day in a text, in order. A bare number counts
// only after a word such as "at" or "until", and never before a unit.
func clockTimes(text string) []clockTime {
	var out []clockTime
	for _, m := range clockPattern.FindAllStringSubmatchIndex(text, -1) {
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return strings.ToLower(text[m[2*i]:m[2*i+1]])
		}
		from := m[0]
		for from < m[1] && text[from] == ' ' {
			from++
		}
		t, marked, ok := readClock(group)
		if !ok || continues(text[:m[1]], text[m[1]:]) {
			continue
		}
		t.from, t.to = from, m[1]
		t.past = strings.HasSuffix(strings.TrimRight(strings.ToLower(text[:from]), " "), "past")
		t.link = linkBefore(text[:from], len(out) > 0 && len(strings.Fields(text[out[len(out)-1].to:from])) <= 1)
		if !marked && (t.link == "" || !ends(text[m[1]:])) {
			continue
		}
		out = append(out, t)
	}
	return out
}

// continues reports whether a match is only the beginning of a longer word or
// number, as in "20th" or "2024".
func continues(match, rest string) bool {
	word := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
	}
	return rest != "" && word(rest[0]) && word(match[len(match)-1]) && !strings.HasPrefix(rest, "–")
}

// readClock reads a match; marked means that it is a time even without a
// preposition.
func readClock(group func(int) string) (t clockTime, marked, ok bool) {
	switch group(2) {
	case "noon", "midday":
		return clockTime{second: 12 * hour, sure: true}, true, true
	case "midnight":
		return clockTime{second: 0, sure: true}, true, true
	}
	h, known := hourWords[group(2)]
	if !known {
		h, _ = strconv.Atoi(group(2))
	}
	m := minuteWords[group(1)] + minuteWords[group(4)]
	if group(3) != "" {
		m, _ = strconv.Atoi(group(3))
	}
	if h > 24 || m > 59 {
		return t, false, false
	}
	half := strings.ReplaceAll(group(5), ".", "")
	marked = group(1) != "" || group(3) != "" || group(4) != "" || half != "" || group(6) != ""
	switch {
	case half == "am", group(6) == "in the morning":
		h, t.sure = h%12, true
	case half == "pm", group(6) == "in the afternoon", group(6) == "in the evening":
		h, t.sure = h%12+12, true
	case group(6) == "at night":
		t.sure = true
		if h = h % 12; h >= 6 {
			h += 12
		}
	case h > 12, h == 0, len(group(2)) == 2 && group(2)[0] == '0':
		t.sure = true
	}
	t.second = ((h*hour+m*minute)%day + day) % day
	return t, marked, true
}

var links = []string{"at", "by", "around", "about", "until", "till", "from", "between", "before", "after", "since", "to", "and", "-", "–", "or"}

// linkBefore returns the preposition before a time, such as "at" or "until". "to",
// "and", "or" and dashes count only between two times.
func linkBefore(text string, second bool) string {
	fields := strings.Fields(text)
	if strings.HasSuffix(text, "-") || strings.HasSuffix(text, "–") {
		if second {
			return "to"
		}
		return ""
	}
	if len(fields) == 0 {
		return ""
	}
	last := strings.ToLower(strings.Trim(fields[len(fields)-1], ",;(~"))
	for i, link := range links {
		if link != last {
			continue
		}
		if i >= 11 {
			if !second {
				return ""
			}
			return "to"
		}
		return link
	}
	return ""
}

var afterBare = map[string]bool{
	"": true, "and": true, "to": true, "until": true, "till": true, "for": true, "sharp": true, "on": true, "with": true,
	"or": true, "in": true, "at": true, "each": true, "every": true, "when": true, "before": true, "after": true, "then": true,
	"if": true, "most": true, "because": true, "unless": true, "so": true, "but": true, "without": true, "i": true, "she": true,
	"he": true, "they": true, "daily": true, "-": true, "–": true, "while": true, "as": true,
}

// ends reports whether what follows a bare number lets it be a time.
func ends(rest string) bool {
	rest = strings.TrimLeft(rest, " ")
	if rest == "" || strings.ContainsAny(rest[:1], ".,;:!?)-") || strings.HasPrefix(rest, "–") {
		return !strings.HasPrefix(rest, "-minute") && !strings.HasPrefix(rest, "-hour")
	}
	word, _, _ := strings.Cut(rest, " ")
	return afterBare[strings.ToLower(strings.TrimRight(word, ".,;:!?)"))]
}

var lengthPattern = regexp.MustCompile(`(?i)\b(half an|quarter of an|an|a|one|two|three|four|\d+(?:\.\d+)?)[\s-]+(hours?|h|minutes?|mins?)\b(\s+and\s+a\s+half)?`)

var lengthWords = map[string]float64{"half an": 0.5, "quarter of an": 0.25, "an": 1, "a": 1, "one": 1, "two": 2, "three": 3, "four": 4}

// length finds a duration in a text, in seconds; 0 where there is none.
func length(text string) int {
	m := lengthPattern.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, known := lengthWords[strings.ToLower(m[1])]
	if !known {
		n, _ = strconv.ParseFloat(m[1], 64)
	}
	if m[3] != "" {
		n += 0.5
	}
	unit := float64(minute)
	if m[2][0] == 'h' || m[2][0] == 'H' {
		unit = hour
	}
	return int(n * unit)
}
