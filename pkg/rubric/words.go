package rubric

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// polarity is the sense of a cue.
type polarity int8

const (
	unset    polarity = 0
	positive polarity = 1
	negative polarity = -1
)

// separator parts a sentence into segments.
type separator uint8

const (
	sepNone separator = iota
	sepComma
	sepAnd
	sepOr
	sepBut    // turns back to the positive
	sepExcept // turns to the opposite
	sepNot    // turns to the negative
)

// Vocabulary of clauses.
var (
	nouns      = wordSet("nouns")
	fillers    = wordSet("fillers")
	weighty    = wordSet("weighty")
	cues       = table("cues", sense)
	fieldCues  = [4]*lexicon[polarity]{table("cues_preference", sense), table("cues_timing", sense), newLexicon(map[string]polarity{}), newLexicon(map[string]polarity{})}
	approvals  = picturesOf("approvals")
	separators = table("separators", names[separator]("none", "comma", "and", "or", "but", "except", "not"))
	reasons    = phrases("reasons")
	frames     = [4]*lexicon[bool]{phrases("frames_preference"), phrases("frames_timing"), phrases("frames_frequency"), phrases("frames_communication")}
	leadIns    = phrases("lead_ins")
	onlyAfter  = phrases("only_behind")
	conditions = wordSet("conditions")
	provisos   = phrases("provisos")
)

// Vocabulary of moments.
var (
	activityWords = table("activities", list[string])
	dayparts      = table("dayparts", hours)
	befores       = table("before", hours)
	arounds       = table("around", hours)
	anchors       = table("anchors", hours)
	hints         = table("meridiem", itself)
	clockWords    = table("clock_words", whole)
	anyTime       = phrases("any_time")
	relations     = table("relations", names[relation]("none", "during", "when", "after", "right-after", "before", "until", "around", "at", "from", "between", "in"))
	subjects      = wordSet("subjects")
	padding       = wordSet("padding")
	possessives   = wordSet("with_whom")
	endings       = wordSet("endings")
	finals        = phrases("finals")
	trailers      = phrases("trailers")
	rounds        = phrases("rounds")
)

// Vocabulary of numbers.
var (
	vagueNumbers   = table("vague_numbers", numbers)
	rangeLinks     = phrases("range_links")
	fixedDurations = table("durations", numbers)
	modes          = names[mode]("plain", "most", "least", "never", "more", "less")
	preModes       = table("bounds_before", modes)
	postModes      = table("bounds_behind", modes)
	leads          = table("number_leads", itself)
	vagues         = table("vague_rates", rate)
	remarks        = phrases("remarks")
	tooMuch        = wordSet("too_much")
	tooLittle      = wordSet("too_little")
	windowLeads    = phrases("window_leads")
	slack          = wordSet("slack")
	closerThan     = phrases("closer_than")
	unlimited      = phrases("unlimited")
	sameTimes      = phrases("same_times")
)

// Vocabulary of topics.
var (
	anyTopic    = phrases("any_topic")
	otherwise   = phrases("otherwise")
	adjectives  = wordSet("adjectives")
	topicWords  = newLexicon(topicPhrases())
	namedTopics = newLexicon(catalogue()) // without everyday names, for texts about something else
)

// Vocabulary of the manner of speaking.
var (
	lengths        = table("lengths", whole)
	longs          = phrases("too_long")
	manners        = phrases("bad_manners")
	faults         = table("blame", list[content.Tone])
	toneWords      = newLexicon(tonePhrases())
	boundaryWords  = table("boundaries", boundaryNamed)
	boundaryAlways = table("boundaries_always", boundaryNamed)
	imperatives    = wordSet("imperatives")
)

// Vocabulary of the third person.
var (
	objects  = wordSet("after_her")
	speakers = wordSet("speakers")
)

func sense(heading string) (polarity, error) {
	switch heading {
	case "positive":
		return positive, nil
	case "negative":
		return negative, nil
	}
	return unset, fmt.Errorf("want positive or negative")
}

func rate(heading string) (statement, error) {
	count, err := numbers(heading)
	return statement{count: count, window: windowDay}, err
}

func boundaryNamed(heading string) (simv1.Boundary, error) {
	n, ok := simv1.Boundary_value["BOUNDARY_"+strings.ToUpper(heading)]
	if !ok {
		return 0, fmt.Errorf("want a boundary such as no_pressure")
	}
	return simv1.Boundary(n), nil
}

// catalogue are the words of package content for topics and families of topics.
func catalogue() map[string][]string {
	m := map[string][]string{}
	for _, f := range content.Families() {
		for _, name := range f.Names {
			m[name] = f.Topics
		}
	}
	for _, t := range content.Topics() {
		for _, w := range t.Words {
			m[w] = []string{t.ID}
		}
	}
	return m
}

// topicPhrases are the words for topics in the text about them: those of the
// catalogue and everyday ones, in the singular and in the plural.
func topicPhrases() map[string][]string {
	m := catalogue()
	for _, e := range entries("topics") {
		m[e.phrase] = []string{e.value}
	}
	for _, phrase := range slices.Sorted(maps.Keys(m)) {
		for _, other := range inflected(phrase) {
			if _, ok := m[other]; !ok {
				m[other] = m[phrase]
			}
		}
	}
	return m
}

// inflected returns the singular of a plural, and the plural of a singular.
func inflected(phrase string) []string {
	switch last := phrase[strings.LastIndexByte(phrase, ' ')+1:]; {
	case uninflected[last] || strings.HasSuffix(last, "ing") || strings.HasSuffix(last, "ics") || strings.HasSuffix(last, "ness") || len(last) < 4:
		return nil
	case strings.HasSuffix(last, "ies"):
		return []string{strings.TrimSuffix(phrase, "ies") + "y"}
	case strings.HasSuffix(last, "ss"), strings.HasSuffix(last, "sh"), strings.HasSuffix(last, "ch"), strings.HasSuffix(last, "x"):
		return []string{phrase + "es"}
	case strings.HasSuffix(last, "sses"), strings.HasSuffix(last, "shes"), strings.HasSuffix(last, "ches"), strings.HasSuffix(last, "xes"):
		return []string{strings.TrimSuffix(phrase, "es")}
	case strings.HasSuffix(last, "s"):
		return []string{strings.TrimSuffix(phrase, "s")}
	case strings.HasSuffix(last, "y") && !strings.ContainsAny(last[len(last)-2:len(last)-1], "aeiou"):
		return []string{strings.TrimSuffix(phrase, "y") + "ies"}
	}
	return []string{phrase + "s"}
}

// uninflected are words whose other number is no word or another one.
var uninflected = wordSet("uninflected")

// tonePhrases are the words for tones, those of blame among them.
func tonePhrases() map[string][]content.Tone {
	m := map[string][]content.Tone{}
	for phrase, tones := range content.TonePhrases() {
		m[phrase] = tones
	}
	for _, e := range entries("blame") {
		m[e.phrase] = []content.Tone{content.Tone(e.value)}
	}
	return m
}
