package rubric

import (
	"strings"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// chunkKind is the meaning of a piece of a sentence.
type chunkKind uint8

const (
	chunkUnknown chunkKind = iota
	chunkFiller
	chunkMoment
	chunkTopics
	chunkCue
	chunkSep
	chunkOnly
	chunkReason // an explanation: no rule
	chunkAnyTime
	chunkOtherwise
	chunkTone
	chunkBoundary
	chunkWords  // a length limit
	chunkCount  // a statement about frequency
	chunkNarrow // an unknown word that narrows the topic after it
)

// chunk is a run of tokens with one meaning.
type chunk struct {
	kind     chunkKind
	from, to int // tokens
	moment   moment
	topics   []string
	cue      polarity
	nominal  bool // a cue that denies a noun ("no", "without")
	sep      separator
	tones    []content.Tone
	blame    bool // the tones are named by a word of blame ("stiff")
	boundary simv1.Boundary
	words    int32
	always   bool // a boundary that needs no negation ("respect my privacy")
	stmt     *statement
	part     bool // a filler that is a part of another piece, or qualifies it
}

// field is one of the four texts of a rubric. The same words can mean different
// things in different fields.
type field uint8

const (
	fieldPreference field = iota
	fieldTiming
	fieldFrequency
	fieldCommunication
)

var fieldNames = [...]string{"personal_preference", "timing", "frequency", "communication_safety"}

func (f field) String() string { return fieldNames[f] }

// chunks splits one sentence into pieces that cover all of its tokens.
func (r *reader) chunks(s *scanner) []chunk {
	var out []chunk
	for i := 0; i < len(s.toks); {
		c := r.chunkAt(s, i, out)
		c.from = i
		if c.to <= i {
			c.to = i + 1
		}
		out = append(out, c)
		i = c.to
	}
	return out
}

// chunkAt reads the piece at token i, behind the pieces before.
func (r *reader) chunkAt(s *scanner, i int, before []chunk) chunk {
	p := &cursor{reader: r, s: s, i: i, before: before}
	if c, ok := p.first(phraseRules); ok {
		return c
	}
	p.measure()
	if c, ok := p.first(wordRules); ok {
		return c
	}
	return p.unknown()
}

// cursor is a token of a sentence, and what is known about it.
type cursor struct {
	*reader
	s      *scanner
	i      int
	before []chunk // the pieces that precede token i

	// Set by measure. The lengths are in tokens; 0 says that there is none.
	frame  int
	cue    polarity
	cueLen int
	sep    separator
	sepLen int
}

// first returns the piece of the first rule that reads one.
func (p *cursor) first(rules []chunkRule) (chunk, bool) {
	for _, rule := range rules {
		if c, ok := rule.read(p); ok {
			return c, true
		}
	}
	return chunk{}, false
}

// measure finds the frame, the cue and the separator at the token.
func (p *cursor) measure() {
	p.frame = frames[p.field].length(p.s.toks, p.i)
	p.cue, p.cueLen = p.cueAt(p.s, p.i)
	p.sep, p.sepLen = separators.match(p.s.toks, p.i)
	if p.field == fieldFrequency && p.sep == sepNot && p.sepLen > 1 && p.word() != "just" {
		p.sep, p.sepLen = sepAnd, 1 // "and never more than three": "never" belongs to the number
	}
}

// word returns the text of the token.
func (p *cursor) word() string { return p.s.text(p.i) }

// take makes a piece of n tokens; false where n is 0.
func (p *cursor) take(kind chunkKind, n int) (chunk, bool) {
	return chunk{kind: kind, to: p.i + n}, n > 0
}

// unknown makes a piece that is not understood.
func (p *cursor) unknown() chunk {
	return chunk{kind: chunkUnknown, to: p.unknownEnd(p.s, p.i)}
}

// countsTimes reports whether the number at token i counts times of the day or
// manners, which the next words name: "three stretches".
func countsTimes(s *scanner, i int) bool {
	w := s.text(i + 1)
	return frames[fieldTiming].length(s.toks, i+1) > 0 || frames[fieldCommunication].length(s.toks, i+1) > 0 || nouns[w]
}

// inClause reports whether the current clause already has a piece of this kind.
func inClause(before []chunk, kind chunkKind) bool {
	for k := len(before) - 1; k >= 0 && before[k].kind != chunkSep; k-- {
		if before[k].kind == kind {
			return true
		}
	}
	return false
}

// outsideAt returns 1, the length of "outside", before a part of the day or an
// interval of the clock, and 0 otherwise.
func (r *reader) outsideAt(s *scanner, i int) int {
	if s.text(i) != "outside" || r.field == fieldFrequency || r.field == fieldCommunication {
		return 0
	}
	at := i + 1
	for w := s.text(at); w == "of" || w == "my" || w == "the" || w == "these" || w == "those"; w = s.text(at) {
		at++
	}
	if _, n := s.daypartAt(at); n > 0 {
		return 1
	}
	if m, n := s.momentAt(at, true); n > 0 && m.clock != nil && m.kinds == nil {
		return 1
	}
	return 0
}

// unknownEnd returns the end of the piece at token i that is not understood: one
// word, or for a condition all words up to a separator, a mark or a count.
func (r *reader) unknownEnd(s *scanner, i int) int {
	at := i + 1
	if !conditions[s.text(i)] && provisos.length(s.toks, i) == 0 {
		if n := relations.length(s.toks, i); n > 0 { // "prior to washing and shaving"
			if k := activityWords.length(s.toks, i+n); k > 1 {
				return i + n + k
			}
		}
		return at
	}
	for ; at < len(s.toks); at++ {
		if _, n := separators.match(s.toks, at); n > 0 || s.toks[at].kind == mark {
			break
		}
		if r.field == fieldFrequency {
			if _, n := r.statementAt(s, at); n > 0 {
				break
			}
		}
	}
	return at
}

// reasonAt reads an explanation ("because ...") up to the end of its clause.
func (r *reader) reasonAt(s *scanner, i int) (chunk, bool) {
	n := reasons.length(s.toks, i)
	if n == 0 {
		return chunk{}, false
	}
	at := i + n
	for at < len(s.toks) {
		w := s.text(at)
		if s.toks[at].kind == mark && (w == "," || w == "—" || w == ":" || w == ")" || w == "(") || w == "but" || w == "unless" || w == "except" {
			break
		}
		at++
	}
	return chunk{kind: chunkReason, to: at}, true
}

// name returns the verbatim words of a token range, at most 512 bytes.
func (r *reader) name(s *scanner, from, to int) string {
	if from >= to || to > len(s.toks) {
		return ""
	}
	return clip(strings.Join(strings.Fields(strings.ToValidUTF8(r.text[s.toks[from].start:s.toks[to-1].end], "?")), " "), 512)
}

// bracketAt reads either part of a denial that encloses what it denies: "leave my
// evenings alone", "keep sports and politics away from me". The first part is a
// negative cue, the second a filler.
func (r *reader) bracketAt(s *scanner, i int, before []chunk) (chunk, bool) {
	if r.field == fieldFrequency {
		return chunk{}, false
	}
	if brackets[s.text(i)] && cues.length(s.toks, i) < 2 {
		for k := i + 2; k < min(len(s.toks), i+2*near); k++ {
			if n := closings.length(s.toks, k); n > 0 && endsClause(s, k+n) {
				return chunk{kind: chunkCue, to: i + 1, cue: negative}, true
			}
			if s.toks[k].kind == mark && s.text(k) != "," || s.text(k) == "but" || reasons.length(s.toks, k) > 0 {
				break
			}
		}
	}
	if n := closings.length(s.toks, i); n > 0 {
		for _, c := range before {
			if c.kind == chunkCue && c.cue == negative && brackets[s.text(c.from)] {
				return chunk{kind: chunkFiller, to: i + n}, true
			}
		}
	}
	return chunk{}, false
}

// endsClause reports whether nothing, a mark, a separator or a reason follows.
func endsClause(s *scanner, i int) bool {
	return i == len(s.toks) || s.toks[i].kind == mark || separators.length(s.toks, i) > 0 || reasons.length(s.toks, i) > 0
}

// brackets has the words that begin a denial in two parts, closings the phrases
// that end it.
var (
	brackets = wordSet("brackets")
	closings = phrases("closings")
)

// topicAt returns the topics at token i and the number of tokens that name them.
func (r *reader) topicAt(s *scanner, i int) ([]string, int) {
	if r.field == fieldCommunication {
		return namedTopics.match(s.toks, i)
	}
	return topicWords.match(s.toks, i)
}

// cueAt returns the longest cue at token i and its length. A cue of the field has
// priority over a general one of the same length.
func (r *reader) cueAt(s *scanner, i int) (polarity, int) {
	cue, n := cues.match(s.toks, i)
	if own, k := fieldCues[r.field].match(s.toks, i); k >= n && k > 0 {
		return own, k
	}
	return cue, n
}
