package rubric

import (
	"slices"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func allBut(topics []string) []string {
	var out []string
	for _, t := range content.Topics() {
		if !slices.Contains(topics, t.ID) {
			out = append(out, t.ID)
		}
	}
	return out
}

// elsewhere returns the moments outside all conditions said so far: the gaps
// between clock conditions, every activity but those named.
func (r *reader) elsewhere(s *scanner, g *liking) []chunk {
	var minutes [1440]bool
	kinds := map[string]bool{}
	clocked, active := false, false
	mixed := false
	for _, rule := range r.out.spec.GetContent().GetLiked() {
		p := rule.GetWhen()
		switch {
		case p.GetClock() != nil && p.GetActivity() == nil:
			clocked = true
			for m := p.GetClock().GetFromMinute(); m != p.GetClock().GetToMinute()%1440 || !minutes[m]; m = (m + 1) % 1440 {
				if minutes[m] {
					break
				}
				minutes[m] = true
				if (m+1)%1440 == p.GetClock().GetToMinute()%1440 {
					break
				}
			}
		case p.GetActivity() != nil && p.GetClock() == nil && p.GetActivity().GetRelation() == simv1.ActivityRelation_ACTIVITY_RELATION_DURING:
			active = true
			for _, k := range p.GetActivity().GetKinds() {
				kinds[k] = true
			}
		case p != nil:
			mixed = true
		}
	}
	if mixed || clocked == active {
		r.doubt(r.name(s, g.from, g.to), "what \"otherwise\" excludes cannot be told; read as always")
		return nil
	}
	if active {
		var others []string
		for _, k := range activity.Kinds() {
			if !kinds[string(k)] {
				others = append(others, string(k))
			}
		}
		var out []chunk
		for part := range slices.Chunk(others, maxKinds) {
			out = append(out, chunk{moment: moment{kinds: part}, from: g.from, to: g.to})
		}
		return out
	}
	var out []chunk
	for m := int32(0); m < 1440; m++ {
		if minutes[m] {
			continue
		}
		to := m
		for to < 1440 && !minutes[to] {
			to++
		}
		out = append(out, chunk{moment: moment{clock: &interval{m, to}}, from: g.from, to: g.to})
		m = to
	}
	return out
}
