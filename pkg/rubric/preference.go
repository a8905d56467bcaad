package rubric

import (
	"slices"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// maxKinds is what one activity pattern can hold.
const maxKinds = 32

// liking is a group of topics with one sense and one set of conditions.
type liking struct {
	topics []string
	sense  polarity
	when   []chunk // any of these
	only   bool    // nothing else under these conditions
	pre    bool    // the condition stands before the topics
	closed bool    // the condition stands behind them: the next topic begins anew
	rest   bool    // "otherwise": when no clock condition said before holds
	from   int
	to     int
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
	if adjectives[s.text(i)] {
		if _, n := cues.match(s.toks, i); n == 0 {
			if _, n := topicWords.match(s.toks, i); n == 0 {
				return chunk{kind: chunkFiller, to: i + 1}, true
			}
		}
	}
	return chunk{}, false
}

// readContent groups the topics of a sentence with the conditions before or
// behind them.
func (r *reader) readContent(s *scanner, chs []chunk) {
	segs := r.segments(heads(s, chs))
	var groups []*liking
	cur := &liking{}
	push := func() {
		if len(cur.topics) > 0 || len(cur.when) > 0 || cur.rest {
			groups = append(groups, cur)
		}
		cur = &liking{}
	}
	for k := range segs {
		seg := &segs[k]
		own, _ := seg.cue()
		hasTopics, hasMoment := seg.has(chunkTopics), seg.has(chunkMoment, chunkOtherwise)
		leading := hasMoment && hasTopics && momentFirst(seg)
		alone := hasMoment && !hasTopics && (seg.before == sepAnd || seg.before == sepBut) && k+1 < len(segs) && segs[k+1].has(chunkTopics) && segs[k+1].before == sepComma
		switch {
		case len(cur.topics) == 0: // nothing to part from
		case hasMoment && !hasTopics && seg.sense == negative && !alone: // an exception to what was just said
		case seg.before == sepBut, leading, alone, hasTopics && seg.sense != cur.sense, hasTopics && cur.closed, hasTopics && own != unset && seg.before != sepNone && !cur.pre:
			push()
		}
		for j, c := range seg.chunks {
			switch c.kind {
			case chunkAnyTime:
				r.out.understood[fieldPreference] = true
			case chunkOnly:
				if len(cur.topics) > 0 && len(cur.when) > 0 && onlyAfter.length(s.toks, c.from) > 0 {
					cur.only = true
				}
				if len(cur.topics) == 0 && (cur.pre || nextIs(seg.chunks[j+1:], chunkTopics)) {
					cur.only = true
				}
			case chunkTopics:
				if cur.closed {
					push()
				}
				if len(cur.topics) == 0 {
					cur.from = c.from
				}
				cur.sense, cur.to = seg.sense, c.to
				for _, id := range c.topics {
					if !slices.Contains(cur.topics, id) {
						cur.topics = append(cur.topics, id)
					}
				}
			case chunkOtherwise:
				if len(cur.topics) == 0 {
					cur.rest, cur.pre = true, true
				}
			case chunkMoment:
				if !hasTopics && seg.sense == negative && cur.sense == positive && len(cur.topics) > 0 { // "books, but never before noon"
					groups = append(groups, &liking{topics: slices.Clone(cur.topics), sense: negative, when: []chunk{c}, from: c.from, to: c.to})
					continue
				}
				r.addCondition(cur, c, seg, j)
			}
		}
	}
	push()
	for _, g := range groups {
		r.addLiking(s, g)
	}
}

func momentFirst(seg *segment) bool {
	for _, c := range seg.chunks {
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
func (r *reader) addCondition(g *liking, c chunk, seg *segment, j int) {
	if len(g.topics) > 0 && !g.pre {
		g.closed = true
	} else if len(g.topics) == 0 {
		g.pre = true
	}
	if n := len(g.when); n > 0 && g.pre {
		// "in the evening, when I'm winding down, ..." and "in the evening books
		// when I'm resting" ask for both.
		if both, ok := g.when[n-1].moment.and(c.moment); ok && (seg.before == sepComma || seg.before == sepNone || j > 0) {
			g.when[n-1].moment = both
			g.when[n-1].to = max(g.when[n-1].to, c.to)
			return
		}
	}
	g.when = append(g.when, c)
}

// heads keeps of neighbouring topics the one that the others only qualify: the
// last of a compound ("history books"), the first before "for" or "with".
func heads(s *scanner, chs []chunk) []chunk {
	out := slices.Clone(chs)
	for k := range out {
		if out[k].kind != chunkTopics {
			continue
		}
		if k > 0 && out[k-1].kind == chunkTopics {
			out[k-1].kind = chunkFiller
			continue
		}
		if len(out[k].topics) > 1 && k+1 < len(out) && out[k+1].kind == chunkSep && s.text(out[k+1].from) == ":" {
			out[k].kind = chunkFiller // "business: marketing and sales" names its own parts
			continue
		}
		if k >= 2 && out[k-2].kind == chunkTopics && out[k-1].kind == chunkFiller {
			switch s.text(out[k-1].from) {
			case "for", "with", "from", "of", "by", "in", "at", "to":
				// the first one holds
				out[k].topics = nil
			}
		}
	}
	return out
}

// addLiking turns a group into rules, one for each condition.
func (r *reader) addLiking(s *scanner, g *liking) {
	if len(g.topics) == 0 {
		if len(g.when) > 0 {
			r.warn(r.name(s, g.when[0].from, g.when[0].to), "a time without a topic that could be read")
		}
		return
	}
	r.out.understood[fieldPreference] = true
	if g.rest && len(g.when) == 0 {
		g.when = r.elsewhere(s, g)
	}
	if len(g.when) == 0 {
		r.addRule(g.sense, &simv1.ContentRule{Topics: g.topics})
		return
	}
	for _, c := range g.when {
		p, ok := r.momentPattern(s, c.moment, c.from, c.to, positive)
		if !ok {
			continue
		}
		r.addRule(g.sense, &simv1.ContentRule{Topics: g.topics, When: p})
		if g.only && g.sense == positive {
			r.addRule(negative, &simv1.ContentRule{Topics: allBut(g.topics), When: p})
		}
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
		r.out.warn(fieldPreference, "", tooManyRules)
		return
	}
	*list = append(*list, rule)
}
