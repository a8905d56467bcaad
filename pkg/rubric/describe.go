package rubric

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func digits(n int32) string { return strconv.Itoa(int(n)) }

// Describe renders a spec as one English line for each of its rules, in the
// order frequency, timing, content, communication. Each line begins with the
// name of its part and a colon.
func Describe(spec *simv1.PreferenceSpec) []string {
	var out []string
	add := func(part, line string) { out = append(out, part+": "+line) }
	for _, b := range spec.GetFrequency().GetAtLeast() {
		add("frequency", boundLine("at least", b))
	}
	for _, b := range spec.GetFrequency().GetAtMost() {
		add("frequency", boundLine("at most", b))
	}
	if len(spec.GetFrequency().GetAtLeast())+len(spec.GetFrequency().GetAtMost()) == 0 {
		add("frequency", "any number")
	}
	if len(spec.GetTiming().GetReceptive()) == 0 {
		add("timing", "open at any waking moment")
	}
	for _, p := range spec.GetTiming().GetReceptive() {
		add("timing", "open "+When(p))
	}
	for _, p := range spec.GetTiming().GetProtected() {
		add("timing", "closed "+When(p))
	}
	if len(spec.GetContent().GetLiked()) == 0 {
		add("content", "likes everything it does not dislike")
	}
	for _, r := range spec.GetContent().GetLiked() {
		add("content", "likes "+ruleLine(r))
	}
	for _, r := range spec.GetContent().GetDisliked() {
		add("content", "dislikes "+ruleLine(r))
	}
	c := spec.GetCommunication()
	if len(c.GetTones()) == 0 {
		add("communication", "any tone")
	} else {
		add("communication", "tone "+strings.Join(c.GetTones(), " or "))
	}
	if c.GetMaxWords() > 0 {
		add("communication", "at most "+digits(c.GetMaxWords())+" words")
	}
	for _, b := range c.GetBoundaries() {
		add("communication", boundaryLines[b])
	}
	return out
}

var boundaryLines = map[simv1.Boundary]string{
	simv1.Boundary_BOUNDARY_UNSPECIFIED:        "a boundary of no kind",
	simv1.Boundary_BOUNDARY_NO_EXCLAMATION:     "no exclamation marks",
	simv1.Boundary_BOUNDARY_NO_PRESSURE:        "no pressure",
	simv1.Boundary_BOUNDARY_NO_HEALTH_ADVICE:   "no health advice",
	simv1.Boundary_BOUNDARY_NO_MONEY:           "no money matters",
	simv1.Boundary_BOUNDARY_NO_SLANG:           "no slang or emoji",
	simv1.Boundary_BOUNDARY_NO_QUESTIONS:       "no questions",
	simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS: "no private matters",
}

func boundLine(side string, b *simv1.FrequencyBound) string {
	line := side + " " + digits(b.GetCount())
	switch w := b.GetWindow().(type) {
	case *simv1.FrequencyBound_TrailingMinutes:
		return line + " in any " + length(w.TrailingMinutes)
	case *simv1.FrequencyBound_Day:
		return line + " a day"
	case *simv1.FrequencyBound_Slots:
		slots := make([]string, len(w.Slots.GetSlots()))
		for i, p := range w.Slots.GetSlots() {
			slots[i] = When(p)
		}
		if len(slots) == 1 {
			return line + " " + slots[0]
		}
		return line + " each " + strings.Join(slots, ", ")
	}
	return line
}

func length(minutes int32) string {
	switch {
	case minutes == 60:
		return "hour"
	case minutes%60 == 0:
		return digits(minutes/60) + " hours"
	}
	return digits(minutes) + " minutes"
}

// When renders a pattern: "from 18:00 to 20:00", "within 30 minutes after
// dinner", "at any time".
func When(p *simv1.MomentPattern) string {
	var parts []string
	if a := p.GetActivity(); a != nil {
		kinds := strings.ReplaceAll(strings.Join(a.GetKinds(), " or "), "_", " ")
		if len(a.GetKinds()) > 8 {
			kinds = fmt.Sprintf("any of %d activities", len(a.GetKinds()))
		}
		if a.GetRelation() == simv1.ActivityRelation_ACTIVITY_RELATION_AFTER {
			within := a.GetWithinMinutes()
			if within == 0 {
				within = afterMinutes
			}
			parts = append(parts, "within "+digits(within)+" minutes after "+kinds)
		} else {
			parts = append(parts, "during "+kinds)
		}
	}
	if c := p.GetClock(); c != nil {
		parts = append(parts, "from "+simtime.Clock(c.GetFromMinute()*60)+" to "+simtime.Clock(c.GetToMinute()*60))
	}
	if len(parts) == 0 {
		return "at any time"
	}
	return strings.Join(parts, " ")
}

func ruleLine(r *simv1.ContentRule) string {
	topics := strings.Join(r.GetTopics(), ", ")
	if all := len(content.Topics()); len(r.GetTopics()) > all/2 {
		topics = "everything but " + strings.Join(allBut(r.GetTopics()), ", ")
	}
	if r.GetWhen() == nil {
		return topics
	}
	return topics + " " + When(r.GetWhen())
}
