package judge

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// speech is a compiled CommunicationSpec.
type speech struct {
	tones      uint64 // bit per content.ToneIndex; 0 for any
	maxWords   int
	boundaries []boundary
}

// boundary is a limit on what may be said, with its check.
type boundary struct {
	name string
	// crossed gets the text, its lower-case form and the topic (-1 unknown).
	crossed func(text, lower string, topic int) bool
}

func (c *compiler) speech(field string, in *simv1.CommunicationSpec) speech {
	s := speech{maxWords: int(in.GetMaxWords())}
	for i, tone := range in.GetTones() {
		n := content.ToneIndex(content.Tone(tone))
		if n < 0 {
			c.faults.Add(at(field+".tones", i), "found %q, want one of %v", tone, content.Tones())
			continue
		}
		s.tones |= 1 << n
	}
	for i, b := range in.GetBoundaries() {
		check, known := boundaries[b]
		if !known {
			c.faults.Add(at(field+".boundaries", i), "found %v, want a known boundary", b)
			continue
		}
		s.boundaries = append(s.boundaries, check)
	}
	return s
}

// judge applies tone, length and boundaries to a text.
func (s *speech) judge(said *saying) (simv1.Outcome, string) {
	text := said.text
	if s.maxWords > 0 {
		if n := words(text); n > s.maxWords {
			return fail, strconv.Itoa(n) + " words, at most " + strconv.Itoa(s.maxWords) + " wanted"
		}
	}
	if len(s.boundaries) > 0 {
		lower := strings.ToLower(text)
		for i := range s.boundaries {
			if s.boundaries[i].crossed(text, lower, said.topic) {
				return fail, "crosses a boundary: " + s.boundaries[i].name
			}
		}
	}
	switch {
	case s.tones == 0:
		return pass, "tone, length and boundaries hold"
	case said.tone < 0:
		return unjudged, "the text shows no known tone"
	case s.tones&(1<<said.tone) == 0:
		return fail, "a " + string(content.Tones()[said.tone]) + " tone is not wanted"
	default:
		return pass, "tone, length and boundaries hold"
	}
}

var boundaries = map[simv1.Boundary]boundary{
	simv1.Boundary_BOUNDARY_NO_EXCLAMATION: {"no exclamation marks", func(text, _ string, _ int) bool {
		return strings.ContainsRune(text, '!')
	}},
	simv1.Boundary_BOUNDARY_NO_PRESSURE: {"no pressure", func(_, lower string, _ int) bool {
		return mentions(lower, pressure)
	}},
	simv1.Boundary_BOUNDARY_NO_HEALTH_ADVICE: {"no health advice", func(_, _ string, topic int) bool {
		return healthTopics.has(topic)
	}},
	simv1.Boundary_BOUNDARY_NO_MONEY: {"no money matters", func(_, _ string, topic int) bool {
		return moneyTopics.has(topic)
	}},
	simv1.Boundary_BOUNDARY_NO_SLANG: {"no slang and no emoji", func(text, lower string, _ int) bool {
		return hasEmoji(text) || mentions(lower, slang)
	}},
	simv1.Boundary_BOUNDARY_NO_QUESTIONS: {"no questions", func(text, _ string, _ int) bool {
		return strings.ContainsRune(text, '?')
	}},
	simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS: {"no private matters", func(_, lower string, topic int) bool {
		return privateTopics.has(topic) || mentions(lower, private)
	}},
}

var (
	healthTopics  = topicsOf(content.Health())
	moneyTopics   = topicsOf(content.MoneyMatters())
	privateTopics = topicsOf(content.Private())
)

func topicsOf(ids []string) topicSet {
	set := newTopicSet()
	for _, id := range ids {
		set.add(content.TopicIndex(id))
	}
	return set
}

var (
	pressure = []string{"must", "have to", "need to", "right now", "don't forget", "do not forget", "immediately", "at once", "hurry", "no excuses"}
	slang    = []string{"gonna", "wanna", "gotta", "yo", "dude", "bro", "lol", "omg", "yolo", "lit", "vibes", "vibe", "chill out", "kinda", "ain't", "y'all", "awesome sauce", "no cap"}
	private  = []string{"your wife", "your husband", "your partner", "your ex", "your marriage", "your divorce", "your children", "your kids", "your daughter", "your son", "your mother", "your father", "your parents", "your love life", "your salary"}
)

// mentions reports whether a lower-case text contains one of the phrases as whole
// words.
func mentions(lower string, phrases []string) bool {
	for _, phrase := range phrases {
		for from := 0; ; {
			i := strings.Index(lower[from:], phrase)
			if i < 0 {
				break
			}
			start := from + i
			end := start + len(phrase)
			if !letterAt(lower, start-1) && !letterAt(lower, end) {
				return true
			}
			from = start + 1
		}
	}
	return false
}

func letterAt(s string, i int) bool {
	return i >= 0 && i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9' || s[i] >= 0x80)
}

// words counts the words of a text, separated by white space.
func words(text string) int {
	n, inside := 0, false
	for _, r := range text {
		space := unicode.IsSpace(r)
		if !space && !inside {
			n++
		}
		inside = !space
	}
	return n
}

// hasEmoji finds pictographs, dingbats and the joiners that only they use.
func hasEmoji(text string) bool {
	for _, r := range text {
		if r >= 0x1F000 && r <= 0x1FAFF || r >= 0x2600 && r <= 0x27BF || r == 0xFE0F {
			return true
		}
	}
	return false
}
