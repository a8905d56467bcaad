package planner

import (
	"fmt"
	"slices"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/world"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Check reports a breach of the rules that every planned day keeps, whoever
// planned it: the tasks cover the waking day without gap or overlap, each with
// the walk after it lasts 10 to 30 minutes, each is bound to an object that
// affords it, and nothing of a private room is seen.
func Check(d *Day, w *simv1.World) error {
	plan, err := world.NewPlan(w)
	if err != nil {
		return err
	}
	at := d.Wake
	for i, task := range d.Tasks {
		a := task.Action
		if task.From != at || task.To <= task.From {
			return fmt.Errorf("task %d (%s): runs from %d to %d s, want it to begin at %d", i, a.GetDescription(), task.From, task.To, at)
		}
		at = task.To
		if err := checkSight(plan, task); err != nil {
			return fmt.Errorf("task %d: %w", i, err)
		}
		if a.GetWalking() {
			continue
		}
		lasts := task.To - task.From
		if i+1 < len(d.Tasks) && d.Tasks[i+1].Action.GetWalking() {
			lasts += d.Tasks[i+1].To - d.Tasks[i+1].From
		}
		if lasts < shortest || lasts > longest {
			return fmt.Errorf("task %d (%s): lasts %d s, want %d to %d", i, a.GetDescription(), lasts, shortest, longest)
		}
		if !slices.ContainsFunc(plan.Spots(activity.Kind(a.GetKind())), func(s world.Spot) bool {
			return s.RoomID == a.GetRoom() && s.ObjectID == a.GetObject()
		}) {
			return fmt.Errorf("task %d (%s): %s does not afford %s", i, a.GetDescription(), a.GetObject(), a.GetKind())
		}
	}
	if at != d.Bed {
		return fmt.Errorf("the day ends at %d s, want %d", at, d.Bed)
	}
	return nil
}

func checkSight(plan *world.Plan, task Task) error {
	for _, room := range plan.World().GetRooms() {
		if room.GetId() != task.Action.GetRoom() {
			continue
		}
		if seen := task.Observation.GetKind(); room.GetPrivate() != (seen == string(activity.Private)) {
			return fmt.Errorf("in %s the assistant sees %q", room.GetId(), seen)
		}
		return nil
	}
	return fmt.Errorf("room %q: not in the world", task.Action.GetRoom())
}
