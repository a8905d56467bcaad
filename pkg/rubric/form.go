package rubric

import (
	"fmt"
	"strings"
)

// A form is what is left of a clause when its content is replaced by its kind:
// "books and films in the evening are fine" has the form "topics moment are +".
// The words of the language that carry the sense (negations, conditions,
// auxiliaries, hedges such as "maybe") stay in the form as they are. A clause is
// read only in a form that is known to be read as a person would read it, so
// that a structure that nobody thought of makes no rule and is named.

// knownForms has the forms of each field, from vocabulary/forms.txt.
var knownForms = func() (out [4]map[string]bool) {
	for f := range out {
		out[f] = map[string]bool{}
	}
	for _, e := range entries("forms") {
		f := fieldNamed(e.value)
		if f > fieldCommunication {
			panic(fmt.Sprintf("rubric: vocabulary/forms.txt: [%s] is no field", e.value))
		}
		out[f][e.phrase] = true
	}
	return out
}()

// formless are words that never change what a clause asks for.
var formless = wordSet("formless")

// formWords are words that a form does not distinguish.
var formWords = table("form_words", itself)

// formed reports whether the form of the clause is one that is read.
func (r *reader) formed(s *scanner, cl *clause) bool {
	for _, c := range cl.chunks {
		if (c.kind == chunkMoment || c.kind == chunkCount) && !knownPieces[pieceForm(s, c)] {
			return false
		}
	}
	f := form(s, cl)
	return f == "" || knownForms[r.field][f]
}

// form returns the form of a clause. Its first word says how the clause is
// joined to the one before, where that bears on the sense.
func form(s *scanner, cl *clause) string {
	var b []string
	if join := joins[cl.before]; join != "" && (cl.before != sepBut || cl.bare()) {
		b = append(b, join)
	}
	for _, c := range cl.chunks {
		if c.part {
			continue
		}
		if kind := formOf(s, c); kind != "" {
			b = append(b, kind)
			continue
		}
		for k := c.from; k < c.to; k++ {
			if class, n := formWords.match(s.toks[:c.to], k); n > 0 {
				b = append(b, class)
				k += n - 1
				continue
			}
			if w := s.text(k); s.toks[k].kind == word && !formless[w] {
				b = append(b, w)
			}
		}
	}
	return strings.Join(b, " ")
}

// joins are the separators that bear on the sense of what follows.
var joins = map[separator]string{sepOr: "or", sepBut: "but", sepExcept: "except", sepNot: "not"}

// formOf returns the kind of a piece as it is written in a form; "" for a piece
// of which the words themselves count.
func formOf(s *scanner, c chunk) string {
	switch c.kind {
	case chunkMoment:
		return formOfMoment(c.moment)
	case chunkCue:
		return formOfCue(s, c)
	case chunkCount:
		return "count"
	case chunkUnknown:
		return "?"
	}
	return kindForms[c.kind]
}

var kindForms = map[chunkKind]string{
	chunkTopics: "topics", chunkOnly: "only", chunkAnyTime: "anytime", chunkOtherwise: "otherwise",
	chunkTone: "tone", chunkBoundary: "boundary", chunkWords: "length", chunkNarrow: "narrow",
}

// formOfMoment distinguishes a moment with a relation word ("during dinner") from a
// bare one ("dinner"), and an activity from a time of the day.
func formOfMoment(m moment) string {
	switch {
	case m.bare:
		return "moment"
	case m.kinds == nil:
		return "@time"
	}
	return "@activity"
}

// formOfCue returns "+" or "-", "no" for a denial of a noun, and the words
// themselves where a cue says more than its polarity ("stop at five").
func formOfCue(s *scanner, c chunk) string {
	switch {
	case aspects[s.text(c.from)]:
		return s.text(c.from)
	case c.cue == positive:
		return "+"
	case c.nominal:
		return "no"
	}
	return "-"
}

// aspects are verbs among the cues that say when something begins or ends.
var aspects = wordSet("aspects")

// knownPieces has the forms of moments and counts, from vocabulary/pieces.txt.
var knownPieces = wordSet("pieces")

// pieceForm returns the form of the words inside a moment or a count: times,
// activities and numbers by their kind, the words that carry the sense as they
// are, and "*" for any others ("on the phone with a customer").
func pieceForm(s *scanner, c chunk) string {
	var b []string
	for k := c.from; k < c.to; {
		class, n := "", 0
		if c.kind == chunkCount {
			class, n = s.innerCount(k, c.to)
		}
		if n == 0 {
			class, n = s.inner(k, c.to)
		}
		if class != "" && (class != "*" || len(b) == 0 || b[len(b)-1] != "*") {
			b = append(b, class)
		}
		k += max(n, 1)
	}
	return strings.Join(b, " ")
}

// innerCount returns the class of a bound, a lead such as "about", or a window
// inside a count; 0 where there is none.
func (s *scanner) innerCount(k, to int) (string, int) {
	in := &scanner{toks: s.toks[:to]}
	if m, n := preModes.match(in.toks, k); n > 0 {
		return boundForms[m], n
	}
	if m, n := postModes.match(in.toks, k); n > 0 {
		return boundForms[m], n
	}
	if lead, n := leads.match(in.toks, k); n > 0 {
		return lead, n
	}
	if w, n := in.windowAt(k); n > 0 && w.window != windowSlots {
		return "window", n
	}
	return "", 0
}

// relationAt returns the length of the relation word at token k, as relatedMoment
// reads it.
func (s *scanner) relationAt(k, to int) int {
	n := relations.length(s.toks[:to], k)
	if s.namesDaypart(k, n) {
		return relations.length(s.toks[:k+1], k)
	}
	return n
}

var boundForms = map[mode]string{modeMost: "most", modeLeast: "least", modeMore: "more", modeLess: "less"}

// inner returns the class of the word or phrase at token k of a piece that ends
// at token to, and its length in tokens.
func (s *scanner) inner(k, to int) (string, int) {
	toks := s.toks[:to]
	activity := max(activityWords.length(toks, k), befores.length(toks, k), anchors.length(toks, k))
	daypart := dayparts.length(toks, k)
	_, length := durationAt(toks, k, false)
	_, clock := writtenAt(toks, k, false)
	_, count := countAt(&scanner{toks: toks}, k)
	relation := s.relationAt(k, to)
	if n := trailers.length(toks, k); n > 0 && k > 0 && activity == 0 {
		return "", n
	}
	if n := refinements.length(toks, k); n > 0 {
		return "refined", n
	}
	w := s.text(k)
	switch longest := max(activity, daypart, length, clock, count, relation); {
	case longest == 0 && (s.toks[k].kind == mark && w != "-" || formless[w] || determiners[w]):
		return "", 1
	case longest == 0 && s.toks[k].kind != word:
		return w, 1
	case longest == 0 && grammatical[w]:
		return w, 1
	case longest == 0:
		return "*", 1
	case relation == longest:
		return strings.Join(strings.Fields(s.phrase(k, k+relation)), " "), relation
	case activity == longest:
		return "activity", activity
	case daypart == longest:
		return "daypart", daypart
	case length == longest:
		return "length", length
	case clock == longest:
		return "clock", clock
	}
	if next := s.text(k + count); k+count < to && (next == "am" || next == "pm") {
		return "number", count + 1 // "from 6 to 8 pm"
	}
	return "number", count
}

// grammatical are the words that stay as they are in the form of a piece.
var grammatical = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range []string{"fillers", "weighty", "padding", "conditions", "bounds_before", "bounds_behind", "number_leads", "window_leads", "slack", "cues", "separators", "relations"} {
		for _, e := range entries(name) {
			for w := range strings.FieldsSeq(e.phrase) {
				m[w] = true
			}
		}
	}
	for w := range unitMinutes {
		m[w] = true
	}
	return m
}()

// phrase returns the words of a range of tokens as they are read.
func (s *scanner) phrase(from, to int) string {
	var b []string
	for _, t := range s.toks[from:to] {
		b = append(b, t.text)
	}
	return strings.Join(b, " ")
}
