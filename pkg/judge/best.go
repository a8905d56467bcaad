package judge

import (
	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/simtime"
)

// Best follows a life as it was lived and says what a perfect assistant would
// have done: it speaks whenever something is due, and never else. It also follows
// the most that would still have been welcome: somebody who speaks at every open moment at which one more exceeds no
// upper bound. Both are what an assistant can be measured against; neither can be
// read from the spec alone, because they depend on how the days went. It is not
// safe for concurrent use.
type Best struct {
	judge *Judge
	least *History
	most  *History
}

// Chance is what a step offered.
type Chance struct {
	// Open: receptive and not protected, for the perfect assistant.
	Open bool
	// Liked: at least one topic would have passed.
	Liked bool
	// Speaks: the perfect assistant speaks.
	Speaks bool
	// Could: one more would have been welcome to who has spoken as often as
	// possible so far.
	Could bool
}

// NewBest returns the best of a life with the given time scale.
func (j *Judge) NewBest(scale simtime.Scale) *Best {
	return &Best{judge: j, least: j.NewHistory(scale), most: j.NewHistory(scale)}
}

// Bounded reports whether the spec has an upper bound. Without one Could is true
// at every open moment, and says nothing about how much is wanted.
func (b *Best) Bounded() bool { return len(b.judge.atMost) > 0 }

// Step takes in the next waking step. Steps must ascend.
func (b *Best) Step(step int32, kind activity.Kind) Chance {
	r := b.least.Read(step, kind)
	c := Chance{Open: r.Receptive && !r.Protected, Speaks: r.Due}
	c.Liked = c.Open && r.anyLiked()
	b.least.Observe(step, kind, c.Speaks)
	m := b.most.Read(step, kind)
	c.Could = c.Liked && m.Admissible
	b.most.Observe(step, kind, c.Could)
	return c
}

// anyLiked reports whether a topic passes both the preference and the boundaries
// that are about topics.
func (r *Reading) anyLiked() bool {
	for i := range content.Topics() {
		if r.wants(i) {
			return true
		}
	}
	return false
}

// wants reports whether a topic passes, without the reason.
func (r *Reading) wants(topic int) bool {
	j := r.history.judge
	for i := range j.disliked {
		if j.disliked[i].topics.has(topic) && j.disliked[i].holds(r) {
			return false
		}
	}
	for i := range j.speech.boundaries {
		if j.speech.boundaries[i].crossed("", "", topic) {
			return false
		}
	}
	if len(j.liked) == 0 {
		return true
	}
	for i := range j.liked {
		if j.liked[i].topics.has(topic) && j.liked[i].holds(r) {
			return true
		}
	}
	return false
}

// holds reports whether the condition of a rule holds at a moment.
func (r *rule) holds(at *Reading) bool { return r.when == nil || r.when.matches(at) }
