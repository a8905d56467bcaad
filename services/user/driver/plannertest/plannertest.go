// Package plannertest is the suite that every planner passes, whoever plans: the
// rules of a life, and notes from which a planner resumes the same plan.
package plannertest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// days is how long a life is followed.
const days = 3

// Run runs the suite over the lives of People.
func Run(t *testing.T, drivers driver.Planners) {
	require.NotEmpty(t, drivers.Backend.GetDriver())
	for _, person := range People() {
		t.Run(person.Life.Persona.GetId(), func(t *testing.T) {
			t.Run("rules", func(t *testing.T) { require.NoError(t, CheckRules(t.Context(), drivers, person)) })
			t.Run("notes", func(t *testing.T) { require.NoError(t, CheckNotes(t.Context(), drivers, person)) })
			t.Run("repeats", func(t *testing.T) { require.NoError(t, CheckRepeats(t.Context(), drivers, person)) })
			t.Run("cancelled", func(t *testing.T) { checkCancelled(t, drivers, person) })
		})
	}
	t.Run("nowhere to live", func(t *testing.T) {
		life := People()[0].Life
		life.World = &simv1.World{Id: "void", Name: "void", Rooms: []*simv1.Room{{Id: "a", Name: "a"}}}
		_, err := drivers.New(life)
		require.ErrorIs(t, err, errs.ErrInvalid)
	})
}

// lived is one step of a life.
type lived struct {
	driver.Plan
	notes []*simv1.Note
}

// live asks for the steps [from, to) in order and checks what every answer
// brings with it.
func live(ctx context.Context, p driver.Planner, from, to int32) ([]lived, error) {
	var out []lived
	for step := from; step < to; step++ {
		plan, effects, err := p.Act(ctx, step)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", step, err)
		}
		if err := checkEffects(simv1.Role_ROLE_PLANNER, effects.Calls, effects.Timings, effects.Notes); err != nil {
			return nil, fmt.Errorf("step %d: %w", step, err)
		}
		out = append(out, lived{Plan: plan, notes: effects.Notes})
	}
	return out, nil
}

func begin(drivers driver.Planners, person Person) (driver.Planner, simtime.Scale, error) {
	p, err := drivers.New(person.Life)
	return p, simtime.Scale(person.Life.Settings.GetStepSeconds()), err
}

// CheckRules lives some days and reports a breach of the rules: everything
// happens in the world, is reachable, lasts as long as tasks do, without gaps;
// people sleep; what is out of sight is not seen; and the daily requirements come
// at their times.
func CheckRules(ctx context.Context, drivers driver.Planners, person Person) error {
	p, scale, err := begin(drivers, person)
	if err != nil {
		return err
	}
	life, err := live(ctx, p, 0, days*scale.StepsPerDay())
	if err != nil {
		return err
	}
	rules, err := newRules(person, scale)
	if err != nil {
		return err
	}
	return rules.check(life)
}

// CheckNotes lives some days, restores a second planner from the notes at several
// moments, and reports where it does not go on with the same plan: until the next
// decision, both do the same.
func CheckNotes(ctx context.Context, drivers driver.Planners, person Person) error {
	p, scale, err := begin(drivers, person)
	if err != nil {
		return err
	}
	life, err := live(ctx, p, 0, days*scale.StepsPerDay())
	if err != nil {
		return err
	}
	compared := int32(0)
	for _, hour := range []int32{1, 9, 12, 18, 23, 24 + 7, 24 + 13, 48 + 12} {
		cut := hour * 3600 / int32(scale)
		n, err := compareFrom(ctx, drivers, person, life, cut)
		if err != nil {
			return fmt.Errorf("restored at step %d: %w", cut, err)
		}
		compared += n
	}
	if compared < 20 {
		return fmt.Errorf("only %d steps followed a restored plan: the planner decides anew nearly every step", compared)
	}
	return nil
}

// compareFrom restores a planner from what was committed before step cut and
// compares it with the life from there to the next new decision. It returns the
// number of steps compared.
func compareFrom(ctx context.Context, drivers driver.Planners, person Person, life []lived, cut int32) (int32, error) {
	p, _, err := begin(drivers, person)
	if err != nil {
		return 0, err
	}
	for range 2 { // a note that is known already changes nothing
		for _, l := range life[:cut] {
			for _, note := range l.notes {
				if err := p.Restore(proto.CloneOf(note)); err != nil {
					return 0, fmt.Errorf("note %q: %w", note.GetKey(), err)
				}
			}
		}
	}
	for step := cut; step < int32(len(life)); step++ {
		if len(life[step].notes) > 0 {
			return step - cut, nil
		}
		plan, effects, err := p.Act(ctx, step)
		switch {
		case err != nil:
			return 0, fmt.Errorf("step %d: %w", step, err)
		case len(effects.Notes) > 0:
			return 0, fmt.Errorf("step %d: decides %q anew, which the first planner had decided", step, effects.Notes[0].GetKey())
		case !proto.Equal(plan.Action, life[step].Action) || !proto.Equal(plan.Observation, life[step].Observation):
			return 0, fmt.Errorf("step %d: %q, want %q", step, plan.Action.GetDescription(), life[step].Action.GetDescription())
		}
	}
	return int32(len(life)) - cut, nil
}

// CheckRepeats reports a step that has another answer when it is asked again.
func CheckRepeats(ctx context.Context, drivers driver.Planners, person Person) error {
	p, scale, err := begin(drivers, person)
	if err != nil {
		return err
	}
	var before driver.Plan
	for step := int32(0); step < scale.StepsPerDay(); step++ {
		first, _, err := p.Act(ctx, step)
		if err != nil {
			return err
		}
		again, effects, err := p.Act(ctx, step)
		if err != nil {
			return err
		}
		if len(effects.Notes) > 0 {
			return fmt.Errorf("step %d: a second call decides anew", step)
		}
		if !proto.Equal(first.Action, again.Action) || !proto.Equal(first.Observation, again.Observation) {
			return fmt.Errorf("step %d: %q, then %q", step, first.Action.GetDescription(), again.Action.GetDescription())
		}
		if step%50 == 1 {
			earlier, _, err := p.Act(ctx, step-1)
			if err != nil || !proto.Equal(earlier.Action, before.Action) {
				return fmt.Errorf("step %d: another answer once step %d was asked for: %w", step-1, step, errors.Join(err))
			}
		}
		before = first
	}
	return nil
}

// checkCancelled: a call whose context is done fails or answers, and spoils
// nothing.
func checkCancelled(t *testing.T, drivers driver.Planners, person Person) {
	p, scale, err := begin(drivers, person)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	step := 10 * 3600 / int32(scale)
	if _, _, err := p.Act(ctx, step); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	plan, _, err := p.Act(t.Context(), step)
	require.NoError(t, err)
	require.NotNil(t, plan.Action)
}

// checkEffects reports calls and notes that cannot be committed.
func checkEffects(who simv1.Role, calls []*simv1.ModelCall, timings []*simv1.CallTiming, notes []*simv1.Note) error {
	ids := map[string]bool{}
	for _, call := range calls {
		if call.GetId() == "" || ids[call.GetId()] || call.GetRole() != who {
			return fmt.Errorf("call %q of %v: want an id of its own, and %v", call.GetId(), call.GetRole(), who)
		}
		ids[call.GetId()] = true
	}
	for _, timing := range timings {
		if !ids[timing.GetCallId()] {
			return fmt.Errorf("timing of %q: there is no such call", timing.GetCallId())
		}
	}
	for _, note := range notes {
		if note.GetRole() != who || note.GetKey() == "" || len(note.GetKey()) > 200 || len(note.GetContent()) > 1<<18 {
			return fmt.Errorf("note %q of %v with %d bytes: want a key, %v, and at most 262144 bytes", note.GetKey(), note.GetRole(), len(note.GetContent()), who)
		}
	}
	return nil
}
