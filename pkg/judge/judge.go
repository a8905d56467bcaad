// Package judge judges exactly by a PreferenceSpec: it reads a moment
// (receptive, protected, due) and gives the four verdicts on a recommendation
// or a silence, each with its reason in words.
package judge

import (
	"strconv"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Judge is a compiled PreferenceSpec. It is immutable and safe for concurrent
// use; the state of a run is a History.
type Judge struct {
	receptive []pattern
	protected []pattern
	atLeast   []bound
	atMost    []bound
	liked     []rule
	disliked  []rule
	slots     int // slots over all bounds; each has a counter in a History
	speech    speech
}

// rule is a set of topics under a condition.
type rule struct {
	topics topicSet
	when   *pattern
}

// Compile resolves the names of a spec. It returns errs.Violations, with paths
// relative to the spec, for an unknown activity kind, topic, tone or relation,
// and for a bound or an interval that means nothing.
func Compile(spec *simv1.PreferenceSpec) (*Judge, error) {
	c := &compiler{}
	j := &Judge{
		receptive: c.patterns("timing.receptive", spec.GetTiming().GetReceptive()),
		protected: c.patterns("timing.protected", spec.GetTiming().GetProtected()),
		atLeast:   c.bounds("frequency.at_least", spec.GetFrequency().GetAtLeast(), 1),
		atMost:    c.bounds("frequency.at_most", spec.GetFrequency().GetAtMost(), 0),
		liked:     c.rules("content.liked", spec.GetContent().GetLiked()),
		disliked:  c.rules("content.disliked", spec.GetContent().GetDisliked()),
		speech:    c.speech("communication", spec.GetCommunication()),
	}
	j.slots = c.slots
	if err := c.faults.OrNil(); err != nil {
		return nil, err
	}
	return j, nil
}

// compiler collects faults and numbers the slots.
type compiler struct {
	faults errs.Violations
	slots  int
}

func (c *compiler) patterns(field string, in []*simv1.MomentPattern) []pattern {
	out := make([]pattern, len(in))
	for i, p := range in {
		out[i] = c.pattern(at(field, i), p)
	}
	return out
}

func (c *compiler) pattern(field string, in *simv1.MomentPattern) pattern {
	p := pattern{name: in.GetName()}
	if clock := in.GetClock(); clock != nil {
		if clock.GetFromMinute() < 0 || clock.GetFromMinute() >= minutesPerDay || clock.GetToMinute() <= 0 || clock.GetToMinute() > minutesPerDay {
			c.faults.Add(field+".clock", "found [%d, %d), want minutes within a day", clock.GetFromMinute(), clock.GetToMinute())
		}
		p.clocked, p.from, p.to = true, clock.GetFromMinute()*60, clock.GetToMinute()*60
	}
	if act := in.GetActivity(); act != nil {
		p.active = true
		p.within = act.GetWithinMinutes() * 60
		if p.within == 0 {
			p.within = defaultWithinMinutes * 60
		}
		switch act.GetRelation() {
		case simv1.ActivityRelation_ACTIVITY_RELATION_DURING:
		case simv1.ActivityRelation_ACTIVITY_RELATION_AFTER:
			p.after = true
		default:
			c.faults.Add(field+".activity.relation", "found %v, want DURING or AFTER", act.GetRelation())
		}
		if len(act.GetKinds()) == 0 {
			c.faults.Add(field+".activity.kinds", "is empty, want at least one activity kind")
		}
		for i, kind := range act.GetKinds() {
			n := activity.Index(activity.Kind(kind))
			if n < 0 {
				c.faults.Add(at(field+".activity.kinds", i), "found %q, want one of %v", kind, activity.Kinds())
				continue
			}
			p.kinds = append(p.kinds, int8(n))
			p.set |= 1 << n
		}
	}
	if p.name == "" {
		p.name = p.describe()
	}
	return p
}

func (c *compiler) bounds(field string, in []*simv1.FrequencyBound, least int32) []bound {
	out := make([]bound, len(in))
	for i, b := range in {
		path := at(field, i)
		if b.GetCount() < least {
			c.faults.Add(path+".count", "found %d, want at least %d", b.GetCount(), least)
		}
		out[i] = bound{count: int(b.GetCount())}
		switch window := b.GetWindow().(type) {
		case *simv1.FrequencyBound_TrailingMinutes:
			if window.TrailingMinutes < 1 {
				c.faults.Add(path+".trailing_minutes", "found %d, want at least 1", window.TrailingMinutes)
			}
			out[i].kind, out[i].minutes = trailing, window.TrailingMinutes
		case *simv1.FrequencyBound_Day:
			out[i].kind = wholeDay
		case *simv1.FrequencyBound_Slots:
			if len(window.Slots.GetSlots()) == 0 {
				c.faults.Add(path+".slots", "is empty, want at least one slot")
			}
			out[i].kind = slotted
			out[i].slots = c.patterns(path+".slots.slots", window.Slots.GetSlots())
			out[i].firstSlot = c.slots
			c.slots += len(out[i].slots)
		default:
			c.faults.Add(path+".window", "is missing, want trailing_minutes, day or slots")
		}
	}
	return out
}

func (c *compiler) rules(field string, in []*simv1.ContentRule) []rule {
	out := make([]rule, len(in))
	for i, r := range in {
		path := at(field, i)
		if len(r.GetTopics()) == 0 {
			c.faults.Add(path+".topics", "is empty, want at least one topic")
		}
		out[i].topics = newTopicSet()
		for k, id := range r.GetTopics() {
			n := content.TopicIndex(id)
			if n < 0 {
				c.faults.Add(at(path+".topics", k), "found %q, want a topic of the catalogue (pkg/content), such as %q", id, content.Topics()[0].ID)
				continue
			}
			out[i].topics.add(n)
		}
		if r.GetWhen() != nil {
			p := c.pattern(path+".when", r.GetWhen())
			out[i].when = &p
		}
	}
	return out
}

func at(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// topicSet is a set of positions in content.Topics.
type topicSet []uint64

func newTopicSet() topicSet { return make(topicSet, (len(content.Topics())+63)/64) }

func (s topicSet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s topicSet) has(i int) bool { return i >= 0 && s[i/64]&(1<<(i%64)) != 0 }
