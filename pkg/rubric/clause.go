package rubric

// A sentence is cut into pieces, and the pieces into clauses at separators. A
// clause is understood as a whole, or it makes no rule and is named.

// role says what a clause does.
type role uint8

const (
	roleRule   role = iota // understood as a whole
	roleRemark             // a reason or a remark: no rule is asked for
	roleUnread             // not understood, or no rule by its form
)

// clause is a part of a sentence between separators.
type clause struct {
	chunks []chunk
	before separator // what separates it from the clause before
	noun   bool      // and that denies a noun: "without"
	from   int       // tokens, the separators before it among them
	to     int
	role   role
	why    string // why it is not read, or what was left out of the reading
	sense  polarity
	record *record
}

// clauses parts pieces at separators. An explanation is a clause of its own.
func clauses(chs []chunk) []clause {
	var out []clause
	current := clause{}
	begin := 0
	push := func(to int) {
		if len(current.chunks) > 0 {
			current.from, current.to = begin, to
			out = append(out, current)
			current, begin = clause{}, to
		}
	}
	for _, c := range chs {
		switch {
		case c.kind == chunkSep:
			push(c.from)
			current.before = max(current.before, c.sep)
			current.noun = current.noun || c.nominal
		case c.kind == chunkReason:
			push(c.from)
			out = append(out, clause{chunks: []chunk{c}, from: begin, to: c.to, role: roleRemark})
			begin = c.to
		default:
			current.chunks = append(current.chunks, c)
		}
	}
	push(end(chs))
	if n := len(out); n > 0 {
		out[n-1].to = max(out[n-1].to, end(chs))
	}
	return out
}

func end(chs []chunk) int {
	if len(chs) == 0 {
		return 0
	}
	return chs[len(chs)-1].to
}

// has reports whether the clause has a piece of one of the kinds.
func (cl *clause) has(kinds ...chunkKind) bool {
	for _, c := range cl.chunks {
		for _, k := range kinds {
			if c.kind == k {
				return true
			}
		}
	}
	return false
}

// count counts the pieces of a kind.
func (cl *clause) count(kind chunkKind) int {
	n := 0
	for _, c := range cl.chunks {
		if c.kind == kind {
			n++
		}
	}
	return n
}

// content reports whether the clause says something that could be a rule.
func (cl *clause) content() bool {
	return cl.has(chunkMoment, chunkTopics, chunkAnyTime, chunkCount, chunkTone, chunkBoundary, chunkWords)
}

// cue returns the clause's own sense, and whether its cues follow what they are
// about. A denial prevails over praise in the same clause.
func (cl *clause) cue() (own polarity, late bool) {
	seen := false
	for _, c := range cl.chunks {
		switch c.kind {
		case chunkCue:
			if own == unset {
				late = seen
			}
			if c.cue == negative || own == unset {
				own = c.cue
			}
		case chunkMoment, chunkTopics, chunkAnyTime, chunkTone, chunkBoundary, chunkWords:
			seen = true
		}
	}
	return own, late
}

// bare reports whether a clause has no predicate of its own, so that it takes
// its sense from the list it is in.
func (cl *clause) bare() bool {
	own, _ := cl.cue()
	return own == unset
}

// first returns the first word of a clause behind adverbs such as "also".
func (cl *clause) first(s *scanner) string {
	for _, c := range cl.chunks {
		for k := c.from; k < c.to; k++ {
			if w := s.text(k); !openers[w] {
				return w
			}
		}
	}
	return ""
}

// openers may begin any clause.
var openers = wordSet("openers")

// selves are subjects by which people speak of themselves or of others.
var selves = map[string]bool{"i": true, "we": true, "he": true, "she": true, "they": true, "everybody": true, "everyone": true, "somebody": true, "someone": true, "nobody": true}

// transparent reports whether an unread clause is only a thing with an unknown
// name, perhaps with a condition, so that the list around it continues.
func (cl *clause) transparent(s *scanner) bool {
	if cl.has(chunkCue, chunkCount, chunkTone, chunkBoundary, chunkWords) || cl.why == whyThreat || cl.why == whyQuestion || cl.why == whyForm {
		return false
	}
	if adjuncts[cl.first(s)] && cl.chunks[0].kind == chunkFiller {
		return false
	}
	words, named := 0, false
	for _, c := range cl.chunks {
		if c.kind == chunkMoment || c.kind == chunkTopics {
			named = true
			continue
		}
		if c.kind == chunkUnknown && (conditions[s.text(c.from)] || provisos.length(s.toks, c.from) > 0) {
			continue
		}
		for k := c.from; k < c.to; k++ {
			switch w := s.text(k); {
			case c.kind == chunkUnknown && (named || weighty[w] || s.toks[k].kind != word || relations.length(s.toks, k) > 0):
				return false
			case c.kind == chunkUnknown:
				words++
			case verbal[w]:
				return false
			}
		}
	}
	return words <= 3
}

// verbal are words among the fillers that make a clause out of a phrase.
var verbal = wordSet("verbal")
