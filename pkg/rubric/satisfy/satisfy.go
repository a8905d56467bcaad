// Package satisfy says whether a PreferenceSpec can be met at all: whether some
// moment is open, some topic can pass in it, and the numbers asked for fit. A
// spec that nobody can meet would make every figure about its person worthless.
package satisfy

import (
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Fault is one reason why a spec cannot be met.
type Fault struct {
	// Part is frequency, timing or content.
	Part string
	// Path is the field of the spec, such as "timing.receptive[0]".
	Path string
	// Reason says what cannot be met.
	Reason string
}

// Check returns every reason why a spec cannot be met; none where it can. It
// asks what some day could bring, not what a certain person's day does: an
// activity may happen at any time that is usual for it. The spec must be valid
// by its contract.
func Check(spec *simv1.PreferenceSpec) []Fault {
	c := &checker{spec: spec}
	c.patterns("timing", "timing.receptive", spec.GetTiming().GetReceptive())
	for i, rule := range spec.GetContent().GetLiked() {
		if rule.GetWhen() != nil {
			c.patterns("content", fmt.Sprintf("content.liked[%d].when", i), []*simv1.MomentPattern{rule.GetWhen()})
		}
	}
	c.bounds()
	if len(c.faults) == 0 {
		c.day()
	}
	return c.faults
}

// Error returns the faults of Check as errs.Violations under a prefix such as
// "persona.spec"; nil where the spec can be met.
func Error(spec *simv1.PreferenceSpec, prefix string) error {
	var v errs.Violations
	for _, f := range Check(spec) {
		v.Add(prefix+"."+f.Path, "cannot be met: %s", f.Reason)
	}
	return v.OrNil()
}

type checker struct {
	spec   *simv1.PreferenceSpec
	faults []Fault
}

func (c *checker) fault(part, path, format string, args ...any) {
	c.faults = append(c.faults, Fault{part, path, fmt.Sprintf(format, args...)})
}

// patterns refuses the patterns that never apply.
func (c *checker) patterns(part, path string, list []*simv1.MomentPattern) {
	for i, p := range list {
		at := path
		if part == "timing" {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		switch {
		case Asleep(p):
			c.fault(part, at, "%s: nobody is spoken to while asleep", name(p))
		case !Meets(p):
			c.fault(part, at, "%s: the time and the activity never meet", name(p))
		}
	}
}

// name names a pattern by its phrase.
func name(p *simv1.MomentPattern) string {
	if p.GetName() == "" {
		return "this moment"
	}
	return fmt.Sprintf("%q", p.GetName())
}

// bounds refuses lower bounds above upper ones.
func (c *checker) bounds() {
	f := c.spec.GetFrequency()
	for i, low := range f.GetAtLeast() {
		path := fmt.Sprintf("frequency.at_least[%d]", i)
		for k, slot := range low.GetSlots().GetSlots() {
			if Asleep(slot) || !Meets(slot) {
				c.fault("frequency", fmt.Sprintf("%s.slots.slots[%d]", path, k), "%s never comes", name(slot))
			}
		}
		for _, high := range f.GetAtMost() {
			if why := apart(low, high); why != "" {
				c.fault("frequency", path, "%s", why)
			}
		}
	}
}

// apart says why two bounds exclude each other, "" where they do not.
func apart(low, high *simv1.FrequencyBound) string {
	least, most := low.GetCount(), high.GetCount()
	switch {
	case low.GetDay() != nil && high.GetDay() != nil && least > most:
		return fmt.Sprintf("at least %d a day, but at most %d a day", least, most)
	case low.GetTrailingMinutes() > 0 && high.GetTrailingMinutes() > 0:
		fits := most * ((low.GetTrailingMinutes() + high.GetTrailingMinutes() - 1) / high.GetTrailingMinutes())
		if least > fits {
			return fmt.Sprintf("at least %d in any %d minutes, but at most %d in any %d minutes", least, low.GetTrailingMinutes(), most, high.GetTrailingMinutes())
		}
	case low.GetTrailingMinutes() > 0 && high.GetDay() != nil && least > most:
		return fmt.Sprintf("at least %d in any %d minutes, but at most %d a day", least, low.GetTrailingMinutes(), most)
	case low.GetSlots() != nil && high.GetDay() != nil:
		if need := least * disjoint(low.GetSlots().GetSlots()); need > most {
			return fmt.Sprintf("the slots ask for at least %d a day, but at most %d a day are wanted", need, most)
		}
	case low.GetSlots() != nil && high.GetSlots() != nil && least > most:
		for _, a := range low.GetSlots().GetSlots() {
			for _, b := range high.GetSlots().GetSlots() {
				if same(a, b) {
					return fmt.Sprintf("at least %d, but at most %d in the slot %s", least, most, name(a))
				}
			}
		}
	}
	return ""
}
