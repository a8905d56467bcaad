package planner

import (
	"regexp"
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// occupations maps the names of professions to what they fill a day with.
var occupations = func() map[string]activity.Kind {
	out := map[string]activity.Kind{}
	for _, m := range vocabulary("occupations") {
		for name := range strings.FieldsSeq(m.phrase) {
			out[name] = m.kind
		}
	}
	return out
}()

// livelihood is what a persona lives by, as its texts say.
type livelihood struct {
	kind   activity.Kind // empty for none
	part   bool          // part of a day: freelance, part-time, self-employed
	raises bool          // has children at home, or somebody to care for
}

// readLivelihood reads background and lifestyle, clause by clause. What is said
// to be over, and what others do, does not count.
func readLivelihood(p *simv1.Persona) livelihood {
	var out livelihood
	text := strings.ToLower(p.GetBackground() + ". " + p.GetLifestyle())
	jobless := withoutWork.MatchString(text)
	for _, sentence := range clauseEnd.Split(text, -1) {
		out.raises = out.raises || dependents.MatchString(sentence) && !grown.MatchString(sentence)
		if kind, ok := occupationIn(sentence); ok && out.kind == "" && !jobless {
			out.kind = kind
		}
	}
	out.part = partTime.MatchString(text)
	if p.GetAge() >= 70 && !worksNow.MatchString(text) {
		out.kind = ""
	}
	if out.kind == activity.FamilyCare {
		out.raises = true
	}
	return out
}

var (
	withoutWork = regexp.MustCompile(`\b(` +
		`unemployed|jobless|out of work|between jobs|looking for (a )?(new )?(work|job)|job[- ]hunting` +
		`|does not work|doesn't work|do not work|don't work|on (sick|parental|maternity) leave` +
		`)\b`)
	partTime   = regexp.MustCompile(`\b(freelance\w*|part[- ]time|self[- ]employed|odd jobs|casual work|gig)\b`)
	worksNow   = regexp.MustCompile(`\b(still|now) (works|working|runs|teaches|writes)|\bworks? (from home|remotely|as|for|full|part|in|at)\b`)
	dependents = regexp.MustCompile(`\b(` + strings.Join([]string{
		`(stay-at-home|full-time|single|working|proud|busy|devoted|young|new) (mother|mom|mum|father|dad|parent)`,
		`(mother|mom|mum|father|dad|parents?) (of|to) (an? |two|three|four|five|six|twin|young|small|\d)`,
		`(cares|caring|looks|looking) (for|after) (her|his|their|my|an?) [a-z -]{0,24}(mother|father|parents?|wife|husband|partner|sister|brother|aunt|uncle|grandmother|grandfather)`,
		`((cares|caring) for|(looks|looking) after|rais(es|ing)|brings? up) [a-z -]{0,24}(child|children|kids?|sons?|daughters?|twins|toddlers?|baby|grandchildren)`,
		`(young|small|little|school-age|teenage) (children|kids|sons|daughters)`,
		`toddlers?|homeschools?|homemaker|housewife|househusband`,
	}, "|") + `)\b`)
	grown = regexp.MustCompile(`\b(grown|grown-up|adult|empty nest\w*|moved out|left home|visits?|abroad|nothing but)\b`)
)

// over are words after which a profession is one of the past, until a word of
// present begins.
var over = words2set("former formerly retired ex once used previously worked was were been until quit gave left trained dreamt dreams wanted wants hopes aspiring")

// present are words after which a profession is one of today.
var present = words2set("now currently works still today nowadays presently turned became become")

// others are words after which somebody else is spoken of, to the next comma.
var others = words2set("married husband wife partner father mother parents brother sister son daughter friend friends roommate flatmate colleagues clients customers whose")

// parent are words that name the person itself where a sentence begins with them.
var parent = words2set("mother father mom mum dad parent")

func words2set(list string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(list) {
		out[w] = true
	}
	return out
}

var occupationWord = regexp.MustCompile(`[a-z]+(?:[-'][a-z]+)*|[,;:]`)

// occupationIn finds what a person does for a living in one sentence.
func occupationIn(sentence string) (activity.Kind, bool) {
	tokens := occupationWord.FindAllString(sentence, -1)
	past, other := false, false
	for i, w := range tokens {
		switch {
		case w == "," || w == ";" || w == ":":
			other = false
			continue
		case over[w]:
			past = true
			continue
		case present[w]:
			past, other = false, false
		case w == "is" && i > 0 && tokens[i-1] == "and":
			other = false
		case others[w] && !(i == 0 && parent[w]):
			other = true
		}
		if past || other {
			continue
		}
		if kind, ok := professionAt(tokens, i); ok {
			return kind, true
		}
	}
	return "", false
}

// professionAt reads a profession, or a verb that says somebody has one, at a
// word.
func professionAt(tokens []string, i int) (activity.Kind, bool) {
	next := ""
	if i+1 < len(tokens) {
		next = tokens[i+1]
	}
	switch w := tokens[i]; w {
	case "works", "working":
		return activity.Work, next != "out" && next != "on" && next != "towards" && next != "toward"
	case "freelance", "self-employed", "part-time", "full-time":
		if next == "mother" || next == "father" || next == "parent" || next == "mom" || next == "mum" || next == "dad" {
			return activity.FamilyCare, true
		}
		if kind, ok := named(tokens[i+1:]); ok {
			return kind, true
		}
		return activity.Work, true
	case "runs":
		return activity.Work, next == "a" || next == "an" || next == "her" || next == "his" || next == "their" || next == "the"
	case "studies", "studying":
		return activity.Study, next != "the" && next != "in"
	case "stay-at-home":
		return activity.FamilyCare, true
	case "teaches", "designs", "sells", "edits", "translates", "consults", "freelances":
		return activity.Work, true
	default:
		return named(tokens[i : i+1])
	}
}

// named finds the first profession among words of one clause.
func named(tokens []string) (activity.Kind, bool) {
	for _, w := range tokens {
		if w == "," || w == ";" || w == ":" {
			break
		}
		if kind, ok := occupations[w]; ok {
			return kind, true
		}
		if at := strings.LastIndexByte(w, '-'); at > 0 {
			if kind, ok := occupations[w[at+1:]]; ok {
				return kind, true
			}
		}
	}
	return "", false
}

// occupied is how many seconds of a daily plan with times make a livelihood: who
// states that much gets no more.
const occupied = 2 * hour

// errand is how many seconds of work in a daily plan are still no working day:
// "check the emails for half an hour".
const errand = hour

// living are the kinds by which people live.
var living = map[activity.Kind]bool{
	activity.Work: true, activity.Meeting: true, activity.Study: true, activity.Writing: true, activity.Repair: true,
	activity.Craft: true, activity.Art: true, activity.Music: true, activity.FamilyCare: true, activity.Gardening: true,
	activity.Cooking: true, activity.Phone: true, activity.Gaming: true, activity.Hosting: true,
}

// earn adds the hours of work, studies and care that the texts speak of, where
// the daily plan does not state its own.
func (r *rhythm) earn(p *simv1.Persona) {
	stated, working := 0, 0
	for _, a := range r.anchors {
		if a.timed && living[a.kind] {
			stated += a.to - a.from
		}
		if a.kind == activity.Work {
			working += a.to - a.from
		}
	}
	life := readLivelihood(p)
	if stated < occupied && working < errand && life.kind != "" && life.kind != activity.FamilyCare {
		r.work(life)
	}
	if !life.raises || r.has(activity.FamilyCare) {
		return
	}
	r.add(activity.FamilyCare, r.wake+hour, 30*minute)
	r.add(activity.FamilyCare, 17*hour, hour)
	if life.kind == activity.FamilyCare {
		r.add(activity.FamilyCare, 9*hour+30*minute, 2*hour)
		r.add(activity.FamilyCare, 14*hour, hour)
		r.add(activity.Housework, 12*hour, 30*minute)
	}
	r.add(activity.FamilyCare, min(20*hour, r.bed-2*hour), 30*minute)
}

// work adds a working day: seven hours from nine, or an hour and a half after
// getting up; four and a half from ten for who works part of the day; four of
// studies for a student.
func (r *rhythm) work(life livelihood) {
	first, second := activity.Work, activity.Work
	switch life.kind {
	case activity.Study:
		first, second = activity.Study, activity.Study
	case activity.Art, activity.Writing, activity.Music, activity.Craft:
		first = life.kind
	}
	morning, afternoon := 3*hour+30*minute, 3*hour+30*minute
	from := 9 * hour
	if life.part || life.kind == activity.Study {
		morning, afternoon = 2*hour+30*minute, 2*hour
		from = 10 * hour
	}
	from = max(from, r.wake+hour+30*minute)
	r.add(first, from, morning)
	r.add(second, from+morning+hour, afternoon)
}

// add puts an untimed anchor into the waking day.
func (r *rhythm) add(kind activity.Kind, from, lasts int) {
	from = max(from, r.wake+30*minute)
	to := min(from+lasts, r.bed-hour)
	if to-from >= shortest {
		r.anchors = append(r.anchors, anchor{kind: kind, from: from, to: to})
	}
}
