package persona

import (
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/legible"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// dayMinutes is the length of the window "a day".
const dayMinutes = 24 * 60

// spec checks that a spec can be judged by, and that it does not contradict
// itself. A field that has a fault already gets no second one.
func spec(s *simv1.PreferenceSpec, v *errs.Violations) error {
	const path = "persona.spec"
	_, err := judge.Compile(s)
	var found errs.Violations
	if err != nil && !errors.As(err, &found) {
		return err
	}
	known := *v
	for _, fault := range found {
		fault.Field = path + "." + fault.Field
		if !covered(known, fault.Field) {
			*v = append(*v, fault)
		}
	}
	patternNames(s, path, v)
	contradictions(s.GetFrequency(), path+".frequency", v)
	return nil
}

// patternNames checks the phrases from which patterns came: reports show them.
func patternNames(s *simv1.PreferenceSpec, path string, v *errs.Violations) {
	check := func(at string, patterns []*simv1.MomentPattern) {
		for i, p := range patterns {
			legible.Line(v, item(at, i)+".name", p.GetName())
		}
	}
	check(path+".timing.receptive", s.GetTiming().GetReceptive())
	check(path+".timing.protected", s.GetTiming().GetProtected())
	for i, b := range s.GetFrequency().GetAtLeast() {
		check(item(path+".frequency.at_least", i)+".slots.slots", b.GetSlots().GetSlots())
	}
	for i, b := range s.GetFrequency().GetAtMost() {
		check(item(path+".frequency.at_most", i)+".slots.slots", b.GetSlots().GetSlots())
	}
	for i, rule := range s.GetContent().GetLiked() {
		legible.Line(v, item(path+".content.liked", i)+".when.name", rule.GetWhen().GetName())
	}
	for i, rule := range s.GetContent().GetDisliked() {
		legible.Line(v, item(path+".content.disliked", i)+".when.name", rule.GetWhen().GetName())
	}
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// contradictions reports every lower bound that no behaviour within the upper
// bounds can meet.
func contradictions(f *simv1.FrequencySpec, path string, v *errs.Violations) {
	for i, least := range f.GetAtLeast() {
		for j, most := range f.GetAtMost() {
			if room := capacity(least, most); room >= 0 && wantedIn(least) > room {
				v.Add(item(path+".at_least", i), "wants %s, but at_most[%d] allows %d in that time", say(least), j, room)
			}
		}
	}
}

// wantedIn is the number of recommendations that a lower bound wants over the
// whole of its window: over all slots together for slots.
func wantedIn(b *simv1.FrequencyBound) int {
	if slots := b.GetSlots().GetSlots(); len(slots) > 0 {
		return int(b.GetCount()) * len(slots)
	}
	return int(b.GetCount())
}

// capacity is the largest number of recommendations that most allows within
// the window of least, -1 where the one says nothing about the other.
func capacity(least, most *simv1.FrequencyBound) int {
	if slots := most.GetSlots().GetSlots(); len(slots) > 0 {
		if sameSlots(least.GetSlots().GetSlots(), slots) {
			return int(most.GetCount()) * len(slots)
		}
		return -1
	}
	l, m := windowMinutes(least), windowMinutes(most)
	if m == 0 {
		return -1
	}
	return (l + m - 1) / m * int(most.GetCount())
}

// windowMinutes is the span within which a bound counts: a whole day for
// slots, which lie somewhere in it.
func windowMinutes(b *simv1.FrequencyBound) int {
	if b.GetTrailingMinutes() > 0 {
		return int(b.GetTrailingMinutes())
	}
	return dayMinutes
}

func sameSlots(a, b []*simv1.MomentPattern) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !proto.Equal(a[i].GetClock(), b[i].GetClock()) || !proto.Equal(a[i].GetActivity(), b[i].GetActivity()) {
			return false
		}
	}
	return true
}

func say(b *simv1.FrequencyBound) string {
	switch {
	case b.GetTrailingMinutes() > 0:
		return fmt.Sprintf("%d in %d minutes", b.GetCount(), b.GetTrailingMinutes())
	case b.GetSlots() != nil:
		return fmt.Sprintf("%d in each of %d slots", b.GetCount(), len(b.GetSlots().GetSlots()))
	}
	return fmt.Sprintf("%d a day", b.GetCount())
}
