package policy

import (
	"strings"

	"github.com/propersim/propersim/pkg/content"
)

// frame is what stands before and after a suggestion.
type frame struct{ before, after string }

// phraseOf holds the phrases by position in content.Topics.
var phraseOf = func() [][]string {
	out := make([][]string, topicCount)
	for i, t := range content.Topics() {
		out[i] = phrases[t.ID]
	}
	return out
}()

// Lines returns how many texts there are for a topic in a tone, both given by
// position.
func Lines(topic, tone int) int { return len(phraseOf[topic]) * len(manners[tone]) }

// Line returns the n-th of them, 0 <= n < Lines.
func Line(topic, tone, n int) string {
	suggestions, frames := phraseOf[topic], manners[tone]
	phrase, f := suggestions[n%len(suggestions)], &frames[n/len(suggestions)]
	if f.before == "" {
		return strings.ToUpper(phrase[:1]) + phrase[1:] + f.after
	}
	return f.before + phrase + f.after
}

// Realise puts a topic and a tone, given by position, into words: one of their
// lines, chosen by the draw.
func Realise(topic, tone int, draw uint64) string {
	return Line(topic, tone, int(draw%uint64(Lines(topic, tone))))
}
