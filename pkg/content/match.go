package content

import "strings"

// Match is a run of words that means one of the topics.
type Match struct {
	// Topic is the position in Topics.
	Topic int
	// Words is the length of the run in words.
	Words int
}

// node is a step of the phrase tree: a word leads on, a topic ends a phrase.
type node struct {
	next  map[string]*node
	topic int // -1 where no phrase ends
}

func newNode() *node { return &node{next: map[string]*node{}, topic: -1} }

var phraseTree = func() *node {
	root := newNode()
	for i, t := range topics {
		for _, phrase := range t.Words {
			at := root
			for _, w := range Split(phrase) {
				if at.next[w] == nil {
					at.next[w] = newNode()
				}
				at = at.next[w]
			}
			at.topic = i
		}
	}
	return root
}()

// Split cuts a text into lower-case words; hyphens and punctuation part words,
// an apostrophe inside one does not.
func Split(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !wordRune(r) })
}

func wordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '\'' || r > 0x7f && r != '’' && r != '–' && r != '—' && r != '…' && r != '“' && r != '”'
}

// MatchAt returns the longest phrase of any topic that begins at words[i], and
// whether there is one. The words are those of Split.
func MatchAt(words []string, i int) (Match, bool) {
	best, at := Match{Topic: -1}, phraseTree
	for j := i; j < len(words); j++ {
		if at = at.next[words[j]]; at == nil {
			break
		}
		if at.topic >= 0 {
			best = Match{Topic: at.topic, Words: j - i + 1}
		}
	}
	return best, best.Topic >= 0
}

// Classify returns the topic that a text is about, or "" if no word names one.
// Longer phrases weigh more (the square of their words), repeated ones add up,
// and of equals the one that came to its weight first wins.
func Classify(text string) string {
	var scores [maxTopics]int
	first, best := -1, 0
	words := Split(text)
	for i := 0; i < len(words); {
		m, ok := MatchAt(words, i)
		if !ok {
			i++
			continue
		}
		scores[m.Topic] += m.Words * m.Words
		if scores[m.Topic] > best {
			first, best = m.Topic, scores[m.Topic]
		}
		i += m.Words
	}
	if first < 0 {
		return ""
	}
	return topics[first].ID
}

// maxTopics bounds the catalogue, so that scoring needs no allocation.
const maxTopics = 128
