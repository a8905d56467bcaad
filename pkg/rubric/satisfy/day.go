package satisfy

import (
	"fmt"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// topics is a set of topics of the catalogue.
type topics [2]uint64

func (t *topics) add(id string) {
	if i := content.TopicIndex(id); i >= 0 && i < 128 {
		t[i/64] |= 1 << (i % 64)
	}
}

func (t topics) or(o topics) topics  { return topics{t[0] | o[0], t[1] | o[1]} }
func (t topics) but(o topics) topics { return topics{t[0] &^ o[0], t[1] &^ o[1]} }
func (t topics) empty() bool         { return t == topics{} }

// rule is a ContentRule made ready for matching.
type rule struct {
	topics topics
	when   *pattern
}

// wishes are the parts of a spec that a moment is held to.
type wishes struct {
	receptive, protected []pattern
	liked, disliked      []rule
	anything             bool   // no topic is asked for
	sayable              topics // what no boundary closes
	slots                []pattern
	paths                []string // of the slots
	named                kinds    // that some pattern distinguishes
	ended                kinds    // of which the end matters
	lasts                int      // the longest "after"
}

func newWishes(spec *simv1.PreferenceSpec) *wishes {
	w := &wishes{
		receptive: compileAll(spec.GetTiming().GetReceptive()), protected: compileAll(spec.GetTiming().GetProtected()),
		liked: rules(spec.GetContent().GetLiked()), disliked: rules(spec.GetContent().GetDisliked()),
		anything: len(spec.GetContent().GetLiked()) == 0,
	}
	var closed topics
	for _, b := range spec.GetCommunication().GetBoundaries() {
		for _, id := range closedBy(b) {
			closed.add(id)
		}
	}
	for _, t := range content.Topics() {
		w.sayable.add(t.ID)
	}
	w.sayable = w.sayable.but(closed)
	for i, low := range spec.GetFrequency().GetAtLeast() {
		for k, slot := range low.GetSlots().GetSlots() {
			w.slots = append(w.slots, compile(slot))
			w.paths = append(w.paths, fmt.Sprintf("frequency.at_least[%d].slots.slots[%d]", i, k))
		}
	}
	for _, list := range [][]pattern{w.receptive, w.protected, w.slots, whens(w.liked), whens(w.disliked)} {
		for _, p := range list {
			w.named |= p.kinds
			if p.after {
				w.ended |= p.kinds
				w.lasts = max(w.lasts, p.lasts)
			}
		}
	}
	return w
}

func rules(list []*simv1.ContentRule) []rule {
	out := make([]rule, len(list))
	for i, r := range list {
		for _, id := range r.GetTopics() {
			out[i].topics.add(id)
		}
		if r.GetWhen() != nil {
			p := compile(r.GetWhen())
			out[i].when = &p
		}
	}
	return out
}

func whens(list []rule) []pattern {
	var out []pattern
	for _, r := range list {
		if r.when != nil {
			out = append(out, *r.when)
		}
	}
	return out
}

// closedBy are the topics that a boundary closes.
func closedBy(b simv1.Boundary) []string {
	switch b {
	case simv1.Boundary_BOUNDARY_NO_HEALTH_ADVICE:
		return content.Health()
	case simv1.Boundary_BOUNDARY_NO_MONEY:
		return content.MoneyMatters()
	case simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS:
		return content.Private()
	}
	return nil
}

// open reports whether a recommendation is welcome at a moment.
func (w *wishes) open(m moment) bool {
	return (len(w.receptive) == 0 || matchesAny(w.receptive, m)) && !matchesAny(w.protected, m)
}

// topical reports whether some topic passes at a moment.
func (w *wishes) topical(m moment) bool {
	held := func(list []rule) topics {
		var out topics
		for i := range list {
			if list[i].when == nil || list[i].when.matches(m) {
				out = out.or(list[i].topics)
			}
		}
		return out
	}
	pass := w.sayable
	if !w.anything {
		pass = held(w.liked).but(topics{^w.sayable[0], ^w.sayable[1]})
	}
	return !pass.but(held(w.disliked)).empty()
}

// moments calls yield with everything that a step of the day can bring and that
// the patterns can distinguish, until it returns false.
func (w *wishes) moments(i int, yield func(moment) bool) {
	ended := endedBy(i, w.lasts) & w.ended
	other := false // one activity that no pattern names represents all of them
	for k := range activity.Kinds() {
		kind := kinds(1) << k & going[i]
		if kind == 0 || kind == setOf(activity.Sleep) || other && kind&w.named == 0 {
			continue
		}
		other = other || kind&w.named == 0
		if !yield(moment{at: i * step, kind: kind}) {
			return
		}
		for rest := ended &^ kind; rest != 0; rest &= rest - 1 {
			if !yield(moment{i * step, kind, rest & -rest, 0}) {
				return
			}
		}
	}
}

// day looks whether the open moments, the topics and the numbers fit.
func (c *checker) day() {
	w := newWishes(c.spec)
	unserved := len(w.slots)
	served := make([]bool, len(w.slots))
	open, can := false, make([]bool, day/step)
	for i := range can {
		w.moments(i, func(m moment) bool {
			if !w.open(m) {
				return true
			}
			open = true
			can[i] = can[i] || w.topical(m)
			for k := range w.slots {
				if !served[k] && w.slots[k].matches(m) {
					served[k] = true
					unserved--
				}
			}
			return !can[i] || unserved > 0
		})
	}
	if !open {
		c.fault("timing", "timing", "no moment is open: all that is welcome is also refused")
		return
	}
	for k, ok := range served {
		if !ok {
			c.fault("frequency", w.paths[k], "a recommendation is wanted at a time that is closed: %q", w.slots[k].name)
		}
	}
	c.capacity(can)
}

// capacity refuses likes that no open moment allows, and a number a day that
// the open moments and the distances between recommendations leave no room for.
func (c *checker) capacity(can []bool) {
	room := fits(c.spec, can)
	if room == 0 && !anyTrue(can) {
		c.fault("content", "content", "no topic can pass at any moment that is open")
		return
	}
	for i, low := range c.spec.GetFrequency().GetAtLeast() {
		if low.GetDay() != nil && int(low.GetCount()) > room {
			c.fault("frequency", fmt.Sprintf("frequency.at_least[%d]", i), "at least %d a day are wanted, but the open moments and the upper bounds leave room for %d", low.GetCount(), room)
		}
	}
}

func anyTrue(list []bool) bool {
	for _, is := range list {
		if is {
			return true
		}
	}
	return false
}

// fits counts the recommendations of a day on which one is made at each open
// step at which no upper bound over minutes or over the day refuses it.
func fits(spec *simv1.PreferenceSpec, open []bool) int {
	var said []int
next:
	for k, is := range open {
		if !is {
			continue
		}
		for _, high := range spec.GetFrequency().GetAtMost() {
			n, w := int(high.GetCount()), int(high.GetTrailingMinutes())
			switch {
			case high.GetDay() != nil && len(said) >= n:
				return len(said)
			case w > 0 && (n == 0 || len(said) >= n && (k-said[len(said)-n])*step < w):
				continue next
			}
		}
		said = append(said, k)
	}
	return len(said)
}
