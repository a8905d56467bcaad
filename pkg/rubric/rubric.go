// Package rubric reads what a person says about a good assistant, in any prose,
// into a PreferenceSpec that can be judged exactly. Reading is deterministic;
// every phrase that was not understood comes back as a warning.
package rubric

import (
	"unicode/utf8"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// reader reads one text of a rubric into the shared spec.
type reader struct {
	field  field
	text   string
	uses24 bool
	out    *reading
	last   *statement // latest statement with a window, for "ideally two"
	ruled  bool       // a rule has been read from the text so far
}

// reading is a rubric being read.
type reading struct {
	spec       *simv1.PreferenceSpec
	warnings   []*userv1.Warning
	understood [4]bool // by field: some rule was read from it
	statements []*statement
	speech     speech
}

// Compile reads a rubric. The same texts give the same spec. A phrase that was
// not understood is returned as a warning and changes nothing; the reading of
// vague words ("a few", "around eight", "late morning") is fixed and stated in
// README.md of this package. A nil rubric reads as four empty texts.
func Compile(r *simv1.Rubric) (*simv1.PreferenceSpec, []*userv1.Warning) {
	out := read(r)
	return out.spec, out.warnings
}

// CompileStrict reads a rubric like Compile and refuses one that says nothing
// the reader understands: errs.Violations, one for each text of which no rule
// was read, named prefix + ".personal_preference", ".timing" or ".frequency"
// (the text about communication may be empty of rules). The spec and the
// warnings are returned in either case.
func CompileStrict(r *simv1.Rubric, prefix string) (*simv1.PreferenceSpec, []*userv1.Warning, error) {
	out := read(r)
	var faults errs.Violations
	want := map[field]string{
		fieldPreference: "names no topic that can be read; say what is liked or disliked (\"books and films, no sports\") or that anything goes",
		fieldTiming:     "names no moment that can be read; say when (\"after dinner\", \"from 18:00 to 20:00\") or \"any time\"",
		fieldFrequency:  "gives no number that can be read; say how often (\"two to three times a day\", \"at most once an hour\")",
	}
	for _, f := range []field{fieldPreference, fieldTiming, fieldFrequency} {
		if !out.understood[f] {
			faults.Add(prefix+"."+f.String(), "%s", want[f])
		}
	}
	return out.spec, out.warnings, faults.OrNil()
}

func read(r *simv1.Rubric) *reading {
	out := &reading{spec: &simv1.PreferenceSpec{
		Frequency:     &simv1.FrequencySpec{},
		Timing:        &simv1.TimingSpec{},
		Content:       &simv1.ContentSpec{},
		Communication: &simv1.CommunicationSpec{},
	}}
	texts := [4]string{r.GetPersonalPreference(), r.GetTiming(), r.GetFrequency(), r.GetCommunicationSafety()}
	var toks [4][]token
	uses24 := false
	for f, text := range texts {
		toks[f] = firstPerson(text, tokenize(text))
		for _, t := range toks[f] {
			uses24 = uses24 || t.kind == clock && t.value >= 13*60
		}
	}
	for f, text := range texts {
		rd := &reader{field: field(f), text: text, uses24: uses24, out: out}
		for _, sentence := range sentences(toks[f]) {
			rd.read(&scanner{toks: sentence, uses24: uses24, strict: rd.field == fieldPreference || rd.field == fieldCommunication})
		}
	}
	out.settleFrequency()
	out.settleCommunication()
	return out
}

func (r *reader) read(s *scanner) {
	chs := r.chunks(s)
	switch r.field {
	case fieldPreference:
		r.readContent(s, chs)
	case fieldTiming:
		r.readTiming(s, chs)
	case fieldFrequency:
		r.readFrequency(s, chs)
	case fieldCommunication:
		r.readSpeech(s, chs)
	}
	r.reportUnknown(s, chs)
}

// special reads what only one field knows.
func (r *reader) special(s *scanner, i int, before []chunk) (chunk, bool) {
	switch r.field {
	case fieldFrequency, fieldTiming:
		return r.countChunk(s, i, before)
	case fieldCommunication:
		return r.speechChunk(s, i)
	case fieldPreference:
		return r.otherwiseChunk(s, i)
	}
	return chunk{}, false
}

func (o *reading) warn(f field, phrase, reason string) {
	for _, w := range o.warnings {
		if w.GetField() == f.String() && w.GetPhrase() == phrase && w.GetReason() == reason {
			return
		}
	}
	o.warnings = append(o.warnings, &userv1.Warning{Field: f.String(), Phrase: phrase, Reason: reason})
}

func (r *reader) warn(phrase, reason string) { r.out.warn(r.field, phrase, reason) }

// reportUnknown returns each stretch of words that no rule was read from. Words
// without a rule of their own inside a stretch belong to it.
func (r *reader) reportUnknown(s *scanner, chs []chunk) {
	for _, c := range chs {
		r.ruled = r.ruled || c.kind == chunkMoment || c.kind == chunkTopics || c.kind == chunkCount || c.kind == chunkTone || c.kind == chunkBoundary || c.kind == chunkWords || c.kind == chunkAnyTime
	}
	from, to := -1, -1
	flush := func() {
		if from >= 0 {
			r.warn(r.name(s, from, to), unknownReason(s, from))
		}
		from, to = -1, -1
	}
	begin := 0
	for k, c := range chs {
		if c.kind == chunkSep {
			begin = k + 1
		}
		switch c.kind {
		case chunkUnknown:
			if r.ruled && remark(s, chs[begin:]) {
				continue
			}
			if from < 0 {
				from = c.from
			}
			to = c.to
		case chunkFiller:
		default:
			flush()
		}
	}
	flush()
}

// remark reports a clause in which somebody only speaks of how it is with them
// ("I get nervous", "it adds up"): it says no time, topic, number or manner,
// and denies and demands nothing. Beside a rule, such a clause is none.
func remark(s *scanner, chs []chunk) bool {
	subject := false
	for k, c := range chs {
		if c.kind == chunkSep {
			break
		}
		w := s.text(c.from)
		if k < 2 && !subject {
			subject = w == "i" || w == "it" || w == "they" || w == "we" || w == "that" || w == "my"
		}
		if c.kind != chunkUnknown && c.kind != chunkFiller && (c.kind != chunkCue || c.cue == negative) {
			return false
		}
		if weighty[w] || w == "please" || w == "you" || w == "must" || w == "should" || isNumberWord(w) || s.toks[c.from].kind == number || s.toks[c.from].kind == clock {
			return false
		}
	}
	return subject
}

func unknownReason(s *scanner, from int) string {
	switch w := s.text(from); {
	case w == "when" || w == "while" || w == "whenever" || w == "if" || w == "unless" || w == "after" || w == "before" || w == "during" || w == "until" || w == "till":
		return "this condition was not understood; the rest was read without it"
	case w == "weekend" || w == "weekends" || w == "weekday" || w == "weekdays" || w == "monday" || w == "tuesday" || w == "wednesday" || w == "thursday" || w == "friday" || w == "saturday" || w == "sunday":
		return "days of the week cannot be told apart; the rest was read for every day"
	}
	return "not understood"
}

// clip shortens a text to at most limit bytes at the end of a character.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
