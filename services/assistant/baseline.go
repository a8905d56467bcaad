package assistant

import (
	"math"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/oracle"
)

// untrained speaks as the base policy does from the clock and the observation
// alone; what a baseline says where it says anything.
type untrained struct {
	unadaptable
	scale  simtime.Scale
	source seeded.Source

	here         seeded.Source // at the present step
	distribution policy.Distribution
}

func newUntrained(start *assistantv1.SessionStart) untrained {
	return untrained{
		unadaptable: unadaptable{method: start.GetMethod()},
		scale:       simtime.Scale(start.GetSettings().GetStepSeconds()), source: source(start),
	}
}

func (u *untrained) attend(step int32, seen *simv1.Observation, _ *likeness) {
	u.here = u.source.At(int(step))
	policy.Base().Read(policy.Extract(&policy.Moment{
		MinuteOfDay: u.scale.MinuteOfDay(step), Kind: activity.Kind(seen.GetKind()),
		Elapsed: u.scale.Minutes(step - seen.GetStartedStep()),
	}), &u.distribution)
}

func (u *untrained) recommend(n int) answer {
	at := u.here.At(n)
	return realise(u.distribution.Recommend(drawsOf(at)), at)
}

// silent never speaks.
type silent struct{ untrained }

func newSilent(start *assistantv1.SessionStart) *silent { return &silent{newUntrained(start)} }

func (*silent) observe(*simv1.PastStep) {}
func (*silent) sample(int) answer       { return answer{silent: true} }

// constant speaks at a rate, evenly spaced over the waking steps from a phase
// drawn at the start.
type constant struct {
	untrained
	perStep float64 // recommendations per waking step
	phase   float64
	awake   int // waking steps so far
}

func newConstant(start *assistantv1.SessionStart) *constant {
	c := &constant{untrained: newUntrained(start)}
	c.perStep = math.Min(1, start.GetConstantPerHour()*float64(c.scale)/3600)
	c.phase = c.source.At(-1).Float64()
	return c
}

func (c *constant) observe(*simv1.PastStep) { c.awake++ }

func (c *constant) sample(n int) answer {
	before := math.Floor(c.phase + float64(c.awake)*c.perStep)
	if math.Floor(c.phase+float64(c.awake+1)*c.perStep) == before {
		return answer{silent: true}
	}
	return c.recommend(n)
}

// told is the baseline that was given the user's wishes: the upper bound.
type told struct {
	unadaptable
	adviser *oracle.Adviser
	source  seeded.Source
	here    seeded.Source
}

func newTold(start *assistantv1.SessionStart, adviser *oracle.Adviser) *told {
	return &told{unadaptable: unadaptable{method: start.GetMethod()}, adviser: adviser, source: source(start)}
}

func (t *told) observe(past *simv1.PastStep) { t.adviser.Observe(past) }

func (t *told) attend(step int32, seen *simv1.Observation, _ *likeness) {
	t.here = t.source.At(int(step))
	t.adviser.Attend(step, seen)
}

func (t *told) sample(n int) answer {
	if !t.adviser.Due() {
		return answer{silent: true}
	}
	return t.recommend(n)
}

func (t *told) recommend(n int) answer {
	topic, tone, text := t.adviser.Recommend(t.here.At(n))
	return answer{topic: topic, tone: tone, text: text}
}
