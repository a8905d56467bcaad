package rubric

import (
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// speech is what was said about the manner, before it is settled.
type speech struct {
	plus, minus []content.Tone
	blamed      []content.Tone // refused by a word of blame, unless asked for
	weak        []content.Tone // words about length that also name a tone
	words       int32          // smallest limit said in numbers; 0 for none
	vagueWords  int32          // of "short" and its like
}

// speechChunk reads a piece about the manner of speaking.
func (r *reader) speechChunk(s *scanner, i int) (chunk, bool) {
	if b, n := boundaryAlways.match(s.toks, i); n > 0 {
		return chunk{kind: chunkBoundary, to: i + n, boundary: b, always: true}, true
	}
	if c, ok := wordLimit(s, i); ok {
		return c, true
	}
	b, bn := boundaryWords.match(s.toks, i)
	tones, tn := toneWords.match(s.toks, i)
	_, cn := cues.match(s.toks, i)
	topics, pn := namedTopics.match(s.toks, i)
	w, wn := lengths.match(s.toks, i)
	_, ln := longs.match(s.toks, i)
	_, mn := manners.match(s.toks, i)
	longest := max(bn, tn, cn, pn, wn, ln, mn)
	switch {
	case longest == 0:
		return chunk{}, false
	case wn == longest:
		return chunk{kind: chunkWords, to: i + wn, words: w, tones: tones}, true
	case ln == longest:
		return chunk{kind: chunkWords, to: i + ln, words: -1}, true
	case mn == longest:
		return chunk{kind: chunkTone, to: i + mn}, true
	case bn == longest && !(s.text(i) == "should" || s.text(i) == "must" || s.text(i) == "have") || bn == longest && r.quoted(s, i, bn):
		return chunk{kind: chunkBoundary, to: i + bn, boundary: b}, true
	case tn == longest:
		blame := faults.length(s.toks, i) == tn
		return chunk{kind: chunkTone, to: i + tn, tones: tones, blame: blame}, true
	case pn == longest && cn < longest:
		return chunk{kind: chunkTopics, to: i + pn, topics: topics}, true
	}
	return chunk{}, false
}

// quoted reports a word in quotation marks, as against the same word in use.
func (r *reader) quoted(s *scanner, i, n int) bool {
	open, end := s.text(i-1), s.text(i+n)
	return strings.ContainsAny(open, "\"'“‘") && open != "" && strings.ContainsAny(end, "\"'”’,") && end != ""
}

// readSpeech files tones, lengths and boundaries by their sense.
func (r *reader) readSpeech(s *scanner, cls []clause) {
	verbal := false // the denial in force is one of manner ("never", "do not be"), not of a noun
	for k := range cls {
		cl := &cls[k]
		if cl.role != roleRule {
			continue
		}
		own, _ := cl.cue()
		if own != negative && cl.before != sepNot && imperatives[s.text(cl.chunks[0].from)] {
			own = positive
			demand(cls[k:])
		}
		if own == negative {
			verbal = !nominalDenial(cl)
		} else if cl.before == sepNot {
			verbal = !cl.noun
		}
		r.now = cl.record
		for _, c := range cl.chunks {
			sense := cl.sense
			if own == unset && sense == negative && (c.kind == chunkTone || c.kind == chunkWords) && cl.before != sepOr && cl.before != sepNot && cl.before != sepExcept && !verbal {
				sense = positive // "no pressure, friendly"
			}
			r.fileSpeech(s, c, sense, own)
		}
	}
}

// demand makes an imperative and the list behind it positive.
func demand(cls []clause) {
	cls[0].sense = positive
	for j := 1; j < len(cls); j++ {
		if next, _ := cls[j].cue(); next != unset || cls[j].before == sepBut || cls[j].before == sepExcept || cls[j].before == sepNot {
			break
		}
		cls[j].sense = positive
	}
}

func nominalDenial(cl *clause) bool {
	for _, c := range cl.chunks {
		if c.kind == chunkCue && c.cue == negative {
			return c.nominal
		}
	}
	return false
}

// fileSpeech files one piece of a clause about the manner of speaking.
func (r *reader) fileSpeech(s *scanner, c chunk, sense, own polarity) {
	sp := &r.out.speech
	switch c.kind {
	case chunkTone:
		r.out.understood[fieldCommunication] = true
		list, line := &sp.plus, "tone "
		switch {
		case sense == negative && c.blame:
			list, line = &sp.blamed, "no tone "
		case sense == negative:
			list, line = &sp.minus, "no tone "
		}
		*list = addTones(*list, c.tones)
		if len(c.tones) > 0 {
			r.ruled(line + joined(c.tones))
		} else {
			r.ruled("any tone") // a denial of bad manners
		}
	case chunkWords:
		r.fileWords(s, c, sense)
	case chunkBoundary:
		r.fileBoundary(s, c, sense, own)
	case chunkTopics:
		if sense != negative || c.topics == nil {
			r.leave("a topic; say it under personal_preference")
			return
		}
		rule := &simv1.ContentRule{Topics: slices.Clone(c.topics)}
		r.ruled("dislikes " + ruleLine(rule))
		r.addRule(negative, rule)
	case chunkMoment:
		r.leave("the manner of speaking cannot depend on the moment; read as always")
	}
}

func (r *reader) fileBoundary(s *scanner, c chunk, sense, own polarity) {
	list := &r.out.spec.GetCommunication().Boundaries
	switch {
	case sense == negative || c.always:
		r.out.understood[fieldCommunication] = true
		if !slices.Contains(*list, c.boundary) {
			*list = append(*list, c.boundary)
		}
		r.ruled(boundaryLines[c.boundary])
	case own == unset && !slices.Contains(*list, c.boundary):
		r.leave("named without saying whether it is wanted")
	}
}

// leave notes what was left out of the reading of the clause being filed.
func (r *reader) leave(why string) {
	if r.now.warning == "" {
		r.now.warning, r.now.rank = why, rankDoubt
	}
}

func joined(tones []content.Tone) string {
	words := make([]string, len(tones))
	for i, t := range tones {
		words[i] = string(t)
	}
	return strings.Join(words, " or ")
}

func addTones(list, more []content.Tone) []content.Tone {
	for _, t := range more {
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// settleCommunication accepts the tones asked for, or all but those refused.
func (o *reading) settleCommunication() {
	spec, sp := o.spec.GetCommunication(), &o.speech
	for _, t := range sp.blamed {
		if !slices.Contains(sp.plus, t) {
			sp.minus = addTones(sp.minus, []content.Tone{t})
		}
	}
	if len(sp.plus) == 0 && len(sp.minus) == 0 {
		sp.plus = sp.weak
	}
	wanted := sp.plus
	if len(wanted) == 0 && len(sp.minus) > 0 {
		wanted = content.Tones()
	}
	for _, t := range content.Tones() {
		if slices.Contains(wanted, t) && !slices.Contains(sp.minus, t) {
			spec.Tones = append(spec.Tones, string(t))
		}
	}
	if len(wanted) > 0 && len(spec.Tones) == 0 {
		o.warn(fieldCommunication, rankDoubt, "", "every tone asked for is also refused; any tone is accepted")
	}
	spec.MaxWords = sp.words
	if spec.MaxWords == 0 {
		spec.MaxWords = sp.vagueWords
	}
	slices.Sort(spec.Boundaries)
}
