package plannertest

import (
	"fmt"
	"slices"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/simtime"
	"github.com/propersim/propersim/pkg/world"
)

const (
	shortestTask = 10 * 60 // seconds, the walk after it included
	longestTask  = 30 * 60
	// late is how far from its time a requirement may begin, in minutes: what is
	// planned before it may end later.
	late = 35
	// rhythm is how far getting up and going to bed may be from the stated times,
	// in minutes.
	rhythm = 60
)

// rules checks a life step by step.
type rules struct {
	person Person
	scale  simtime.Scale
	plan   *world.Plan
	rooms  map[string]int
}

func newRules(person Person, scale simtime.Scale) (*rules, error) {
	plan, err := world.NewPlan(person.Life.World)
	if err != nil {
		return nil, err
	}
	r := &rules{person: person, scale: scale, plan: plan, rooms: map[string]int{}}
	for i, room := range person.Life.World.GetRooms() {
		r.rooms[room.GetId()] = i
	}
	return r, nil
}

func (r *rules) check(life []lived) error {
	for step, l := range life {
		if err := r.step(int32(step), l); err != nil {
			return fmt.Errorf("step %d (%s), %q: %w", step, simtime.Clock(r.scale.SecondOfDay(int32(step))), l.Action.GetDescription(), err)
		}
	}
	if err := r.tasks(life); err != nil {
		return err
	}
	if err := r.walks(life); err != nil {
		return err
	}
	if err := r.sleep(life); err != nil {
		return err
	}
	return r.requirements(life)
}

// step checks one answer by itself.
func (r *rules) step(step int32, l lived) error {
	a, seen := l.Action, l.Observation
	if a == nil {
		return fmt.Errorf("no action")
	}
	if err := protovalidate.Validate(a); err != nil {
		return err
	}
	room, known := r.rooms[a.GetRoom()]
	switch kind := activity.Kind(a.GetKind()); {
	case a.GetDescription() == "":
		return fmt.Errorf("has no description")
	case !activity.Valid(kind) || kind == activity.Private:
		return fmt.Errorf("kind %q is no activity", kind)
	case !known:
		return fmt.Errorf("room %q is not in the world", a.GetRoom())
	case a.GetWalking() != (kind == activity.Walking) || a.GetAsleep() != (kind == activity.Sleep):
		return fmt.Errorf("kind %q with walking %v and asleep %v", kind, a.GetWalking(), a.GetAsleep())
	case a.GetStartedStep() > step:
		return fmt.Errorf("started at step %d, which is later", a.GetStartedStep())
	case !a.GetWalking() && !slices.ContainsFunc(r.plan.Spots(kind), func(s world.Spot) bool { return s.Room == room && s.ObjectID == a.GetObject() }):
		return fmt.Errorf("%q in %q does not afford %s", a.GetObject(), a.GetRoom(), kind)
	case a.GetAsleep() != (seen == nil):
		return fmt.Errorf("asleep %v, observed %v", a.GetAsleep(), seen != nil)
	case seen == nil:
		return nil
	case r.plan.Room(room).GetPrivate():
		if seen.GetKind() != string(activity.Private) || seen.GetRoom() != "" || seen.GetObject() != "" {
			return fmt.Errorf("the assistant sees %q in the private %s", seen.GetKind(), a.GetRoom())
		}
		return nil
	case seen.GetKind() != a.GetKind() || seen.GetRoom() != a.GetRoom() || seen.GetObject() != a.GetObject() || seen.GetWalking() != a.GetWalking():
		return fmt.Errorf("the assistant sees %v", seen)
	}
	return nil
}

// tasks checks that each task is first seen at the step at which it began, and
// lasts 10 to 30 minutes, with the walk after it, as far as steps can show.
func (r *rules) tasks(life []lived) error {
	step := int32(r.scale)
	for from := 0; from < len(life); {
		a := life[from].Action
		to := from
		for to < len(life) && proto.Equal(life[to].Action, a) {
			to++
		}
		if from > 0 && a.GetStartedStep() != int32(from) {
			return fmt.Errorf("step %d: %q began at step %d, want %d: a task is first seen when it begins", from, a.GetDescription(), a.GetStartedStep(), from)
		}
		end := to
		for end < len(life) && life[end].Action.GetWalking() {
			end++
		}
		lasts := int32(end-from) * step
		switch {
		case a.GetWalking() || a.GetAsleep() || end == len(life):
		case lasts > longestTask+step:
			return fmt.Errorf("step %d: %q lasts about %d s, want at most %d", from, a.GetDescription(), lasts, longestTask)
		case lasts < shortestTask-step:
			return fmt.Errorf("step %d: %q lasts about %d s, want at least %d", from, a.GetDescription(), lasts, shortestTask)
		}
		from = to
	}
	return nil
}

// walks checks that nobody is in another room sooner than one can walk there.
func (r *rules) walks(life []lived) error {
	room, at := -1, 0
	for step, l := range life {
		here := r.rooms[l.Action.GetRoom()]
		if l.Action.GetWalking() {
			continue
		}
		if room >= 0 && here != room {
			if took, needs := int32(step-at)*int32(r.scale), r.plan.WalkSeconds(room, here); took < needs {
				return fmt.Errorf("step %d: in %s %d s after %s, which is %d s away", step, l.Action.GetRoom(), took, r.plan.Room(room).GetId(), needs)
			}
		}
		room, at = here, step
	}
	return nil
}

// sleep checks that each night is one stretch, from about the stated bedtime to
// about the stated time of getting up.
func (r *rules) sleep(life []lived) error {
	perDay := int(r.scale.StepsPerDay())
	minute := func(step int) int { return step * int(r.scale) / 60 }
	wakes, beds := 0, 0
	for step := 1; step < len(life); step++ {
		before, now := life[step-1].Action.GetAsleep(), life[step].Action.GetAsleep()
		if before == now {
			continue
		}
		at, want, what := minute(step)-1440*wakes, r.person.Wake, "gets up"
		if now {
			at, want, what = minute(step)-1440*beds, r.person.Bed, "goes to bed"
			beds++
		} else {
			wakes++
		}
		if at < want-rhythm || at > want+rhythm {
			return fmt.Errorf("step %d: %s at minute %d of its day, want about %d", step, what, at, want)
		}
	}
	if wakes < len(life)/perDay {
		return fmt.Errorf("gets up %d times in %d days", wakes, len(life)/perDay)
	}
	return nil
}

// requirements checks that each want begins about its time on every day.
func (r *rules) requirements(life []lived) error {
	perDay := int(r.scale.StepsPerDay())
	for number := range len(life) / perDay {
		for _, want := range r.person.Wants {
			if !r.begins(life, number, want) {
				return fmt.Errorf("day %d: no %s at about minute %d", number+1, want.Kind, want.Minute)
			}
		}
	}
	return nil
}

func (r *rules) begins(life []lived, number int, want Want) bool {
	for step := range life {
		a := life[step].Action
		if activity.Kind(a.GetKind()) != want.Kind || a.GetStartedStep() != int32(step) {
			continue
		}
		if at := step*int(r.scale)/60 - number*1440; at >= want.Minute-late && at <= want.Minute+late {
			return true
		}
	}
	return false
}
