package rubric

// Reasons why a clause is not read, for use in more than one place.
const (
	whyUnknown    = "not understood"
	whyForm       = "put in a way that is not read; say it in a simpler sentence"
	whyBoth       = "liked and refused, as far as the catalogue of topics can tell; left out"
	whyNarrows    = "may narrow the times before it or be one more; say it in a sentence of its own"
	whyManner     = "could be a topic or a manner of speaking; say which"
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

// settle gives each clause its sense: the sense of its own cue, else that of the
// clause before it in the same list, else that of a verdict after it ("dinner,
// prayer and nights are off limits"). A clause that was not understood ends the
// list in both directions, unless it only names something unknown.
func (r *reader) settle(s *scanner, cls []clause) {
	l := clauseList{reader: r, s: s, cls: cls, blocked: r.refused && r.field != fieldCommunication}
	for k := range cls {
		l.enter(k)
		for _, rule := range senseRules {
			if rule.applies(&l) && rule.apply(&l) == nextClause {
				break
			}
		}
	}
	r.refused = l.sense == negative || l.blocked
	for k := range cls {
		if cls[k].sense == unset {
			cls[k].sense = positive
			r.doubtWish(s, &cls[k])
		}
	}
}

// clauseList is the clauses of one sentence, and what settle knows at clause k.
type clauseList struct {
	*reader
	s   *scanner
	cls []clause

	k    int
	cl   *clause
	own  polarity // the sense that the clause's own cue gives
	late bool     // the cue follows what it judges

	sense   polarity // of the list so far
	base    polarity // of the list before its exceptions
	pending int      // the first clause that a verdict may still judge
	blocked bool     // a clause that was not understood may be the verdict of the list
}

func (l *clauseList) enter(k int) {
	l.k, l.cl = k, &l.cls[k]
	l.own, l.late = l.cl.cue()
}

// isRule reports whether the clause may still make a rule.
func (l *clauseList) isRule() bool { return l.cl.role == roleRule }

// isObstacle reports a clause that was not understood and that ends the list.
func (l *clauseList) isObstacle() bool { return l.cl.role == roleUnread && !l.cl.transparent(l.s) }

// dependsOnNext reports whether the clause before is a condition of this one:
// "if I'm reading, ...".
func (l *clauseList) dependsOnNext(first int) bool {
	return l.k > 0 && l.cl.before == sepComma && !l.cl.content() && !l.cl.modifies(l.s) && l.cls[first].conditional(l.s)
}

// demands reports a clause that begins with a verb of demand: "bring on".
func (l *clauseList) demands() bool {
	return l.field != fieldCommunication && giving[l.cl.first(l.s)]
}

// drop takes from the clause the right to make a rule.
func (l *clauseList) drop(why string) { l.cl.role, l.cl.why = roleUnread, why }

// doubtWish drops a clause without any sense of its own that speaks of the
// person, or of what nobody asks for.
func (r *reader) doubtWish(s *scanner, cl *clause) {
	if cl.role != roleRule {
		return
	}
	for _, doubt := range wishDoubts {
		if doubt.applies(r, s, cl) {
			cl.role, cl.why = roleUnread, doubt.why
			return
		}
	}
}

// unread drops the bare clauses of a list whose verdict was not understood.
func unread(list []clause, why string) {
	for k := range list {
		if list[k].role == roleRule && list[k].sense == unset && list[k].bare() {
			list[k].role, list[k].why = roleUnread, why
		}
	}
}

// forbids reports whether the clause denies a verb: "don't wake me".
func (cl *clause) forbids(s *scanner) bool {
	for _, c := range cl.chunks {
		if w := s.text(c.to - 1); c.kind == chunkCue && c.cue == negative && (w == "not" || w == "never") {
			return true
		}
	}
	return false
}

// polite reports whether the only cue of the clause is "please".
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

// speaksOfSelf reports whether the clause has "I" or "we" as a subject and no
// count.
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

// giving has the verbs that begin a demand.
var giving = wordSet("giving")

// disturbs reports whether the clause has a verb such as "disturb". Nobody asks
// for that, so it is no wish without a cue.
func (cl *clause) disturbs(s *scanner) bool {
	for _, c := range cl.chunks {
		switch s.text(c.from) {
		case "disturb", "disturbing", "interrupt", "interrupting", "bother", "bothering", "trouble", "interruption", "interruptions":
			return c.kind == chunkFiller
		}
	}
	return false
}

// limits reports whether the clause excepts something from the clause before it.
// "But no spoilers" refuses something else.
func (cl *clause) limits() bool {
	own, _ := cl.cue()
	return cl.before == sepExcept || cl.before == sepNot || cl.before == sepBut && own == negative && (cl.content() || !nominalDenial(cl))
}

// joinedByNor reports whether "nor" is among the separators before the clause.
func (cl *clause) joinedByNor(s *scanner) bool {
	for k := cl.from; k < cl.chunks[0].from; k++ {
		if s.text(k) == "nor" {
			return true
		}
	}
	return false
}

// follows reports whether the clause begins with "then".
func (cl *clause) follows(s *scanner) bool {
	at := cl.from
	for at < cl.to && s.toks[at].kind == mark {
		at++
	}
	return s.text(at) == "then" && s.text(at+1) != ","
}

// modifies reports whether the clause only qualifies the one before it: "before
// the tram rattles by".
func (cl *clause) modifies(s *scanner) bool {
	at := cl.from
	for at < cl.to && s.toks[at].kind == mark {
		at++
	}
	return relations.length(s.toks, at) > 0 || conditions[s.text(at)] || refinements.length(s.toks, at) > 0
}

// conditional reports whether the clause is only a condition: a moment with a
// relation word, no topic and no count.
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

// leads reports whether the clause starts with possible content of a rule and has
// unknown words after it. Such a clause may be the verdict of a list.
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

// independent reports whether the clause needs no list to have a sense: it has a
// number or a limit of words.
func (r *reader) independent(s *scanner, cl *clause) bool {
	return cl.has(chunkCount, chunkWords) && (r.field == fieldFrequency || r.field == fieldCommunication)
}
