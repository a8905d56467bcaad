package assistant

import (
	"github.com/propersim/propersim/pkg/seeded"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/answer"
)

// slotMinutes are the fixed times at which scheduled speaks, in minutes after
// midnight: after breakfast, at lunch, after work, in the evening. Four a day is
// what the people of both sets ask for on average (0.22 to 0.27 an hour awake).
var slotMinutes = [...]float64{9 * 60, 12.5 * 60, 17.5 * 60, 20.5 * 60}

// slotLength is how long a slot may be late because the user sleeps, in minutes;
// then it is left out.
const slotLength = 60

// scheduled speaks at fixed times of the day: at the first waking step of a slot.
type scheduled struct {
	untrained
	last int32 // last observed waking step; -1 before the first
	due  bool  // at the step attended to
}

// Observe implements baseline.
func (s *scheduled) Observe(past *simv1.PastStep) { s.last = past.GetStep() }

// Attend implements baseline.
func (s *scheduled) Attend(step int32, seen *simv1.Observation, draws seeded.Source) {
	s.untrained.Attend(step, seen, draws)
	now, before := s.scale.MinuteOfDay(step), -1.0
	if s.last >= 0 && s.scale.Day(s.last) == s.scale.Day(step) {
		before = s.scale.MinuteOfDay(s.last)
	}
	s.due = false
	for _, slot := range slotMinutes {
		s.due = s.due || before < slot && now >= slot && now < slot+slotLength
	}
}

// Sample implements baseline.
func (s *scheduled) Sample(n int) *simv1.Candidate {
	if !s.due {
		return answer.Silence()
	}
	return s.Recommend(n)
}
