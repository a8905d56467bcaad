package persona

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// dayMinutes is the length of the window "a day".
const dayMinutes = 24 * 60

// validateSpec checks a spec against the vocabulary and for contradictions.
func validateSpec(s *simv1.PreferenceSpec, v *errs.Violations) {
	const path = "persona.spec"
	for i, b := range s.GetFrequency().GetAtLeast() {
		at := item(path+".frequency.at_least", i)
		if b.GetCount() == 0 {
			v.Add(at+".count", "found 0, want at least 1; 0 is allowed in at_most alone")
		}
		patterns(at+".slots.slots", b.GetSlots().GetSlots(), v)
	}
	for i, b := range s.GetFrequency().GetAtMost() {
		patterns(item(path+".frequency.at_most", i)+".slots.slots", b.GetSlots().GetSlots(), v)
	}
	contradictions(s.GetFrequency(), path+".frequency", v)
	patterns(path+".timing.receptive", s.GetTiming().GetReceptive(), v)
	patterns(path+".timing.protected", s.GetTiming().GetProtected(), v)
	rules(path+".content.liked", s.GetContent().GetLiked(), v)
	rules(path+".content.disliked", s.GetContent().GetDisliked(), v)
	for i, tone := range s.GetCommunication().GetTones() {
		if content.ToneIndex(content.Tone(tone)) < 0 {
			v.Add(item(path+".communication.tones", i), "unknown tone %q; allowed: %s", tone, tones())
		}
	}
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func tones() string {
	var names []string
	for _, t := range content.Tones() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

func patterns(path string, all []*simv1.MomentPattern, v *errs.Violations) {
	for i, p := range all {
		pattern(item(path, i), p, v)
	}
}

// pattern refuses kinds that no world affords.
func pattern(path string, p *simv1.MomentPattern, v *errs.Violations) {
	for i, kind := range p.GetActivity().GetKinds() {
		if !activity.Valid(activity.Kind(kind)) {
			v.Add(item(path+".activity.kinds", i), "unknown activity %q; allowed: %s", kind, kinds())
		}
	}
}

func kinds() string {
	var names []string
	for _, k := range activity.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func rules(path string, all []*simv1.ContentRule, v *errs.Violations) {
	for i, rule := range all {
		for j, topic := range rule.GetTopics() {
			if content.TopicIndex(topic) < 0 {
				v.Add(item(item(path, i)+".topics", j), "unknown topic %q; the topics are those of package content", topic)
			}
		}
		if rule.GetWhen() != nil {
			pattern(item(path, i)+".when", rule.GetWhen(), v)
		}
	}
}

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
