package rubric

// lexicon finds the longest of many phrases at a place in a text.
type lexicon[T any] struct {
	byFirst map[string][]phrase[T]
}

type phrase[T any] struct {
	words []string
	value T
}

// newLexicon builds a lexicon from phrases written as prose.
func newLexicon[T any](phrases map[string]T) *lexicon[T] {
	l := &lexicon[T]{byFirst: map[string][]phrase[T]{}}
	for text, value := range phrases {
		l.add(text, value)
	}
	return l
}

func (l *lexicon[T]) add(text string, value T) {
	var words []string
	for _, t := range tokenize(text) {
		words = append(words, t.text)
	}
	if len(words) == 0 {
		return
	}
	l.byFirst[words[0]] = append(l.byFirst[words[0]], phrase[T]{words, value})
}

// length returns the length in tokens of the longest phrase at toks[i].
func (l *lexicon[T]) length(toks []token, i int) int {
	_, n := l.match(toks, i)
	return n
}

// match returns the value of the longest phrase that begins at toks[i] and its
// length in tokens; 0 where there is none. Phrases are distinct, so the answer
// does not depend on the order in which they were added.
func (l *lexicon[T]) match(toks []token, i int) (T, int) {
	var best T
	length := 0
	if i >= len(toks) {
		return best, 0
	}
candidates:
	for _, p := range l.byFirst[toks[i].text] {
		if len(p.words) <= length || i+len(p.words) > len(toks) {
			continue
		}
		for k, w := range p.words {
			if toks[i+k].text != w {
				continue candidates
			}
		}
		best, length = p.value, len(p.words)
	}
	return best, length
}
