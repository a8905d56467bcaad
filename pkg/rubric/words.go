package rubric

import (
	"fmt"
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
	separators = table("separators", names[separator]("none", "comma", "and", "or", "but", "except", "not"))
	reasons    = phrases("reasons")
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
	anyTopic   = phrases("any_topic")
	otherwise  = phrases("otherwise")
	adjectives = wordSet("adjectives")
	topicWords = newLexicon(topicPhrases())
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

// topicPhrases are the words for topics and for families of topics.
func topicPhrases() map[string][]string {
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
