package bandit

import (
	"slices"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/policy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// layout says where the features of an estimate are: first those of the moment,
// by which the policy decides whether to speak; then, for a recommendation, one
// for its topic, one for its tone, and one for its group of topics in the present
// part of the day.
type layout struct {
	place                         []int // by index of the policy's layout; -1 for what does not bear on whether to speak
	moment                        int   // number of features of the moment
	topicAt, toneAt, groupAt, all int   // first places, and the number of all features
	groupOf                       []int // group by topic
	parts                         int   // parts of the day
}

var features = newLayout()

func newLayout() *layout {
	l := &layout{place: make([]int, policy.FeatureCount())}
	for _, b := range policy.Layout() {
		for i := b.From; i < b.To; i++ {
			l.place[i] = -1
			if b.Gate != 0 {
				l.place[i] = l.moment
				l.moment++
			}
		}
		if b.Name == "daypart" {
			l.parts = b.To - b.From
		}
	}
	l.topicAt = l.moment
	l.toneAt = l.topicAt + len(content.Topics())
	l.groupAt = l.toneAt + len(content.Tones())
	groups := content.Groups()
	for _, t := range content.Topics() {
		l.groupOf = append(l.groupOf, slices.Index(groups, t.Group))
	}
	l.all = l.groupAt + len(groups)*l.parts
	return l
}

// appendMoment appends the features that bear on whether to speak.
func (l *layout) appendMoment(out []entry, f *simv1.Features) []entry {
	for k, i := range f.GetIndex() {
		if at := l.place[i]; at >= 0 {
			out = append(out, entry{at, float64(f.GetValue()[k])})
		}
	}
	return out
}

// wordsAt are the features of a recommendation beside those of the moment; each
// is 1.
func (l *layout) wordsAt(topic, tone, part int) [3]int {
	return [3]int{l.topicAt + topic, l.toneAt + tone, l.groupAt + l.groupOf[topic]*l.parts + part}
}
