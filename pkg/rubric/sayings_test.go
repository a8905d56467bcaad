package rubric

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// TestMain fixes the seed of the property tests, so that two runs draw the same
// sentences, and draws more of them than rapid does by default. The flags
// -rapid.seed and -rapid.checks and their environment variables have priority.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{"rapid.seed": os.Getenv("RAPID_SEED") != "", "rapid.checks": os.Getenv("RAPID_CHECKS") != ""}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.seed": "13", "rapid.checks": "300"} {
		if given[name] {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// Phrases of the reader's own vocabulary, from which the sentences are made.
var (
	topicNames = namesOfTopics()
	gerunds    = activitiesWhere(func(phrase string) bool {
		first, _, _ := strings.Cut(phrase, " ")
		return len(first) > 4 && strings.HasSuffix(first, "ing") && !slices.Contains(phrasesUnder("dayparts", ""), phrase)
	})
	pursuits = activitiesWhere(func(phrase string) bool {
		first, _, _ := strings.Cut(phrase, " ")
		return first == "my" || slices.Contains([]string{"breakfast", "lunch", "dinner", "supper", "prayer", "meditation", "yoga", "work", "gardening", "knitting", "housework", "homework", "laundry"}, phrase)
	})
	daypartNames  = entries("dayparts")
	negativeCues  = phrasesUnder("cues", "negative")
	verdictCues   = without(negativeCues, append([]string{"neither"}, phrasesUnder("separators", "")...)...) // which can follow what they judge
	separatorsOf  = func(heading string) []string { return phrasesUnder("separators", heading) }
	beforePhrases = phrasesUnder("relations", "before")
)

// phrasesUnder returns the phrases of a vocabulary file under one heading, or
// under all where heading is "".
func phrasesUnder(file, heading string) []string {
	var out []string
	for _, e := range entries(file) {
		if e.value == heading || heading == "" {
			out = append(out, e.phrase)
		}
	}
	return out
}

// without returns a list without some of its phrases.
func without(list []string, unwanted ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(unwanted, s) })
}

// namesOfTopics returns the names of each topic, in the order of the catalogue.
func namesOfTopics() [][]string {
	var out [][]string
	for _, t := range content.Topics() {
		names := slices.Clone(t.Words)
		for _, e := range entries("topics") {
			if e.value == t.ID {
				names = append(names, e.phrase)
			}
		}
		out = append(out, names)
	}
	return out
}

// pursuit is a phrase for an activity and the kinds that it means.
type pursuit struct {
	phrase string
	kinds  []string
}

// activitiesWhere returns the phrases for activities in which one can be spoken
// to, as far as keep accepts them.
func activitiesWhere(keep func(phrase string) bool) []pursuit {
	var out []pursuit
	for _, e := range entries("activities") {
		if e.value == "sleep" || e.value == "wake_up" || !keep(e.phrase) {
			continue
		}
		kinds, err := list[string](e.value)
		if err != nil {
			panic(err)
		}
		out = append(out, pursuit{e.phrase, kinds})
	}
	slices.SortFunc(out, func(a, b pursuit) int { return cmp.Compare(a.phrase, b.phrase) })
	return out
}

// meant is a moment as it is written and as a person means it.
type meant struct {
	text    string
	pattern *simv1.MomentPattern
}

func clockMeant(text string, from, to int32) meant {
	return meant{text, &simv1.MomentPattern{Clock: &simv1.ClockInterval{FromMinute: from, ToMinute: to}}}
}

func duringMeant(text string, kinds []string) meant {
	return meant{text, &simv1.MomentPattern{Activity: &simv1.ActivityPattern{Kinds: kinds, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING}}}
}

func afterMeant(text string, kinds []string) meant {
	return meant{text, &simv1.MomentPattern{Activity: &simv1.ActivityPattern{Kinds: kinds, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_AFTER, WithinMinutes: afterMinutes}}}
}

// drawClock draws a time of the clock with a relation word.
func drawClock(t *rapid.T) meant {
	hour := rapid.Int32Range(1, 10).Draw(t, "hour")
	half := rapid.Int32Range(0, 1).Draw(t, "half")
	mark := anyOf(t, "am or pm", [][]string{{"am", " am", " a.m.", "a.m."}, {"pm", " pm", " p.m.", "p.m."}}[half])
	at := (hour + 12*half) * 60
	switch rapid.IntRange(0, 5).Draw(t, "clock") {
	case 0:
		return clockMeant(fmt.Sprintf("from %d%s to %d%s", hour, mark, hour+1, mark), at, at+60)
	case 1:
		return clockMeant(fmt.Sprintf("between %d and %d%s", hour, hour+1, mark), at, at+60)
	case 2:
		return clockMeant(fmt.Sprintf("at %d:30%s", hour, mark), at+15, at+45)
	case 3:
		return clockMeant(fmt.Sprintf("around %d%s", hour, mark), at-30, at+30)
	case 4:
		return clockMeant(fmt.Sprintf("before %d%s", hour, mark), 0, at)
	}
	return clockMeant(fmt.Sprintf("after %d%s", hour, mark), at, dayEnd)
}

// drawMoment draws a moment: a part of the day, a time of the clock, or an
// activity.
func drawMoment(t *rapid.T) meant {
	switch rapid.IntRange(0, 5).Draw(t, "moment") {
	case 0:
		e := rapid.SampledFrom(daypartNames).Draw(t, "part of the day")
		v, err := hours(e.value)
		if err != nil {
			t.Fatal(err)
		}
		lead := "in the "
		for _, edge := range []string{"end of", "the end of", "beginning of", "start of"} {
			if strings.HasPrefix(e.phrase, edge) {
				lead = "at the "
			}
		}
		return clockMeant(lead+strings.TrimPrefix(e.phrase, "the "), v.from, v.to)
	case 1, 2:
		return drawClock(t)
	case 3:
		p := rapid.SampledFrom(pursuits).Draw(t, "activity")
		return duringMeant("during "+p.phrase, p.kinds)
	case 4:
		p := rapid.SampledFrom(pursuits).Draw(t, "activity")
		return afterMeant("after "+p.phrase, p.kinds)
	}
	p := rapid.SampledFrom(gerunds).Draw(t, "activity")
	return duringMeant(anyOf(t, "while", []string{"while I'm ", "when I'm ", "while ", "whenever I'm "})+p.phrase, p.kinds)
}

// same reports whether two patterns cover the same moments by the same rule.
func (m meant) same(p *simv1.MomentPattern) bool {
	return proto.Equal(m.pattern.GetClock(), p.GetClock()) && proto.Equal(m.pattern.GetActivity(), p.GetActivity())
}

// sameRefused is like same, for a refused time: a refusal of the evening hours
// that has no written end includes the night.
func (m meant) sameRefused(p *simv1.MomentPattern) bool {
	if m.same(p) {
		return true
	}
	a, b := m.pattern.GetClock(), p.GetClock()
	return a != nil && b != nil && m.pattern.GetActivity() == nil && p.GetActivity() == nil &&
		a.GetFromMinute() == b.GetFromMinute() && a.GetFromMinute() >= hm(18, 0) && a.GetToMinute() == dayEnd && b.GetToMinute() == lateEnd
}
