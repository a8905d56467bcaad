// Package rubric reads what a person says about a good assistant, in any prose,
// into a PreferenceSpec that can be judged exactly. Reading is deterministic;
// every phrase that was not understood comes back as a warning.
package rubric

import (
	"unicode/utf8"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// reader reads one text of a rubric into the shared spec.
type reader struct {
	field   field
	text    string
	uses24  bool
	out     *reading
	last    *statement   // latest statement with a window, for "ideally two"
	now     *record      // the clause that is being filed
	refused bool         // a refusal precedes the semicolon, so that a bare list behind it is in doubt
	pending []*statement // numbers whose window has not been said yet
	likings []filed      // what is liked and refused, until the text has been read
}

// reading is a rubric being read.
type reading struct {
	texts      [4]string
	spec       *simv1.PreferenceSpec
	warnings   []warned
	understood [4]bool // by field: some rule was read from it
	foreign    [4]string
	statements []*statement
	speech     speech
	records    []*record
	readings   []Reading
	ranks      []int
}

// Result is all that was made of a rubric.
type Result struct {
	// Spec is what the clauses that were understood ask for.
	Spec *simv1.PreferenceSpec
	// Warnings name what was not read or only read with a doubt; those come
	// first with which most is lost.
	Warnings []*userv1.Warning
	// Readings account for every word of the four texts, in the order
	// personal_preference, timing, frequency, communication_safety.
	Readings []Reading
}

// Read reads a rubric. The same texts give the same result. A clause is
// understood as a whole, or it makes no rule and is named; the reading of vague
// words ("a few", "around eight", "late morning") is fixed and stated in
// README.md of this package. A nil rubric reads as four empty texts.
func Read(r *simv1.Rubric) Result {
	out := read(r)
	return Result{Spec: out.spec, Warnings: out.ranked(), Readings: out.readings}
}

// Compile reads a rubric like Read and returns the spec and the warnings.
func Compile(r *simv1.Rubric) (*simv1.PreferenceSpec, []*userv1.Warning) {
	out := read(r)
	return out.spec, out.ranked()
}

// CompileStrict is ReadStrict without the readings.
func CompileStrict(r *simv1.Rubric, prefix string) (*simv1.PreferenceSpec, []*userv1.Warning, error) {
	result, err := ReadStrict(r, prefix)
	return result.Spec, result.Warnings, err
}

// ReadStrict reads a rubric like Read and refuses one that says nothing the reader
// understands, or that nobody could meet: errs.Violations, one for each text at
// fault, named prefix + ".personal_preference", ".timing" or ".frequency" (the
// text about communication may be empty of rules). The result is returned in
// either case.
func ReadStrict(r *simv1.Rubric, prefix string) (Result, error) {
	out := read(r)
	var faults errs.Violations
	want := map[field]string{
		fieldPreference: "names no topic that can be read; say what is liked or disliked (\"books and films, no sports\") or that anything goes",
		fieldTiming:     "names no moment that can be read; say when (\"after dinner\", \"from 18:00 to 20:00\") or \"any time\"",
		fieldFrequency:  "gives no number that can be read; say how often (\"two to three times a day\", \"at most once an hour\")",
	}
	for f := fieldPreference; f <= fieldCommunication; f++ {
		switch {
		case out.foreign[f] != "":
			faults.Add(prefix+"."+f.String(), "is not in English (it reads like %s); write it in English, or give a spec", out.foreign[f])
		case !out.understood[f] && want[f] != "":
			faults.Add(prefix+"."+f.String(), "%s", want[f])
		}
	}
	if len(faults) == 0 {
		for _, f := range satisfy.Check(out.spec) {
			faults.Add(prefix+"."+fieldOf[f.Part], "cannot be met: %s", f.Reason)
		}
	}
	return Result{Spec: out.spec, Warnings: out.ranked(), Readings: out.readings}, faults.OrNil()
}

// fieldOf are the texts in which the parts of a spec are said.
var fieldOf = map[string]string{"content": fieldPreference.String(), "timing": fieldTiming.String(), "frequency": fieldFrequency.String()}

func read(r *simv1.Rubric) *reading {
	out := &reading{
		spec: &simv1.PreferenceSpec{
			Frequency:     &simv1.FrequencySpec{},
			Timing:        &simv1.TimingSpec{},
			Content:       &simv1.ContentSpec{},
			Communication: &simv1.CommunicationSpec{},
		},
		texts: [4]string{r.GetPersonalPreference(), r.GetTiming(), r.GetFrequency(), r.GetCommunicationSafety()},
	}
	var toks [4][]token
	uses24 := false
	for f, text := range out.texts {
		toks[f] = firstPerson(text, tokenizeWith(text, field(f) == fieldTiming))
		for _, t := range toks[f] {
			uses24 = uses24 || t.kind == clock && t.value >= 13*60
		}
	}
	for f, text := range out.texts {
		rd := &reader{field: field(f), text: text, uses24: uses24, out: out}
		if out.foreign[f] = foreign(text, toks[f]); out.foreign[f] != "" {
			rd.refuseLanguage(toks[f])
			continue
		}
		for _, sentence := range sentences(toks[f]) {
			rd.read(&scanner{toks: sentence.toks, uses24: uses24, strict: rd.field == fieldPreference || rd.field == fieldCommunication}, sentence)
		}
		rd.fileLikings()
		rd.undated()
	}
	out.settleFrequency()
	out.settleCommunication()
	out.finish()
	return out
}

// read reads one sentence: pieces, clauses, their sense, and the rules of those
// that were understood as a whole.
func (r *reader) read(s *scanner, in sentence) {
	all := s.toks
	from := r.supposition(s)
	s.toks = all[:from]
	chs := r.chunks(s)
	switch r.field {
	case fieldTiming:
		chs = refine(s, chs)
	case fieldPreference:
		chs = heads(s, chs)
	}
	cls := clauses(chs)
	s.toks = all
	begin := 0
	if n := len(cls); n > 0 {
		begin = cls[n-1].to
	}
	switch {
	case from < len(all):
		cls = append(cls, clause{chunks: []chunk{{from: from, to: len(all)}}, from: begin, to: len(all), role: roleUnread, why: whyThreat})
	case len(cls) == 0: // separators alone
		cls = append(cls, clause{chunks: chs, to: len(all), role: roleRemark})
	}
	if in.question {
		doubtQuestion(cls)
	}
	r.refused = r.refused && in.goesOn
	r.understand(s, cls)
	r.account(s, cls)
	switch r.field {
	case fieldPreference:
		r.readContent(s, cls)
	case fieldTiming:
		r.readTiming(s, cls)
	case fieldFrequency:
		r.readFrequency(s, cls)
	case fieldCommunication:
		r.readSpeech(s, cls)
	}
}

// refuseLanguage records a text in another language, of which nothing is read.
func (r *reader) refuseLanguage(toks []token) {
	r.out.records = append(r.out.records, &record{
		field: r.field, start: toks[0].start, end: toks[len(toks)-1].end, status: StatusUnread, rank: rankLanguage,
		warning: "not in English (it reads like " + r.out.foreign[r.field] + "); only English is read",
	})
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

// doubt adds a warning about a phrase that was read.
func (r *reader) doubt(phrase, reason string) { r.out.warn(r.field, rankDoubt, phrase, reason) }

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
