package plannertest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/driver/plannertest"
	"github.com/propersim/propersim/services/user/planner"
)

func TestUnseeded(t *testing.T) { plannertest.Run(t, plannertest.Unseeded()) }

// broken changes what a sound planner answers or restores.
type broken struct {
	driver.Planner
	change  func(step int32, plan driver.Plan) driver.Plan
	forgets bool
}

func (b *broken) Act(ctx context.Context, step int32) (driver.Plan, role.Effects, error) {
	plan, effects, err := b.Planner.Act(ctx, step)
	plan.Action, plan.Observation = proto.CloneOf(plan.Action), proto.CloneOf(plan.Observation)
	return b.change(step, plan), effects, err
}

func (b *broken) Restore(note *simv1.Note) error {
	if b.forgets {
		return nil
	}
	return b.Planner.Restore(note)
}

func breaking(of driver.Planners, forgets bool, change func(step int32, plan driver.Plan) driver.Plan) driver.Planners {
	return driver.Planners{Backend: of.Backend, New: func(life driver.Life) (driver.Planner, error) {
		p, err := of.New(life)
		return &broken{Planner: p, change: change, forgets: forgets}, err
	}}
}

func unchanged(_ int32, plan driver.Plan) driver.Plan { return plan }

func TestTheSuiteFindsWhatIsWrong(t *testing.T) {
	person := plannertest.People()[0]
	awake := func(change func(step int32, plan driver.Plan)) func(int32, driver.Plan) driver.Plan {
		return func(step int32, plan driver.Plan) driver.Plan {
			if !plan.Action.GetAsleep() {
				change(step, plan)
			}
			return plan
		}
	}
	tests := map[string]struct {
		change func(int32, driver.Plan) driver.Plan
		says   string
	}{
		"sound":      {unchanged, ""},
		"elsewhere":  {awake(func(_ int32, p driver.Plan) { p.Action.Room = "attic" }), "not in the world"},
		"no object":  {awake(func(_ int32, p driver.Plan) { p.Action.Object = "throne" }), "does not afford"},
		"unknown":    {awake(func(_ int32, p driver.Plan) { p.Action.Kind = "juggling" }), "no activity"},
		"wordless":   {awake(func(_ int32, p driver.Plan) { p.Action.Description = "" }), "no description"},
		"seen wrong": {awake(func(_ int32, p driver.Plan) { p.Observation.Kind = "music" }), "the assistant sees"},
		"from later": {awake(func(step int32, p driver.Plan) { p.Action.StartedStep = step + 1 }), "which is later"},
		"too short": {awake(func(step int32, p driver.Plan) {
			p.Action.StartedStep, p.Action.Description = step, p.Action.Description+string('a'+step%2)
		}), "want at least"},
		"never asleep": {func(_ int32, p driver.Plan) driver.Plan {
			if p.Action.GetAsleep() {
				p.Observation = &simv1.Observation{Kind: "sleep"}
			}
			return p
		}, "asleep true, observed true"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := plannertest.CheckRules(t.Context(), breaking(planner.Drivers(), false, tt.change), person)
			if tt.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.says)
		})
	}
	t.Run("misses a requirement", func(t *testing.T) {
		person := person
		person.Wants = append(slices.Clone(person.Wants), plannertest.Want{Kind: "hosting", Minute: 600})
		require.ErrorContains(t, plannertest.CheckRules(t.Context(), planner.Drivers(), person), "no hosting at about minute 600")
	})
	t.Run("sleeps in", func(t *testing.T) {
		person := person
		person.Wake -= 120
		require.ErrorContains(t, plannertest.CheckRules(t.Context(), planner.Drivers(), person), "gets up at minute")
	})
	t.Run("jumps", func(t *testing.T) {
		person := plannertest.People()[2] // steps of a minute, in a building where one walks far
		person.Life.World = proto.CloneOf(person.Life.World)
		for i := range person.Life.World.GetDoors() {
			person.Life.World.GetDoors()[i].WalkSeconds = 900
		}
		require.ErrorContains(t, plannertest.CheckRules(t.Context(), planner.Drivers(), person), "away")
	})
	t.Run("forgets its notes", func(t *testing.T) {
		require.ErrorContains(t, plannertest.CheckNotes(t.Context(), breaking(plannertest.Unseeded(), true, unchanged), person), "anew")
	})
	t.Run("changes its mind", func(t *testing.T) {
		calls := 0
		moody := breaking(planner.Drivers(), false, func(_ int32, p driver.Plan) driver.Plan {
			calls++
			p.Action.Description += string(rune('a' + calls%3))
			return p
		})
		require.ErrorContains(t, plannertest.CheckRepeats(t.Context(), moody, person), "then")
	})
}
