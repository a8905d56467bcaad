package rubric

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// maxKinds is the limit of one activity pattern.
const maxKinds = 32

// liking is a group of topics with one sense and one set of conditions.
type liking struct {
	topics  []string
	sense   polarity
	when    []chunk // any of these
	only    bool    // nothing else under these conditions
	pre     bool    // the condition precedes the topics
	closed  bool    // the condition follows them: the next topic begins a new group
	rest    bool    // "otherwise": when no clock condition before it applies
	from    int
	to      int
	records []*record  // of the clauses it comes from
	clauses int        // that name its topics
	said    [][]string // the topics of each phrase that names some
	loose   bool       // a comma precedes the clause of its condition
}

func (r *reader) otherwiseChunk(s *scanner, i int) (chunk, bool) {
	if _, n := otherwise.match(s.toks, i); n > 0 {
		if _, k := s.momentAt(i, false); k > n {
			return chunk{}, false
		}
		return chunk{kind: chunkOtherwise, to: i + n}, true
	}
	if _, n := anyTopic.match(s.toks, i); n > 0 {
		switch next := s.text(i + n); {
		case next == "but" || next == "except" || next == "apart" || next == "other" || next == "besides" || next == "save" || next == "aside":
		case i+n < len(s.toks) && s.toks[i+n].kind == word && n == 1:
			return chunk{}, false
		}
		if _, k := separators.match(s.toks, i); k > n {
			return chunk{}, false
		}
		return chunk{kind: chunkAnyTime, to: i + n}, true
	}
	if adjectives[s.text(i)] && r.describes(s, i) {
		if _, n := cues.match(s.toks, i); n == 0 {
			if _, n := topicWords.match(s.toks, i); n == 0 {
				return chunk{kind: chunkFiller, to: i + 1}, true
			}
		}
	}
	return chunk{}, false
}

// grouping parts the topics of a sentence into groups.
type grouping struct {
	groups []*liking
	cur    *liking
	orphan bool // the topic before was not understood: a condition behind it is its own
}

func (g *grouping) push() {
	if len(g.cur.topics) > 0 || len(g.cur.when) > 0 || g.cur.rest {
		g.groups = append(g.groups, g.cur)
	}
	g.cur = &liking{}
}

// describes reports an adjective before what it describes; behind it, or alone,
// it says something else ("gardening in spring").
func (r *reader) describes(s *scanner, i int) bool {
	for k := i + 1; k <= i+3; k++ {
		if topicWords.length(s.toks, k) > 0 || nouns[s.text(k)] {
			return true
		}
		if !adjectives[s.text(k)] && s.text(k) != "and" && s.text(k) != "," && (k >= len(s.toks) || s.toks[k].kind != word || fillers[s.text(k)]) {
			return false
		}
	}
	return false
}

// readContent groups the topics of a sentence with the conditions before or
// behind them.
func (r *reader) readContent(s *scanner, cls []clause) {
	g := &grouping{cur: &liking{}}
	for k := range cls {
		cl := &cls[k]
		switch {
		case cl.role == roleRemark:
		case cl.role == roleUnread:
			g.orphan = !cl.has(chunkTopics) && cl.before != sepExcept
			if !cl.transparent(s) {
				g.push()
			}
		case cl.role == roleRule && g.orphan && cl.has(chunkMoment) && !cl.has(chunkTopics):
			r.now = cl.record
			r.refuse(whyDepends)
		case cl.role == roleRule:
			g.orphan = false
			if g.parts(cls, k) {
				g.push()
			}
			for j, c := range cl.chunks {
				r.group(s, g, cl, j, c)
			}
		}
	}
	g.push()
	for _, one := range g.groups {
		r.likings = append(r.likings, filed{s, one})
	}
}

// parts reports whether a clause begins a new group.
func (g *grouping) parts(cls []clause, k int) bool {
	cl := &cls[k]
	if len(g.cur.topics) == 0 {
		return false
	}
	own, _ := cl.cue()
	topics, moments := cl.has(chunkTopics), cl.has(chunkMoment, chunkOtherwise)
	// "..., and in the evening, films": a condition of what follows
	ahead := moments && !topics && (cl.before == sepAnd || cl.before == sepBut) && k+1 < len(cls) && cls[k+1].has(chunkTopics) && cls[k+1].before == sepComma
	if moments && !topics && cl.sense == negative && !ahead {
		return false // an exception to what was just said
	}
	return cl.before == sepBut || moments && topics && momentFirst(cl) || ahead ||
		topics && (cl.sense != g.cur.sense || g.cur.closed || own != unset && cl.before != sepNone && !g.cur.pre)
}

// group adds a piece of a clause to the group that is being made.
func (r *reader) group(s *scanner, g *grouping, cl *clause, j int, c chunk) {
	topics := cl.has(chunkTopics)
	switch c.kind {
	case chunkAnyTime:
		r.out.understood[fieldPreference] = true
		r.now = cl.record
		r.ruled("likes everything it does not dislike")
	case chunkOnly:
		if len(g.cur.topics) > 0 && len(g.cur.when) > 0 && onlyAfter.length(s.toks, c.from) > 0 {
			g.cur.only = true
		}
		if len(g.cur.topics) == 0 && (g.cur.pre || nextIs(cl.chunks[j+1:], chunkTopics)) {
			g.cur.only = true
		}
	case chunkTopics:
		if g.cur.closed {
			g.push()
		}
		if len(g.cur.topics) == 0 {
			g.cur.from = c.from
		}
		g.cur.sense, g.cur.to = cl.sense, c.to
		g.cur.clauses++
		g.cur.said = append(g.cur.said, c.topics)
		for _, id := range c.topics {
			if !slices.Contains(g.cur.topics, id) {
				g.cur.topics = append(g.cur.topics, id)
			}
		}
	case chunkOtherwise:
		if len(g.cur.topics) == 0 {
			g.cur.rest, g.cur.pre = true, true
		}
	case chunkMoment:
		if !topics && cl.sense == negative && g.cur.sense == positive && len(g.cur.topics) > 0 { // "books, but never before noon"
			g.groups = append(g.groups, &liking{topics: slices.Clone(g.cur.topics), sense: negative, said: g.cur.said, when: []chunk{c}, from: c.from, to: c.to, records: []*record{cl.record}})
			return
		}
		g.cur.loose = g.cur.loose || s.text(cl.from) == ","
		addCondition(g.cur, c, cl, j)
	default:
		return
	}
	if cl.has(chunkNarrow) {
		r.now = cl.record
		r.leave(whyBroad)
	}
	if !slices.Contains(g.cur.records, cl.record) {
		g.cur.records = append(g.cur.records, cl.record)
	}
}

func momentFirst(cl *clause) bool {
	for _, c := range cl.chunks {
		if c.kind == chunkTopics {
			return false
		}
		if c.kind == chunkMoment || c.kind == chunkOtherwise {
			return true
		}
	}
	return false
}

func nextIs(rest []chunk, kind chunkKind) bool {
	for _, c := range rest {
		if c.kind == chunkFiller || c.kind == chunkCue || c.kind == chunkUnknown {
			continue
		}
		return c.kind == kind
	}
	return false
}

// addCondition attaches a moment to the group: before its topics, behind them,
// or as one more alternative.
func addCondition(g *liking, c chunk, cl *clause, j int) {
	if len(g.topics) > 0 && !g.pre {
		g.closed = true
	} else if len(g.topics) == 0 {
		g.pre = true
	}
	if n := len(g.when); n > 0 && g.pre {
		// "in the evening, when I'm winding down, ..." and "in the evening books
		// when I'm resting" ask for both.
		if both, ok := g.when[n-1].moment.and(c.moment); ok && (cl.before == sepComma || cl.before == sepNone || j > 0) {
			g.when[n-1].moment = both
			g.when[n-1].to = max(g.when[n-1].to, c.to)
			return
		}
	}
	g.when = append(g.when, c)
}

// narrowed marks unknown words directly before a topic: they narrow it further
// than the catalogue can.
func narrowed(s *scanner, chs []chunk) {
	for k := range chs {
		if chs[k].kind != chunkTopics {
			continue
		}
		from := k
		for from > 0 && k-from < 2 && narrows(s, chs[from-1]) {
			from--
		}
		if from == k || from > 0 && !opensPhrase(s, chs[from-1]) {
			continue
		}
		for j := from; j < k; j++ {
			chs[j].kind = chunkNarrow
		}
	}
}

func narrows(s *scanner, c chunk) bool {
	w := s.text(c.from)
	return c.kind == chunkUnknown && c.to == c.from+1 && s.toks[c.from].kind == word && !strings.HasSuffix(w, "ing") && !strings.HasSuffix(w, "ly") &&
		!weighty[w] && !conditions[w] && !isNumberWord(w) && relations.length(s.toks, c.from) == 0 && !judging[w]
}

// opensPhrase reports a piece behind which a noun phrase can begin.
func opensPhrase(s *scanner, c chunk) bool {
	w := s.text(c.to - 1)
	return c.kind == chunkSep || c.kind == chunkCue || c.kind == chunkOnly || determiners[w] || c.kind == chunkFiller && (w == "about" || w == "on" || w == "of" || w == "for" || w == "any" || w == "new" || w == "more" || adjectives[w])
}

// judging are adjectives that say what somebody thinks of a topic.
var judging = wordSet("judging")

// heads keeps of neighbouring topics the one that the others only qualify: the
// last of a compound ("history books"), the first before "for" or "with".
func heads(s *scanner, chs []chunk) []chunk {
	out := slices.Clone(chs)
	narrowed(s, out)
	for k := range out {
		if out[k].kind != chunkTopics {
			continue
		}
		if k > 0 && out[k-1].kind == chunkTopics && !strings.HasSuffix(s.text(out[k-1].to-1), "ing") {
			out[k-1].kind, out[k-1].part = chunkFiller, true
		}
		if len(out[k].topics) > 1 && k+1 < len(out) && out[k+1].kind == chunkSep && s.text(out[k+1].from) == ":" {
			out[k].kind, out[k].part = chunkFiller, true // "business: marketing and sales" names its own parts
			continue
		}
		if qualifies(s, out, k) || gerundBefore(s, out, k) {
			out[k].kind, out[k].part = chunkFiller, true
		}
	}
	return out
}

// gerundBefore reports a topic that is only what the one before it is done to:
// "cooking Italian food".
func gerundBefore(s *scanner, chs []chunk, k int) bool {
	for j := k - 1; j >= 0; j-- {
		switch {
		case chs[j].kind == chunkTopics:
			return strings.HasSuffix(s.text(chs[j].to-1), "ing")
		case chs[j].kind == chunkFiller && adjectives[s.text(chs[j].from)], chs[j].kind == chunkNarrow:
		default:
			return false
		}
	}
	return false
}

// qualifies reports a topic that only says more about the one before it: "books
// about the history of art".
func qualifies(s *scanner, chs []chunk, k int) bool {
	preposition := false
	for j := k - 1; j >= 0; j-- {
		switch w := s.text(chs[j].from); {
		case chs[j].kind == chunkTopics:
			return preposition
		case chs[j].kind == chunkFiller && (w == "for" || w == "with" || w == "of" || w == "in" || w == "to" || w == "on" || w == "about"):
			preposition = true
		case chs[j].kind == chunkFiller || chs[j].kind == chunkNarrow:
		default:
			return false
		}
	}
	return false
}

// addLiking turns a group into rules, one for each condition.
func (r *reader) addLiking(s *scanner, g *liking) {
	if len(g.topics) == 0 && len(g.said) > 0 {
		return // said otherwise elsewhere
	}
	if len(g.topics) == 0 {
		for _, rec := range g.records {
			r.now = rec
			r.refuse("a time without a topic that could be read")
		}
		return
	}
	if g.rest && len(g.when) == 0 {
		g.when = r.elsewhere(s, g)
	}
	rules := []*simv1.ContentRule{{Topics: g.topics}}
	if len(g.when) > 0 {
		rules = nil
		for _, c := range g.when {
			p, _ := r.momentPattern(s, c.moment, c.from, c.to, positive)
			if !satisfy.Meets(p) {
				for _, rec := range g.records {
					r.now = rec
					r.refuse(whyNever + When(p))
				}
				return
			}
			rules = append(rules, &simv1.ContentRule{Topics: g.topics, When: p})
		}
	}
	if !g.pre && !g.rest && len(g.when) > 0 && len(g.records) > 1 && g.sense == positive && g.lists() {
		r.now = g.records[len(g.records)-1]
		r.leave("this condition could belong to the last of the list alone; read for all of it")
	}
	r.out.understood[fieldPreference] = true
	for _, rule := range rules {
		r.note(g, g.sense, rule)
		r.addRule(g.sense, rule)
		if g.only && g.sense == positive && rule.When != nil {
			rest := &simv1.ContentRule{Topics: allBut(g.topics), When: rule.When}
			r.note(g, negative, rest)
			r.addRule(negative, rest)
		}
	}
}

// lists reports topics of several clauses before one condition.
func (g *liking) lists() bool { return len(g.topics) > 1 && g.clauses > 1 && g.loose }

// note writes a rule into the record of each clause it comes from.
func (r *reader) note(g *liking, sense polarity, rule *simv1.ContentRule) {
	verb := "likes "
	if sense == negative {
		verb = "dislikes "
	}
	for _, rec := range g.records {
		r.now = rec
		r.ruled(verb + ruleLine(rule))
	}
}

// addRule appends a rule; topics without a condition join the rule before them.
func (r *reader) addRule(sense polarity, rule *simv1.ContentRule) {
	c := r.out.spec.GetContent()
	list := &c.Liked
	if sense == negative {
		list = &c.Disliked
	}
	for _, other := range *list {
		if rule.When == nil && other.When == nil || rule.When != nil && other.When != nil && samePattern(rule.When, other.When) && len(rule.Topics)+len(other.Topics) <= 100 {
			for _, id := range rule.Topics {
				if !slices.Contains(other.Topics, id) {
					other.Topics = append(other.Topics, id)
				}
			}
			return
		}
	}
	if len(*list) == maxRules {
		r.out.warn(fieldPreference, rankDoubt, "", tooManyRules)
		return
	}
	*list = append(*list, proto.CloneOf(rule))
}
