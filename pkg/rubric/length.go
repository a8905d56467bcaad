package rubric

// Readings of units of length, in words.
const (
	sentenceWords      = 20.0
	shortSentenceWords = 12.0
)

// unitWords are the units of a limit of length.
var unitWords = map[string]float64{
	"word": 1, "words": 1, "sentence": sentenceWords, "sentences": sentenceWords, "line": 15, "lines": 15,
	"liner": 15, "liners": 15, "paragraph": 80, "paragraphs": 80,
}

// sizes are adjectives before a unit of length; the value says whether they make
// it smaller.
var sizes = map[string]bool{"short": true, "brief": true, "crisp": true, "compact": true, "plain": false, "clear": false, "simple": false, "single": false}

// wordLimit reads "under 20 words", "one or two sentences", "a line".
func wordLimit(s *scanner, i int) (chunk, bool) {
	at, m, about := i, modePlain, false
	for at < i+near {
		if k, n := preModes.match(s.toks, at); n > 0 {
			m, at = k, at+n
			continue
		}
		if lead, n := leads.match(s.toks, at); n > 0 {
			about = about || lead == "about"
			at += n
			continue
		}
		if w := s.text(at); at > i && (w == "longer" || w == "than") {
			at++
			continue
		}
		break
	}
	if s.text(at) == "longer" && s.text(at+1) == "than" {
		m, at = modeMost, at+2
	}
	var count span
	v, n := rangeAt(s.toks, at)
	switch {
	case n > 0:
		count, at = v, at+n
	case (s.text(at) == "a" || s.text(at) == "single") && s.text(at+1) != "":
		count, at = one(1), at+1
	default:
		return chunk{}, false
	}
	small := false
	for size, known := sizes[s.text(at)]; known; size, known = sizes[s.text(at)] {
		small = small || size
		at++
	}
	each, known := unitWords[s.text(at)]
	if !known {
		return chunk{}, false
	}
	if small && each == sentenceWords {
		each = shortSentenceWords
	}
	at++
	if s.text(at) == "or" && s.text(at+1) == "two" { // "a sentence or two"
		count, at = span{1, 2}, at+2
	}
	if k, n := postModes.match(s.toks, at); n > 0 {
		if k != modePlain {
			m = k
		}
		at += n
	}
	words := count.hi * each
	if about && each == 1 {
		words += words / 4
	}
	if m == modeLess {
		words--
	}
	if m == modeLeast { // no lower limit exists; it is no upper limit either
		return chunk{}, false
	}
	return chunk{kind: chunkWords, to: at, words: min(max(round(words), 1), 1000), always: true}, true
}

// fileWords files a limit of length.
func (r *reader) fileWords(s *scanner, c chunk, sense polarity) {
	sp := &r.out.speech
	r.out.understood[fieldCommunication] = true
	switch {
	case c.words < 0 && sense == negative:
		sp.vagueWords = least(sp.vagueWords, 40)
		r.ruled("at most 40 words")
	case c.words < 0:
		r.ruled("any length")
	case c.always:
		sp.words = least(sp.words, c.words)
		r.ruled("at most " + digits(c.words) + " words")
	case sense == negative:
		r.leave("says what length is not wanted; no limit was read from it")
	default:
		sp.vagueWords = least(sp.vagueWords, c.words)
		sp.weak = addTones(sp.weak, c.tones)
		r.ruled("at most " + digits(c.words) + " words")
	}
}

// least returns the smaller of two limits, where 0 is none.
func least(a, b int32) int32 {
	if a == 0 {
		return b
	}
	return min(a, b)
}
