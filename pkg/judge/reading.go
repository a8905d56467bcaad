package judge

import (
	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Reading is a moment as the user reads it, before anything is said. It is
// valid until its history observes another step; that of a snapshot stays valid.
type Reading struct {
	// Receptive: no receptive pattern is given, or one matches.
	Receptive bool
	// Protected: a protected pattern matches.
	Protected bool
	// Wanted: some lower bound is not met yet.
	Wanted bool
	// Admissible: one more recommendation exceeds no upper bound.
	Admissible bool
	// Liked: some topic passes the criterion of preference and the boundaries that
	// are about topics. It is read only where all the rest of Due holds; elsewhere
	// it is false.
	Liked bool
	// Due: Receptive, not Protected, Wanted, Admissible and Liked. Nothing is due
	// while nothing welcome could be said: a recommendation would fail preference,
	// so that a silence that failed too would teach the assistant to say what is
	// not liked.
	Due bool

	history  *History
	step     int32
	second   int32 // of the day
	kind     int   // activity.Index; -1 for an unknown kind
	dayStart int32 // first step of today
	newDay   bool  // nothing was observed today before
	slept    bool  // asleep until just now
	wake     int32
	today    int

	receptiveBy, protectedBy string
	wantedBy                 string
	exceededBy               string
	longestGap               float64 // minutes
}

// Read reads the moment of a step at which the user does kind. The step must be
// after the history's last one. It changes nothing.
func (h *History) Read(step int32, kind activity.Kind) Reading {
	r := Reading{
		history: h, step: step, second: h.scale.SecondOfDay(step), kind: activity.Index(kind),
		dayStart: h.scale.FirstStep(h.scale.Day(step)), today: h.today, wake: h.wake,
		slept: step > h.last+1,
	}
	r.newDay = h.last < r.dayStart
	if r.newDay {
		r.today = 0
		r.wake = r.dayStart
	}
	if r.slept {
		r.wake = step
	}
	r.readTiming()
	r.readFrequency()
	r.Liked = r.Receptive && !r.Protected && r.Wanted && r.Admissible && r.anyLiked()
	r.Due = r.Liked
	return r
}

func (r *Reading) readTiming() {
	j := r.history.judge
	if len(j.receptive) == 0 {
		r.Receptive, r.receptiveBy = true, "any time"
	}
	for i := range j.receptive {
		if j.receptive[i].matches(r) {
			r.Receptive, r.receptiveBy = true, j.receptive[i].name
			break
		}
	}
	for i := range j.protected {
		if j.protected[i].matches(r) {
			r.Protected, r.protectedBy = true, j.protected[i].name
			break
		}
	}
}

// endedAt returns the step at which a kind last ended, seen from this moment;
// -1 for never.
func (r *Reading) endedAt(kind int) int32 {
	h := r.history
	if r.slept && kind == sleepIndex {
		return r.step
	}
	if kind == h.lastKind && (r.slept || r.kind != h.lastKind) {
		return h.last + 1
	}
	return h.ended[kind]
}

// Moment returns the reading as a message.
func (r *Reading) Moment() *simv1.Moment {
	return &simv1.Moment{Receptive: r.Receptive, Protected: r.Protected, Due: r.Due}
}

// LikedTopics returns the positions in content.Topics that pass the criterion
// of personal preference at this moment, ascending.
func (r *Reading) LikedTopics() []int {
	var out []int
	for i := range content.Topics() {
		if ok, _ := r.likes(i); ok {
			out = append(out, i)
		}
	}
	return out
}

// likes judges a topic by the rules whose condition holds now.
func (r *Reading) likes(topic int) (bool, string) {
	j := r.history.judge
	id := content.Topics()[topic].ID
	for i := range j.disliked {
		rule := &j.disliked[i]
		if rule.topics.has(topic) && (rule.when == nil || rule.when.matches(r)) {
			return false, id + " is disliked" + condition(rule.when)
		}
	}
	if len(j.liked) == 0 {
		return true, id + " is not disliked"
	}
	elsewhere := false
	for i := range j.liked {
		rule := &j.liked[i]
		if !rule.topics.has(topic) {
			continue
		}
		if rule.when == nil || rule.when.matches(r) {
			return true, id + " is liked" + condition(rule.when)
		}
		elsewhere = true
	}
	if elsewhere {
		return false, id + " is liked at other moments"
	}
	return false, id + " is not among the liked topics"
}

func condition(when *pattern) string {
	if when == nil {
		return ""
	}
	return " (" + when.name + ")"
}
