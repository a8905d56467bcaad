package driver

import (
	"context"

	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Planner decides what one person does in one run. The assistant has no
// influence on it: a planner never learns what was recommended.
//
// A session makes one call at a time.
type Planner interface {
	// Act returns what the person does at a step, 0-based. It may be called again
	// for the same step and for earlier ones, with the same answer.
	//
	// A decision that the planner cannot derive again from Life and earlier notes
	// is returned as a note, with the answer of the step at which it was made and
	// only there. The notes become part of the run when the step is committed; a
	// planner that is restored from them continues the same plan.
	//
	// It returns an error where no plan can be made, those of the context and of
	// the model among them, and keeps nothing of the attempt.
	Act(ctx context.Context, step int32) (Plan, role.Effects, error)
	// Restore takes back a note of this run, in the order of its steps and before
	// the step after it is asked for. A note that the planner knows already changes
	// nothing; of two notes with the same key the later one is in force. It returns
	// an errs.ErrInvalid for a note that it cannot read.
	Restore(note *simv1.Note) error
}

// Plan is what a person does at a step. Both messages are shared: the caller must
// not change them.
type Plan struct {
	Action *simv1.Action
	// Observation is what the assistant may see; nil while the person is asleep.
	Observation *simv1.Observation
}

// Planners makes the planners of one driver.
type Planners struct {
	// Backend says which driver it is, as in the identity of a run.
	Backend *simv1.Backend
	// New returns the planner of a session. errs.Violations, with paths below life
	// ("world.rooms[1]"), for an unusable persona, world or time scale. It is quick:
	// slow work belongs in Act.
	New func(life Life) (Planner, error)
}
