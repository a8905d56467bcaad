package planner

import (
	"regexp"
	"strings"

	"github.com/propersim/propersim/pkg/activity"
)

var (
	habitEnd  = regexp.MustCompile(`[.;!?\n]+\s*|,\s+(?:and |then )?`)
	habitTime = regexp.MustCompile(`(?i)\b(` +
		`morning|afternoon|evening|evenings|night|nightly|before bed|before sleep|end(s|ing)? the day|start(s|ing)? the day` +
		`|after (breakfast|lunch|dinner|waking|work)|unwinds?|winds? down|on waking|first thing` +
		`)\b`)
)

// habits reads the activities of a lifestyle that come at a time of day and that
// no requirement names. A clause that gives the time of a meal, of getting up or
// of going to bed says no more than that.
func (r *rhythm) habits(lifestyle string) {
	for _, clause := range habitEnd.Split(lifestyle, -1) {
		times := clockTimes(clause)
		if len(times) == 0 && !habitTime.MatchString(clause) {
			continue
		}
		if len(times) > 0 && namesRhythm(clause) {
			continue
		}
		kind, ok := kindOf(clause)
		switch kind {
		case bed, activity.WakeUp, activity.Breakfast, activity.Lunch, activity.Dinner, activity.Snack, activity.Hygiene, activity.Dressing:
			continue
		}
		if !ok || r.has(kind) {
			continue
		}
		if a, ok := r.requirement(endOfDay(clause)); ok && a.kind == kind {
			a.subject = ""
			r.anchors = append(r.anchors, a)
		}
	}
}

// namesRhythm reports a clause about a meal, getting up or going to bed.
func namesRhythm(clause string) bool {
	for _, m := range kindsIn(clause) {
		switch m.kind {
		case bed, activity.WakeUp, activity.Breakfast, activity.Lunch, activity.Dinner, activity.Snack:
			return true
		}
	}
	return false
}

var closing = regexp.MustCompile(`(?i)\b(end(s|ing)? the day|unwinds?|winds? down|before sleep|nightly)\b`)

// endOfDay says in the words of a requirement that something closes the day.
func endOfDay(clause string) string {
	if closing.MatchString(clause) && len(clockTimes(clause)) == 0 && !strings.Contains(strings.ToLower(clause), "before bed") {
		return clause + " before bed"
	}
	return clause
}
