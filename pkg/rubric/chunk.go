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
	chunkWords  // a length limit
	chunkCount  // a statement about frequency
	chunkNarrow // an unknown word that narrows the topic behind it
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
			if _, k := s.momentAt(i, true); k <= n && separators.length(s.toks, i) <= n {
				return chunk{kind: chunkAnyTime, to: i + n}
			}
		}
	}
	if c, ok := r.momentChunk(s, i, before); ok {
		return c
	}
	if c, ok := r.bracketAt(s, i, before); ok {
		return c
	}
	if r.field == fieldTiming {
		if n := refinements.length(s.toks, i); n > 0 && cues.length(s.toks, i) < n {
			return chunk{kind: chunkFiller, to: i + n}
		}
	}
	frame := frames[r.field].length(s.toks, i)
	if n := onlyAfter.length(s.toks, i); n > 0 {
		return chunk{kind: chunkOnly, to: i + n}
	}
	cue, cueLen := r.cueAt(s, i)
	sep, sepLen := separators.match(s.toks, i)
	if r.field == fieldPreference || r.field == fieldCommunication {
		if topics, n := r.topicAt(s, i); n > 0 && n >= cueLen && n >= sepLen && n >= frame {
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
	if sep == sepNot && sepLen > 1 {
		if _, k := r.cueAt(s, i+sepLen-1); k > 1 { // "but never tired of science"
			sep, sepLen = separators.match(s.toks[:i+1], i)
		}
	}
	if w := s.text(i); w == "nor" && i == 0 {
		return chunk{kind: chunkCue, to: i + 1, cue: negative}
	}
	if w, next := s.text(i), s.text(i+1); w == "so" && (next == "is" || next == "are" || next == "too") {
		if len(before) == 0 {
			return chunk{kind: chunkUnknown, to: i + 1} // "So is my diary": what it repeats stands in another sentence
		}
		return chunk{kind: chunkSep, to: i + 1, sep: sepAnd}
	}
	if n := r.outsideAt(s, i); n > 0 {
		return chunk{kind: chunkSep, to: i + n, sep: sepExcept}
	}
	if n := provisos.length(s.toks, i); n > 0 && (r.field == fieldPreference || r.field == fieldTiming) {
		return chunk{kind: chunkUnknown, to: r.unknownEnd(s, i)}
	}
	if s.text(i) == "without" && r.field == fieldCommunication {
		return chunk{kind: chunkSep, to: i + 1, sep: sepNot, nominal: true}
	}
	if s.text(i) == "without" && r.field == fieldPreference && inClause(before, chunkTopics) {
		return chunk{kind: chunkUnknown, to: clauseEnd(s, i+1)} // "recipes without meat" are neither recipes nor refused
	}
	if frame > max(cueLen, sepLen) {
		return chunk{kind: chunkFiller, to: i + frame}
	}
	if sepLen > 0 && sepLen >= cueLen {
		return chunk{kind: chunkSep, to: i + sepLen, sep: sep}
	}
	if cueLen > 0 {
		t := s.text(i)
		return chunk{kind: chunkCue, to: i + cueLen, cue: cue, nominal: t == "no" || t == "without" || t == "free"}
	}
	switch t := s.toks[i]; {
	case t.kind == picture:
		sense, _ := approvals.match(s.toks, i)
		return chunk{kind: chunkCue, to: i + 1, cue: sense, nominal: true}
	case frame > 0:
		return chunk{kind: chunkFiller, to: i + frame}
	case t.kind == mark:
		return chunk{kind: chunkFiller, to: i + 1}
	case r.field != fieldFrequency && t.kind == word && isNumberWord(t.text) && t.text != "one" && countsTimes(s, i):
		return chunk{kind: chunkFiller, to: i + 1} // "there are three stretches"
	case t.text == "only" || t.text == "solely" || t.text == "exclusively" || t.text == "strictly" || t.text == "purely":
		return chunk{kind: chunkOnly, to: i + 1}
	case t.kind == word && fillers[t.text] && !weighty[t.text]:
		return chunk{kind: chunkFiller, to: i + 1}
	}
	return chunk{kind: chunkUnknown, to: r.unknownEnd(s, i)}
}

// countsTimes reports a number of times of the day or of manners, which are
// named behind it: "three stretches", "all three".
func countsTimes(s *scanner, i int) bool {
	w := s.text(i + 1)
	return frames[fieldTiming].length(s.toks, i+1) > 0 || frames[fieldCommunication].length(s.toks, i+1) > 0 || nouns[w]
}

// inClause reports a piece of a kind in the clause that is being read.
func inClause(before []chunk, kind chunkKind) bool {
	for k := len(before) - 1; k >= 0 && before[k].kind != chunkSep; k-- {
		if before[k].kind == kind {
			return true
		}
	}
	return false
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
	s.topical = r.field != fieldPreference || inClause(before, chunkTopics)
	m, n := s.momentAt(i, bare)
	if n == 0 && model != nil && model.kinds != nil { // "working on a jigsaw or on my knitting"
		if w := s.text(i); w == "on" || w == "at" || w == "in" || w == "with" {
			if m, n = s.workingOn(i+1, 1); n > 0 {
				return chunk{kind: chunkMoment, to: i + n, moment: m}, true
			}
		}
	}
	if n == 0 {
		return chunk{}, false
	}
	if m.bare && m.kinds != nil && !m.gerund && s.text(i-1) == "not" {
		return chunk{}, false // a verb: "do not write"
	}
	if m.bare && m.kinds != nil && (selves[s.text(i-1)] || s.text(i-1) == "to" || s.text(i-1) == "will" || s.text(i-1) == "you") {
		return chunk{}, false // a verb: "I work"
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
	if cue, k := r.cueAt(s, i); k >= n && cue != unset {
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

// bracketAt reads a denial in two parts, around what is denied: "leave my
// evenings alone", "keep sports and politics away from me".
func (r *reader) bracketAt(s *scanner, i int, before []chunk) (chunk, bool) {
	if r.field == fieldFrequency {
		return chunk{}, false
	}
	if brackets[s.text(i)] && cues.length(s.toks, i) < 2 {
		for k := i + 2; k < min(len(s.toks), i+2*near); k++ {
			if n := closings.length(s.toks, k); n > 0 && (k+n == len(s.toks) || s.toks[k+n].kind == mark || separators.length(s.toks, k+n) > 0) {
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

// brackets begin, and closings end, a denial in two parts.
var (
	brackets = wordSet("brackets")
	closings = phrases("closings")
)

// topicAt returns the topics at token i.
func (r *reader) topicAt(s *scanner, i int) ([]string, int) {
	if r.field == fieldCommunication {
		return namedTopics.match(s.toks, i)
	}
	return topicWords.match(s.toks, i)
}

// cueAt returns the cue at token i: of equal length, the one of the field.
func (r *reader) cueAt(s *scanner, i int) (polarity, int) {
	cue, n := cues.match(s.toks, i)
	if own, k := fieldCues[r.field].match(s.toks, i); k >= n && k > 0 {
		return own, k
	}
	return cue, n
}
