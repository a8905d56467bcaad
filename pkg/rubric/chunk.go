package rubric

import (
	"strings"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// chunkKind tells what a piece of a sentence is about.
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
	chunkWords // a length limit
	chunkCount // a statement about frequency
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
}

// field says which text a reader is in; the same words mean different things.
type field uint8

const (
	fieldPreference field = iota
	fieldTiming
	fieldFrequency
	fieldCommunication
)

var fieldNames = [...]string{"personal_preference", "timing", "frequency", "communication_safety"}

func (f field) String() string { return fieldNames[f] }

// chunks parts one sentence into its pieces for a field.
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

func (r *reader) chunkAt(s *scanner, i int, before []chunk) chunk {
	if c, ok := r.reasonAt(s, i); ok {
		return c
	}
	if c, ok := r.special(s, i, before); ok {
		return c
	}
	if _, n := leadIns.match(s.toks, i); n > 0 {
		return chunk{kind: chunkFiller, to: i + n}
	}
	if r.field == fieldTiming {
		if _, n := anyTime.match(s.toks, i); n > 0 {
			if _, k := s.momentAt(i, true); k <= n {
				return chunk{kind: chunkAnyTime, to: i + n}
			}
		}
	}
	if c, ok := r.momentChunk(s, i, before); ok {
		return c
	}
	if n := onlyAfter.length(s.toks, i); n > 0 {
		return chunk{kind: chunkOnly, to: i + n}
	}
	cue, cueLen := cues.match(s.toks, i)
	sep, sepLen := separators.match(s.toks, i)
	if r.field == fieldPreference || r.field == fieldCommunication {
		if topics, n := topicWords.match(s.toks, i); n > 0 && n >= cueLen && n >= sepLen {
			return chunk{kind: chunkTopics, to: i + n, topics: topics}
		}
	}
	if r.field == fieldFrequency && sep == sepNot && sepLen > 1 && s.text(i) != "just" {
		sep, sepLen = sepAnd, 1 // "and never more than three": the rest belongs to the number
	}
	if (sep == sepExcept || sep == sepNot) && s.text(i) == "unless" && r.field != fieldPreference {
		if _, n := s.momentAt(i+sepLen, r.field == fieldTiming); n == 0 {
			return chunk{kind: chunkUnknown, to: r.unknownEnd(s, i)}
		}
	}
	if n := r.outsideAt(s, i); n > 0 {
		return chunk{kind: chunkSep, to: i + n, sep: sepExcept}
	}
	if n := provisos.length(s.toks, i); n > 0 && (r.field == fieldPreference || r.field == fieldTiming) {
		return chunk{kind: chunkUnknown, to: r.unknownEnd(s, i)}
	}
	if (r.field == fieldPreference || r.field == fieldCommunication) && s.text(i) == "without" {
		return chunk{kind: chunkSep, to: i + 1, sep: sepNot, nominal: true} // "recipes without meat" are wanted
	}
	if sepLen > 0 && sepLen >= cueLen {
		return chunk{kind: chunkSep, to: i + sepLen, sep: sep}
	}
	if cueLen > 0 {
		t := s.text(i)
		return chunk{kind: chunkCue, to: i + cueLen, cue: cue, nominal: t == "no" || t == "without" || t == "free"}
	}
	switch t := s.toks[i]; {
	case t.kind == mark:
		return chunk{kind: chunkFiller, to: i + 1}
	case (r.field == fieldTiming || r.field == fieldCommunication) && t.kind == word && isNumberWord(t.text):
		return chunk{kind: chunkFiller, to: i + 1} // "there are three stretches"
	case t.text == "only" || t.text == "solely" || t.text == "exclusively" || t.text == "strictly" || t.text == "purely":
		return chunk{kind: chunkOnly, to: i + 1}
	case t.kind == word && fillers[t.text] && !weighty[t.text]:
		return chunk{kind: chunkFiller, to: i + 1}
	}
	return chunk{kind: chunkUnknown, to: r.unknownEnd(s, i)}
}

// outsideAt reads "outside" before a stretch of the clock: what it names is
// closed.
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

func (r *reader) unknownEnd(s *scanner, i int) int {
	at := i + 1
	if !conditions[s.text(i)] && provisos.length(s.toks, i) == 0 {
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

// reasonAt skips an explanation to the end of its clause.
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

// momentChunk reads a moment where the field has room for one.
func (r *reader) momentChunk(s *scanner, i int, before []chunk) (chunk, bool) {
	bare := r.field == fieldTiming || r.field == fieldFrequency && counted(before)
	var model *moment // a list goes on: "while cooking, reading or hosting"
	if len(before) > 0 {
		model = continued(before)
		bare = bare || model != nil
	}
	m, n := s.momentAt(i, bare)
	if n == 0 {
		return chunk{}, false
	}
	if m.bare && i > 0 && isNumberWord(s.text(i-1)) {
		return chunk{}, false // "three stretches"
	}
	if m.bare && r.field == fieldFrequency && m.daypart && m.kinds == nil && counted(before) {
		return chunk{kind: chunkMoment, to: i + n, moment: m}, true // "three a day: morning, noon and night"
	}
	if m.bare && r.field != fieldTiming {
		if model == nil || model.kinds == nil || m.kinds == nil || r.field == fieldFrequency {
			if m.kinds != nil && m.clock == nil || model == nil {
				return chunk{}, false
			}
		}
		if r.field == fieldPreference && m.kinds != nil && !r.listGoesOn(s, i, i+n, before, m) {
			return chunk{}, false
		}
		if r.field == fieldCommunication {
			return chunk{}, false
		}
	}
	if m.bare && model != nil && m.kinds != nil && m.clock == nil && !m.after {
		m.after, m.within = model.after, model.within
	}
	if cue, k := cues.match(s.toks, i); k >= n && cue != unset {
		return chunk{}, false
	}
	return chunk{kind: chunkMoment, to: i + n, moment: m}, true
}

// counted says that a number was told shortly before.
func counted(before []chunk) bool {
	for _, c := range before[max(0, len(before)-2*near):] {
		if c.kind == chunkCount {
			return true
		}
	}
	return false
}

// listGoesOn decides, among likes, whether a bare activity continues the
// condition before it or names the next topic: after "or" it does, after "and"
// where it is a gerund with no condition of its own.
func (r *reader) listGoesOn(s *scanner, i, end int, before []chunk, m moment) bool {
	last := before[len(before)-1]
	if last.kind != chunkSep {
		return false
	}
	if _, n := s.momentAt(end, false); n > 0 {
		return false
	}
	if nouns[s.text(end)] {
		return false
	}
	return last.sep == sepOr || last.sep == sepAnd && m.gerund && s.text(last.from) != "plus"
}

// continued returns the moment that a list may be continuing: the last chunks
// are a moment, separators and fillers.
func continued(before []chunk) *moment {
	sawSep := false
	for k := len(before) - 1; k >= max(0, len(before)-near); k-- {
		switch c := before[k]; c.kind {
		case chunkSep:
			if c.sep == sepBut || c.sep == sepExcept {
				return nil
			}
			sawSep = true
		case chunkFiller:
			continue
		case chunkMoment:
			if sawSep {
				return &before[k].moment
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

// name returns the verbatim words of a token range, at most 512 bytes.
func (r *reader) name(s *scanner, from, to int) string {
	if from >= to || to > len(s.toks) {
		return ""
	}
	return clip(strings.Join(strings.Fields(strings.ToValidUTF8(r.text[s.toks[from].start:s.toks[to-1].end], "?")), " "), 512)
}
