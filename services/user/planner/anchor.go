package planner

import (
	"regexp"
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// anchor is an activity that every day has. Seconds from the midnight before
// waking up; they may run past the next midnight.
type anchor struct {
	kind     activity.Kind
	from, to int
	timed    bool   // the time was given
	subject  string // the requirement without its times; empty for meals and the like
}

// rhythm is what a persona's prose says of its days.
type rhythm struct {
	wake, bed int
	anchors   []anchor
}

// usualMinutes is how long an activity takes where nothing is said.
var usualMinutes = map[activity.Kind]int{
	activity.Breakfast: 25, activity.Lunch: 40, activity.Dinner: 45, activity.Snack: 20, activity.Cooking: 40,
	activity.Work: 120, activity.Meeting: 60, activity.Study: 60, activity.Planning: 25, activity.Journaling: 25,
	activity.Meditation: 20, activity.Prayer: 15, activity.Exercise: 40, activity.Yoga: 30, activity.Housework: 40,
	activity.Laundry: 30, activity.Repair: 60, activity.Gardening: 50, activity.PetCare: 20, activity.FamilyCare: 45,
	activity.Reading: 45, activity.Writing: 60, activity.Music: 45, activity.Listening: 40, activity.Art: 60, activity.Craft: 60,
	activity.Gaming: 60, activity.Screen: 90, activity.News: 25, activity.Phone: 25, activity.Hosting: 90, activity.Relaxing: 30,
	activity.WindDown: 45, activity.Hygiene: 15, activity.Dressing: 10, activity.WakeUp: 10,
}

// usualStart is where an activity without a time is put.
var usualStart = map[activity.Kind]int{
	activity.Breakfast: 7*hour + 30*minute, activity.Lunch: 12*hour + 30*minute, activity.Dinner: 18*hour + 45*minute,
	activity.Snack: 15*hour + 30*minute, activity.Cooking: 18 * hour, activity.Work: 9*hour + 30*minute, activity.Meeting: 14 * hour,
	activity.Study: 10 * hour, activity.Planning: 9 * hour, activity.Journaling: 21 * hour, activity.Meditation: 7 * hour,
	activity.Prayer: 7 * hour, activity.Exercise: 17 * hour, activity.Yoga: 8 * hour, activity.Housework: 10*hour + 30*minute,
	activity.Laundry: 11 * hour, activity.Repair: 14*hour + 30*minute, activity.Gardening: 16 * hour, activity.PetCare: 8*hour + 30*minute,
	activity.FamilyCare: 17*hour + 30*minute, activity.Reading: 20*hour + 30*minute, activity.Writing: 10 * hour,
	activity.Music: 17 * hour, activity.Listening: 19*hour + 45*minute, activity.Art: 15 * hour, activity.Craft: 15 * hour,
	activity.Gaming: 20*hour + 30*minute, activity.Screen: 20*hour + 15*minute, activity.News: 8 * hour, activity.Phone: 19*hour + 30*minute,
	activity.Hosting: 19*hour + 30*minute, activity.Relaxing: 14 * hour,
}

// evening lists the activities of the second half of the day: "dinner at seven" is
// at 19:00.
var evening = map[activity.Kind]bool{activity.Dinner: true, activity.WindDown: true, activity.Hosting: true}

// partOfDay is what a phrase says of when: from so many seconds, where the usual
// time of the activity is not within the part anyway.
type partOfDay struct {
	phrase string
	from   int
}

// covers reports whether a usual time lies in a whole morning, afternoon or
// evening. The finer parts of a day have a time of their own.
func (p partOfDay) covers(second int) bool {
	switch p.phrase {
	case "morning":
		return second >= 5*hour && second < 12*hour
	case "afternoon":
		return second >= 12*hour && second < 17*hour
	case "evening":
		return second >= 18*hour && second < 22*hour
	}
	return false
}

var partsOfDay = []partOfDay{
	{"for breakfast", 7 * hour}, {"for lunch", 11*hour + 30*minute}, {"for dinner", 17*hour + 45*minute},

	{"early morning", 7 * hour}, {"late morning", 10*hour + 30*minute}, {"mid-morning", 10 * hour}, {"morning", 9 * hour},
	{"around lunch", 12*hour + 15*minute}, {"early afternoon", 13*hour + 30*minute}, {"late afternoon", 16*hour + 30*minute},
	{"afternoon", 15 * hour}, {"early evening", 17*hour + 30*minute}, {"late evening", 21*hour + 30*minute}, {"evening", 20 * hour},
	{"at night", 21 * hour}, {"after breakfast", 8*hour + 15*minute}, {"after lunch", 13*hour + 30*minute},
	{"after dinner", 19*hour + 45*minute}, {"before dinner", 17*hour + 30*minute}, {"before lunch", 11*hour + 30*minute},
}

// readRhythm reads a persona's days. Where its prose names no time of getting
// up or going to bed, they follow from age and traits.
func readRhythm(p *simv1.Persona) rhythm {
	wake, bedtime := -1, -1
	for _, text := range append(append([]string{}, p.GetDailyPlanRequirements()...), p.GetLifestyle()) {
		w, b := sleepTimes(text)
		if wake < 0 {
			wake = w
		}
		if bedtime < 0 {
			bedtime = b
		}
	}
	if wake < 0 {
		wake = firstThing(p.GetLifestyle())
	}
	if bedtime < 0 {
		bedtime = upUntil(p.GetLifestyle())
	}
	r := rhythm{}
	r.wake, r.bed = sleepRhythm(p, wake, bedtime)
	for _, text := range p.GetDailyPlanRequirements() {
		if a, ok := r.requirement(text); ok {
			r.anchors = append(r.anchors, a)
		}
	}
	for _, a := range r.meals(p.GetLifestyle()) {
		if !r.has(a.kind) {
			r.anchors = append(r.anchors, a)
		}
	}
	r.habits(p.GetLifestyle())
	r.earn(p)
	return r
}

// sleepRhythm completes the times of getting up and going to bed: about 16 hours
// apart, earlier for the old and the conscientious, later for the young and
// the outgoing. A day is never shorter than 10 nor longer than 20 hours.
func sleepRhythm(p *simv1.Persona, wake, bedtime int) (int, int) {
	high := func(level simv1.TraitLevel) bool { return level == simv1.TraitLevel_TRAIT_LEVEL_HIGH }
	if wake < 0 {
		wake = 7*hour + 45*minute + lean(p.GetLifestyle())
		if high(p.GetBigFive().GetConscientiousness()) {
			wake -= hour
		}
		if high(p.GetBigFive().GetExtraversion()) {
			wake += 15 * minute
		}
		if p.GetAge() >= 60 {
			wake -= 45 * minute
		}
		if bedtime >= 0 {
			wake = max(bedtime-16*hour, 4*hour)
		}
	}
	if bedtime < wake+10*hour || bedtime > wake+20*hour {
		bedtime = wake + 16*hour
	}
	return wake, bedtime
}

// opensDay are words for the first thing that somebody does.
var opensDay = regexp.MustCompile(`(?i)\b(starts?|begins?|opens?) (the|her|his|their|my|each|every) (day|morning)\b`)

var (
	early = regexp.MustCompile(`(?i)\b(early riser|early bird|(rises?|gets? up|wakes?( up)?) early|up early)\b`)
	late  = regexp.MustCompile(`(?i)\b(night owl|late riser|sleeps? in|sleeps? late|(rises?|gets? up|wakes?( up)?) late)\b`)
)

// lean is how much earlier or later than others somebody gets up who says so
// without a time, in seconds.
func lean(lifestyle string) int {
	switch {
	case early.MatchString(lifestyle):
		return -75 * minute
	case late.MatchString(lifestyle):
		return 75 * minute
	}
	return 0
}

// sleepTimes finds getting up and going to bed in a text, -1 where it does not
// name them. A bedtime after midnight is beyond 24 hours.
func sleepTimes(text string) (wake, bedtime int) {
	wake, bedtime = -1, -1
	for _, named := range timedKinds(text) {
		second := named.at.second
		switch {
		case named.kind == activity.WakeUp && wake < 0:
			if second >= 3*hour && second < 16*hour {
				wake = second
			}
		case named.kind == bed && bedtime < 0:
			switch {
			case named.at.past && second == 0:
				second = day + 30*minute // "stays up past midnight"
			case second < 5*hour, !named.at.sure && second >= 12*hour && second < 13*hour:
				second = second%(12*hour) + day
			case !named.at.sure && second < 12*hour:
				second += 12 * hour
			}
			bedtime = second
		}
	}
	return wake, bedtime
}

// firstThing returns when somebody gets up who says when the day starts ("starts
// the day with an espresso at 6am"), -1 where the text does not say so.
func firstThing(text string) int {
	for _, sentence := range clauseEnd.Split(text, -1) {
		m := opensDay.FindStringIndex(sentence)
		if m == nil {
			continue
		}
		for _, t := range clockTimes(sentence) {
			if t.from > m[1] && t.second >= 3*hour && t.second < 16*hour {
				return t.second - usualMinutes[activity.WakeUp]*minute
			}
		}
	}
	return -1
}

// upUntil returns when somebody goes to bed who says until when something goes on
// at night ("writes until 12am"), -1 where the text does not say so.
func upUntil(text string) int {
	for _, t := range clockTimes(text) {
		if t.link != "until" && t.link != "till" || !t.sure {
			continue
		}
		switch {
		case t.second < 4*hour:
			return t.second + day
		case t.second >= 22*hour:
			return t.second
		}
	}
	return -1
}

// timedKind is an activity with the time that its sentence gives it.
type timedKind struct {
	kind activity.Kind
	at   clockTime
}

var clauseEnd = regexp.MustCompile(`[.;!?](?:\s|$)|\n`)

// timedKinds ties each time of a text to the activity named nearest before it
// in its sentence, or else to the first one after it.
func timedKinds(text string) []timedKind {
	var out []timedKind
	for _, sentence := range clauseEnd.Split(text, -1) {
		from := 0
		for _, t := range clockTimes(sentence) {
			if t.link == "to" {
				continue
			}
			before := kindsIn(sentence[from:t.from])
			if len(before) > 0 {
				out = append(out, timedKind{before[len(before)-1].kind, t})
			} else if after := kindsIn(upToComma(sentence[t.to:])); len(after) > 0 {
				out = append(out, timedKind{after[0].kind, t})
			}
			from = t.to
		}
	}
	return out
}

func upToComma(text string) string {
	head, _, _ := strings.Cut(text, ",")
	return head
}

// meals reads the meals of a lifestyle.
func (r *rhythm) meals(text string) []anchor {
	var out []anchor
	for _, named := range timedKinds(text) {
		switch named.kind {
		case activity.Breakfast, activity.Lunch, activity.Dinner, activity.Snack:
			from := r.within(named.at, named.kind)
			out = append(out, anchor{kind: named.kind, from: from, to: from + usualMinutes[named.kind]*minute, timed: true})
		}
	}
	return out
}

// within resolves a time that may be morning or evening to the one in the waking
// day; "dinner at seven" is an evening meal.
func (r *rhythm) within(t clockTime, kind activity.Kind) int {
	second := t.second
	if !t.sure && second < 12*hour && evening[kind] {
		second += 12 * hour
	}
	inside := func(s int) bool { return s >= r.wake-15*minute && s < r.bed }
	switch {
	case inside(second):
	case !t.sure && inside(second+12*hour):
		second += 12 * hour
	case inside(second + day):
		second += day
	}
	return second
}

// requirement reads one entry of the daily plan; false for one that says no
// more than when to get up or go to bed.
func (r *rhythm) requirement(text string) (anchor, bool) {
	kind, known := kindOf(text)
	if kind == bed || kind == activity.WakeUp {
		return anchor{}, false
	}
	if !known {
		kind = activity.Relaxing
		if topical, ok := interestKind(text); ok {
			kind = topical
		}
	}
	a := anchor{kind: kind, subject: subject(text)}
	lasts := length(text)
	if lasts == 0 {
		lasts = usualMinutes[kind] * minute
	}
	lower := strings.ToLower(text)
	times := clockTimes(text)
	switch {
	case len(times) >= 2 && times[1].link == "to", len(times) >= 2 && (times[1].link == "until" || times[1].link == "till"):
		a.from, a.to = r.span(times[0], times[1], kind)
		a.timed = true
	case len(times) >= 1 && (times[0].link == "until" || times[0].link == "till" || times[0].link == "before"):
		a.to = r.within(times[0], kind)
		a.from, a.timed = a.to-lasts, true
	case len(times) >= 1:
		a.from, a.timed = r.within(times[0], kind), true
		a.to = a.from + lasts
		if untilBed(lower) || (kind == activity.WindDown && times[0].link == "from") {
			a.to = r.bed
		}
	case strings.Contains(lower, "before bed"), kind == activity.WindDown:
		a.to = r.bed
		a.from = a.to - lasts
	case strings.Contains(lower, "after waking"), strings.Contains(lower, "on waking"), strings.Contains(lower, "first thing"), opensDay.MatchString(lower):
		a.from = r.wake + 15*minute
		a.to = a.from + lasts
	default:
		a.from = usualStart[kind]
		for _, part := range partsOfDay {
			if strings.Contains(lower, part.phrase) {
				if !part.covers(a.from) {
					a.from = part.from
				}
				break
			}
		}
		a.from = min(max(a.from, r.wake+30*minute), r.bed-lasts-30*minute)
		a.to = a.from + lasts
	}
	a.to = min(a.to, r.bed)
	return a, a.to-a.from >= shortest && a.from < r.bed
}

// span resolves a range: "4:00 to 5:00 pm" is an afternoon, "11 to 1 pm" begins
// in the morning.
func (r *rhythm) span(first, last clockTime, kind activity.Kind) (int, int) {
	if last.sure && !first.sure && first.second < 12*hour && first.second+12*hour < last.second {
		first.second, first.sure = first.second+12*hour, true
	}
	from := r.within(first, kind)
	to := last.second
	for !last.sure && to <= from && to+12*hour > from {
		to += 12 * hour
	}
	if to <= from {
		to += day
	}
	return from, to
}

func untilBed(lower string) bool {
	return strings.Contains(lower, "until bed") || strings.Contains(lower, "till bed") || strings.Contains(lower, "until i go to bed")
}

func (r *rhythm) has(kind activity.Kind) bool {
	for _, a := range r.anchors {
		if a.kind == kind {
			return true
		}
	}
	return false
}

var timeWords = regexp.MustCompile(`(?i)\s*,?\s*\b(at|from|to|until|till|between|and|by|around|about|before|after|for)?\s*$`)

// subject is a requirement without its times: "study Italian at 2:00 pm for an
// hour" is about "study Italian".
func subject(text string) string {
	cut := len(text)
	if times := clockTimes(text); len(times) > 0 {
		cut = times[0].from
	}
	if m := lengthPattern.FindStringIndex(text); m != nil {
		cut = min(cut, m[0])
	}
	out := strings.TrimSpace(text[:cut])
	for {
		shorter := strings.TrimSpace(timeWords.ReplaceAllString(out, ""))
		if shorter == out {
			break
		}
		out = shorter
	}
	return brief(strings.TrimRight(out, ".,;: "))
}

// brief cuts a text at a word after at most 200 bytes, so that a description
// stays one.
func brief(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	cut := strings.ToValidUTF8(text[:most], "")
	if i := strings.LastIndexByte(cut, ' '); i > 0 {
		cut = cut[:i]
	}
	return cut + "…"
}
