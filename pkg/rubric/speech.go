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
	topics, pn := topicWords.match(s.toks, i)
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

// quoted tells a word in quotation marks from the same word in use.
func (r *reader) quoted(s *scanner, i, n int) bool {
	open, end := s.text(i-1), s.text(i+n)
	return strings.ContainsAny(open, "\"'“‘") && open != "" && strings.ContainsAny(end, "\"'”’,") && end != ""
}

// readSpeech files tones, lengths and boundaries by their sense.
func (r *reader) readSpeech(s *scanner, chs []chunk) {
	segs := r.segments(chs)
	verbal := false // the denial in force is one of manner ("never", "do not be"), not of a noun
	for k := range segs {
		seg := &segs[k]
		own, _ := seg.cue()
		if own != negative && imperatives[firstWord(s, seg)] {
			own = positive
			seg.sense = positive
			for j := k + 1; j < len(segs); j++ {
				if next, _ := segs[j].cue(); next != unset || segs[j].before == sepBut || segs[j].before == sepExcept || segs[j].before == sepNot {
					break
				}
				segs[j].sense = positive
			}
		}
		if own == negative {
			verbal = !nominalDenial(seg)
		} else if seg.before == sepNot {
			verbal = !seg.noun
		}
		for _, c := range seg.chunks {
			sense := seg.sense
			if own == unset && sense == negative && (c.kind == chunkTone || c.kind == chunkWords) && seg.before != sepOr && seg.before != sepNot && seg.before != sepExcept && !verbal {
				sense = positive // "no pressure, friendly"
			}
			r.fileSpeech(s, c, sense, own)
		}
	}
}

func firstWord(s *scanner, seg *segment) string {
	if len(seg.chunks) == 0 {
		return ""
	}
	return s.text(seg.chunks[0].from)
}

func nominalDenial(seg *segment) bool {
	for _, c := range seg.chunks {
		if c.kind == chunkCue && c.cue == negative {
			return c.nominal
		}
	}
	return false
}

func (r *reader) fileSpeech(s *scanner, c chunk, sense, own polarity) {
	sp := &r.out.speech
	switch c.kind {
	case chunkTone:
		r.out.understood[fieldCommunication] = true
		if sense == negative && c.blame {
			sp.blamed = addTones(sp.blamed, c.tones)
		} else if sense == negative {
			sp.minus = addTones(sp.minus, c.tones)
		} else {
			sp.plus = addTones(sp.plus, c.tones)
		}
	case chunkWords:
		r.fileWords(s, c, sense)
	case chunkBoundary:
		if sense == negative || c.always {
			r.out.understood[fieldCommunication] = true
			list := &r.out.spec.GetCommunication().Boundaries
			if !slices.Contains(*list, c.boundary) {
				*list = append(*list, c.boundary)
			}
		} else if own == unset && !slices.Contains(r.out.spec.GetCommunication().GetBoundaries(), c.boundary) {
			r.warn(r.name(s, c.from, c.to), "named without saying whether it is wanted")
		}
	case chunkTopics:
		if sense == negative && c.topics != nil {
			r.addRule(negative, &simv1.ContentRule{Topics: slices.Clone(c.topics)})
		} else {
			r.warn(r.name(s, c.from, c.to), "a topic; say it under personal_preference")
		}
	case chunkMoment:
		r.warn(r.name(s, c.from, c.to), "the manner of speaking cannot depend on the moment; read as always")
	}
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
		o.warn(fieldCommunication, "", "every tone asked for is also refused; any tone is accepted")
	}
	spec.MaxWords = sp.words
	if spec.MaxWords == 0 {
		spec.MaxWords = sp.vagueWords
	}
	slices.Sort(spec.Boundaries)
}
