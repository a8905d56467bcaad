package rubric

import (
	"cmp"
	"slices"
	"strings"

	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// Status says what became of a clause.
type Status uint8

const (
	// StatusRule: the clause made the rules that are listed with it.
	StatusRule Status = iota
	// StatusRemark: the clause asks for nothing: a reason, a courtesy, a remark.
	StatusRemark
	// StatusUnread: the clause was not understood and made no rule.
	StatusUnread
)

// String returns "rule", "remark" or "unread".
func (s Status) String() string { return [...]string{"rule", "remark", "unread"}[s] }

// Reading is what was made of one clause of a rubric. The readings of a text
// cover each of its words once, in the order of the text.
type Reading struct {
	// Field is the text: personal_preference, timing, frequency or
	// communication_safety.
	Field string
	// Phrase is the clause, verbatim.
	Phrase string
	// Start and End are the byte offsets of the phrase in its text.
	Start, End int
	// Rules are the rules that the clause made, as Describe writes them. A rule
	// that several clauses made together is listed with each of them.
	Rules []string
	// Status says whether the clause was read.
	Status Status
	// Warning says why the clause was not read, or what was left out of its
	// reading; "" where there is nothing to say.
	Warning string
}

// record is a clause with the rules it has made so far.
type record struct {
	field      field
	start, end int
	status     Status
	warning    string
	rank       int
	aside      bool // a remark, where the text also says a rule
	rules      []string
	statements []*statement
}

// ranks of warnings; the lower, the more is lost.
const (
	rankLanguage = iota
	rankCondition
	rankContent
	rankDoubt
	rankUnknown
	rankNote
)

// account records the clauses of a sentence.
func (r *reader) account(s *scanner, cls []clause) {
	for k := range cls {
		cl := &cls[k]
		from := cl.from
		for from+1 < cl.to && s.toks[from].kind == mark {
			from++
		}
		rec := &record{field: r.field, start: s.toks[from].start, end: s.toks[cl.to-1].end, warning: cl.why}
		switch cl.role {
		case roleUnread:
			rec.status = StatusUnread
			rec.rank = rankOf(s, cl)
			rec.aside = rec.rank == rankUnknown && aside(s, cl) || cl.why == whySelf && r.field == fieldCommunication
		case roleRemark:
			rec.status = StatusRemark
			rec.rank = rankNote
		}
		if cl.role == roleRule && !cl.content() && !cl.has(chunkOtherwise, chunkOnly) {
			rec.status = StatusRemark // becomes a rule when it makes one
		}
		cl.record = rec
		r.out.records = append(r.out.records, rec)
	}
}

// rankOf says how much is lost with a clause that was not read.
func rankOf(s *scanner, cl *clause) int {
	switch {
	case cl.why == whyCondition:
		return rankCondition
	case cl.content():
		return rankContent
	case cl.has(chunkCue):
		return rankDoubt
	}
	return rankUnknown
}

// finish turns the records into readings, and what was not read into warnings.
// Neighbours in one sentence that made the same rules, or were not read, are
// one reading.
func (o *reading) finish() {
	var last *record
	for _, rec := range o.records {
		for _, st := range rec.statements {
			rec.rules = append(rec.rules, o.statementLines(st)...)
		}
		if rec.status == StatusRule && len(rec.rules) == 0 && rec.warning == "" {
			rec.status = StatusRemark // repeats what another clause says, or adds nothing
		}
		if rec.status == StatusUnread && rec.aside && o.understood[rec.field] {
			rec.status, rec.warning = StatusRemark, ""
		}
		if n := len(o.readings); n > 0 && o.joins(last, rec) {
			into := &o.readings[n-1]
			into.End, into.Phrase = rec.end, squeeze(o.texts[rec.field][into.Start:rec.end])
			if rec.status == StatusUnread && rec.rank < last.rank {
				into.Warning = rec.warning
			} else {
				rec.rank = last.rank
			}
			o.ranks[n-1], last = min(o.ranks[n-1], rec.rank), rec
			continue
		}
		o.readings = append(o.readings, Reading{
			Field: rec.field.String(), Phrase: squeeze(o.texts[rec.field][rec.start:rec.end]), Start: rec.start, End: rec.end,
			Rules: rec.rules, Status: rec.status, Warning: rec.warning,
		})
		o.ranks, last = append(o.ranks, rec.rank), rec
	}
	for k, rd := range o.readings {
		if rd.Warning != "" {
			o.warn(fieldNamed(rd.Field), o.ranks[k], rd.Phrase, rd.Warning)
		}
	}
}

// joins reports whether two neighbouring clauses are one reading.
func (o *reading) joins(a, b *record) bool {
	if a.field != b.field || a.status != b.status || strings.ContainsAny(o.texts[a.field][a.end:b.start], ".!?;\n") {
		return false
	}
	switch a.status {
	case StatusUnread:
		return true
	case StatusRule:
		return a.warning == b.warning && slices.Equal(a.rules, b.rules)
	}
	return false
}

// squeeze writes a phrase on one line, at most 512 bytes of it.
func squeeze(phrase string) string {
	return clip(strings.Join(strings.Fields(strings.ToValidUTF8(phrase, "?")), " "), 512)
}

// warned is a warning with its rank.
type warned struct {
	*userv1.Warning
	rank int
}

// ranked returns the warnings, those first with which most is lost.
func (o *reading) ranked() []*userv1.Warning {
	slices.SortStableFunc(o.warnings, func(a, b warned) int { return cmp.Compare(a.rank, b.rank) })
	out := make([]*userv1.Warning, len(o.warnings))
	for i, w := range o.warnings {
		out[i] = w.Warning
	}
	return out
}

// warn adds a warning unless the same one was given.
func (o *reading) warn(f field, rank int, phrase, reason string) {
	for _, w := range o.warnings {
		if w.GetField() == f.String() && w.GetPhrase() == phrase && w.GetReason() == reason {
			return
		}
	}
	o.warnings = append(o.warnings, warned{&userv1.Warning{Field: f.String(), Phrase: phrase, Reason: reason}, rank})
}

// aside reports a clause in which somebody only speaks of how it is with them
// ("I get nervous", "it adds up"): it says no time, topic, number or manner, and
// denies and demands nothing.
func aside(s *scanner, cl *clause) bool {
	if cl.before == sepExcept || cl.before == sepNot {
		return false
	}
	switch cl.first(s) {
	case "i", "it", "they", "we", "that", "this", "my", "there":
	default:
		return false
	}
	for _, c := range cl.chunks {
		for k := c.from; k < c.to; k++ {
			w := s.text(k)
			if weighty[w] || demands[w] || isNumberWord(w) || s.toks[k].kind == number || s.toks[k].kind == clock {
				return false
			}
		}
	}
	return true
}

// demands are words that ask for something.
var demands = map[string]bool{"please": true, "you": true, "must": true, "should": true}

func fieldNamed(name string) field { return field(slices.Index(fieldNames[:], name)) }

// ruled notes a rule that the clause being filed has made.
func (r *reader) ruled(line string) {
	r.now.status = StatusRule
	if !slices.Contains(r.now.rules, line) {
		r.now.rules = append(r.now.rules, line)
	}
}

// refuse takes back the reading of the clause being filed; of one that has made
// a rule, only the rest.
func (r *reader) refuse(why string) {
	if len(r.now.rules)+len(r.now.statements) > 0 {
		r.leave(why)
		return
	}
	r.now.status, r.now.warning, r.now.rank = StatusUnread, why, rankContent
}
