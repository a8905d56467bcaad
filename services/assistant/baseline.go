package assistant

import (
	"math"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/answer"
	"github.com/propersim/propersim/services/assistant/bandit"
	"github.com/propersim/propersim/services/assistant/loglinear"
	"github.com/propersim/propersim/services/assistant/oracle"
)

// baseline decides without a policy that could be trained. Attend comes before
// Sample and Recommend, which answer for the step it attends to.
type baseline interface {
	answer.Sampler
	// Observe folds in a committed step.
	Observe(past *simv1.PastStep)
	// Attend turns to a step after the last observed one. draws is the randomness
	// of the step.
	Attend(step int32, seen *simv1.Observation, draws seeded.Source)
}

// newBaseline returns the baseline of a method that has passed checkStart; nil for
// one whose decider is a policy. It returns errs.Violations for a spec that is not
// valid.
func newBaseline(start *assistantv1.SessionStart, draws seeded.Source) (baseline, error) {
	scale := simtime.Scale(start.GetSettings().GetStepSeconds())
	switch start.GetMethod().GetDecider() {
	case simv1.Decider_DECIDER_SILENCE:
		return &silent{untrained{scale: scale}}, nil
	case simv1.Decider_DECIDER_RATE:
		return &constant{
			untrained: untrained{scale: scale},
			perStep:   math.Min(1, start.GetToldRate()*float64(scale)/3600),
			phase:     draws.At(-1).Float64(),
		}, nil
	case simv1.Decider_DECIDER_SCHEDULE:
		return &scheduled{untrained: untrained{scale: scale}, last: -1}, nil
	case simv1.Decider_DECIDER_BANDIT:
		return bandit.New(scale), nil
	case simv1.Decider_DECIDER_SPEC:
		return oracle.New(start.GetToldSpec(), scale)
	default:
		return nil, nil
	}
}

// untrained recommends as the base policy does, from the clock and the observation
// alone.
type untrained struct {
	loglinear.Untrained
	scale simtime.Scale
}

// Attend implements baseline.
func (u *untrained) Attend(step int32, seen *simv1.Observation, draws seeded.Source) {
	u.Untrained.Attend(policy.Extract(&policy.Moment{
		MinuteOfDay: u.scale.MinuteOfDay(step), Kind: activity.Kind(seen.GetKind()),
		Elapsed: u.scale.Minutes(step - seen.GetStartedStep()),
	}), draws)
}

// silent never speaks.
type silent struct{ untrained }

// Observe implements baseline.
func (*silent) Observe(*simv1.PastStep) {}

// Sample implements baseline.
func (*silent) Sample(int) *simv1.Candidate { return answer.Silence() }

// constant speaks at a constant rate, evenly spaced over the waking steps.
type constant struct {
	untrained
	perStep float64 // recommendations per waking step
	phase   float64 // of the first one, [0, 1); drawn at the start
	awake   int     // waking steps so far
}

// Observe implements baseline.
func (c *constant) Observe(*simv1.PastStep) { c.awake++ }

// Sample implements baseline.
func (c *constant) Sample(n int) *simv1.Candidate {
	before := math.Floor(c.phase + float64(c.awake)*c.perStep)
	if math.Floor(c.phase+float64(c.awake+1)*c.perStep) == before {
		return answer.Silence()
	}
	return c.Recommend(n)
}
