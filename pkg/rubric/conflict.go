package rubric

import "slices"

// filed is a group of topics with the sentence it was said in.
type filed struct {
	s *scanner
	*liking
}

// fileLikings turns the groups of a text into rules, once it is known whether
// the text says something else of the same topics.
func (r *reader) fileLikings() {
	for _, like := range r.likings {
		for _, refusal := range r.likings {
			if like.sense == positive && refusal.sense == negative && len(refusal.when) == 0 && !refusal.rest {
				r.contradict(like.liking, refusal.liking)
			}
		}
	}
	for _, f := range r.likings {
		r.addLiking(f.s, f.liking)
	}
	r.likings = nil
}

// contradict finds the topics that a text both likes and refuses. The narrower
// phrase prevails: "no nature, but gardening" likes gardening. Of two families that
// only overlap the refusal prevails, as the judge reads a spec. Where both are the
// same topics the catalogue cannot distinguish them ("dogs, but no cats"), so that
// both are left out and named.
func (r *reader) contradict(like, refusal *liking) {
	for _, wanted := range like.said {
		for _, unwanted := range refusal.said {
			both := common(wanted, unwanted)
			switch n := len(both); {
			case n == len(wanted) && n < len(unwanted):
				refusal.without(both)
			case n > 0 && n == len(wanted) && n == len(unwanted):
				r.drop(like, both)
				r.drop(refusal, both)
			}
		}
	}
}

func common(a, b []string) []string {
	var out []string
	for _, id := range a {
		if slices.Contains(b, id) {
			out = append(out, id)
		}
	}
	return out
}

func (g *liking) without(topics []string) {
	g.topics = slices.DeleteFunc(slices.Clone(g.topics), func(id string) bool { return slices.Contains(topics, id) })
}

// drop takes topics from a group and says so with its clauses.
func (r *reader) drop(g *liking, topics []string) {
	g.without(topics)
	for _, rec := range g.records {
		r.now = rec
		if len(g.topics) == 0 {
			r.refuse(whyBoth)
			continue
		}
		r.leave(whyBoth)
	}
}
