package rubric

// Reasons that are given in several places.
const (
	whyUnknown    = "not understood"
	whyCondition  = "this condition was not understood"
	whyWeekday    = "days of the week cannot be told apart"
	whyThreat     = "a threat or a supposition makes no rule"
	whyDepends    = "depends on a clause that was not understood"
	whySelf       = "speaks of the person, not of what is wanted"
	whyNeither    = "neither a wish nor a refusal could be read"
	whyAsleep     = "nobody is spoken to while asleep"
	whyNever      = "these never meet: "
	whyBroad      = "narrower than the catalogue of topics; all of the topic was read"
	whyQuestion   = "a question makes no rule"
	whyDouble     = "denied twice"
	whyNarrow     = "narrower than the catalogue of topics, and refused; left out, so that not all of it is refused"
	whyReasonTime = "a reason makes no rule; if it is a wish, say it in a sentence of its own"
)

// settle gives each clause its sense: its own cue, else that of the clause
// before it in the same list, else that of a verdict behind it ("dinner, prayer
// and nights are off limits"). A clause that was not understood ends the list
// in both directions, unless it is only a thing with an unknown name.
func (r *reader) settle(s *scanner, cls []clause) {
	sense, base := unset, unset
	pending := 0 // the first clause that a verdict may still judge
	blocked := r.refused && r.field != fieldCommunication
	for k := range cls {
		cl := &cls[k]
		if cl.role == roleRemark {
			continue
		}
		own, late := cl.cue()
		if !cl.content() && cl.role == roleRule && cl.polite(s) {
			continue // "please" between commas judges nothing
		}
		switch cl.before {
		case sepBut:
			sense, base, pending, blocked = unset, unset, k, false
		case sepNot:
			own, base, pending = negative, unset, k
		case sepExcept:
			if blocked && cl.role == roleRule {
				cl.role, cl.why = roleUnread, whyDepends
				continue
			}
			if base == unset {
				base = sense
			}
			if own == unset || own == positive {
				own = -base
				if base == unset {
					own = negative
				}
			}
			pending = k
		}
		if (r.field == fieldPreference || r.field == fieldTiming) && own != unset && cl.before != sepOr && cl.before != sepNot && !cl.content() {
			late = true
		}
		if cl.role == roleUnread && r.field == fieldTiming && !cl.content() && k > 0 && cl.before == sepComma && !cl.modifies(s) && cls[pending].conditional(s) {
			unread(cls[pending:k], whyDepends) // "when I have guests, hush": the conditions of what was not understood
		}
		if cl.role == roleUnread && !cl.transparent(s) {
			if cl.before != sepBut && (late && own == negative || cl.leads()) {
				unread(cls[pending:k], whyDepends)
			}
			if k > 0 && cl.before == sepComma && !cl.modifies(s) && cls[k-1].conditional(s) && !cl.content() {
				unread(cls[k-1:k], whyDepends) // "if I'm reading, ...": the condition of a clause that was not understood
			}
			sense, pending, blocked = unset, k+1, true
			continue
		}
		if k > 0 && r.field != fieldCommunication && cl.before == sepAnd && giving[cl.first(s)] && cls[k-1].forbids(s) {
			cl.role, cl.why = roleUnread, whyNeither // "don't wake me and talk to me at six"
			continue
		}
		if own == unset && r.field != fieldCommunication && sense == negative && giving[cl.first(s)] && cl.before != sepOr {
			own = positive // "no sports, bring on the music"
		}
		if own == unset {
			if blocked && cl.before != sepBut && cl.content() && cl.role == roleRule && !r.independent(s, cl) {
				cl.role, cl.why = roleUnread, whyDepends
				continue
			}
			cl.sense = sense
			continue
		}
		cl.sense, sense, blocked = own, own, false
		if late {
			for j := k - 1; j >= pending && cls[j].sense == unset; j-- {
				cls[j].sense = own
			}
		}
		pending = k + 1
	}
	r.refused = sense == negative || blocked
	for k := range cls {
		cl := &cls[k]
		if cl.sense != unset {
			continue
		}
		cl.sense = positive
		if cl.role == roleRule && r.field == fieldTiming && cl.has(chunkMoment) && cl.speaksOfSelf(s) {
			cl.role, cl.why = roleUnread, whySelf
		}
		if cl.role == roleRule && r.field == fieldTiming && cl.has(chunkMoment) && cl.disturbs(s) {
			cl.role, cl.why = roleUnread, whyNeither
		}
		if cl.role == roleRule && selves[cl.first(s)] && cl.has(chunkMoment, chunkTopics, chunkTone, chunkBoundary) && !cl.has(chunkCount) {
			cl.role, cl.why = roleUnread, whySelf
		}
	}
}

// unread takes back the clauses of a list whose verdict was not understood.
func unread(list []clause, why string) {
	for k := range list {
		if list[k].role == roleRule && list[k].sense == unset && list[k].bare() {
			list[k].role, list[k].why = roleUnread, why
		}
	}
}

// forbids reports a clause that denies a verb: "don't wake me".
func (cl *clause) forbids(s *scanner) bool {
	for _, c := range cl.chunks {
		if w := s.text(c.to - 1); c.kind == chunkCue && c.cue == negative && (w == "not" || w == "never") {
			return true
		}
	}
	return false
}

// polite reports a clause that only says please.
func (cl *clause) polite(s *scanner) bool {
	cues := 0
	for _, c := range cl.chunks {
		if c.kind == chunkCue {
			cues++
			if s.text(c.from) != "please" || c.to != c.from+1 {
				return false
			}
		}
	}
	return cues > 0
}

// speaksOfSelf reports "I" or "we" beside a time and no word of what is wanted.
func (cl *clause) speaksOfSelf(s *scanner) bool {
	if cl.has(chunkCount) {
		return false
	}
	for _, c := range cl.chunks {
		if w := s.text(c.from); c.kind == chunkFiller && (w == "i" || w == "we") {
			return true
		}
	}
	return false
}

// giving are verbs that begin a demand.
var giving = wordSet("giving")

// disturbs reports a verb such as "disturb", which nobody asks for without a
// word of how it is meant.
func (cl *clause) disturbs(s *scanner) bool {
	for _, c := range cl.chunks {
		switch s.text(c.from) {
		case "disturb", "disturbing", "interrupt", "interrupting", "bother", "bothering", "trouble", "interruption", "interruptions":
			return c.kind == chunkFiller
		}
	}
	return false
}

// modifies reports a clause that says more about the one before it and is no
// demand of its own: "before the tram rattles by".
func (cl *clause) modifies(s *scanner) bool {
	at := cl.from
	for at < cl.to && s.toks[at].kind == mark {
		at++
	}
	return relations.length(s.toks, at) > 0 || conditions[s.text(at)] || refinements.length(s.toks, at) > 0
}

// conditional reports a clause that is only a condition.
func (cl *clause) conditional(s *scanner) bool {
	if !cl.has(chunkMoment) || cl.has(chunkTopics, chunkCount) {
		return false
	}
	for _, c := range cl.chunks {
		if c.kind == chunkMoment {
			rel, n := relations.match(s.toks, c.from)
			return n > 0 && rel != relNone
		}
	}
	return false
}

// leads reports whether a clause that was not understood begins with something
// that could be a rule and goes on: it may be the verdict of a list.
func (cl *clause) leads() bool {
	for k, c := range cl.chunks {
		switch c.kind {
		case chunkMoment, chunkTopics, chunkAnyTime, chunkTone, chunkBoundary:
			for _, c := range cl.chunks[k+1:] {
				if c.kind == chunkUnknown {
					return true
				}
			}
			return false
		case chunkFiller:
		default:
			return false
		}
	}
	return false
}

// independent reports whether a clause says by itself what it is, so that it
// needs no list: a number, a limit of words.
func (r *reader) independent(s *scanner, cl *clause) bool {
	return cl.has(chunkCount, chunkWords) && (r.field == fieldFrequency || r.field == fieldCommunication)
}
