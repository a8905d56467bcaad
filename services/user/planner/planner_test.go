package planner_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/planner"
	"github.com/propersim/propersim/worlds"
)

func builtin(t testing.TB) []persona.Numbered {
	t.Helper()
	all, err := persona.Builtin()
	require.NoError(t, err)
	return all
}

func place(t testing.TB, id string) *simv1.World {
	t.Helper()
	w, err := worlds.Get(id)
	require.NoError(t, err)
	return w
}

func settings(p *simv1.Persona, seed uint64, step int32) *simv1.Settings {
	return &simv1.Settings{Seed: seeded.RoleSeed(seed, p.GetId(), seeded.RoleUser), StepSeconds: step, Days: 14}
}

func TestEveryDayKeepsTheRules(t *testing.T) {
	people := builtin(t)
	places := []*simv1.World{place(t, "home"), place(t, "office")}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(people).Draw(t, "persona").Persona
		w := rapid.SampledFrom(places).Draw(t, "world")
		scale := rapid.SampledFrom([]int32{10, 60, 150, 600, 3600}).Draw(t, "step")
		plans, err := planner.New(p, w, settings(p, rapid.Uint64().Draw(t, "seed"), scale))
		require.NoError(t, err)
		for number := int32(1); number <= 4; number++ {
			d := plans.Day(number)
			require.NoError(t, planner.Check(d, w), "day %d of %s", number, p.GetName())
			waking := float64(d.Bed-d.Wake) / 3600
			require.Greater(t, waking, 12.0)
			require.Less(t, waking, 20.0)
		}
	})
}

func TestStepsFollowThePlan(t *testing.T) {
	w := place(t, "home")
	for _, scale := range []int32{60, 150, 1800} {
		p := builtin(t)[0].Persona
		plans, err := planner.New(p, w, settings(p, 7, scale))
		require.NoError(t, err)
		s := simtime.Scale(scale)
		var before *simv1.Action
		for step := int32(0); step < 3*s.StepsPerDay(); step++ {
			action, seen := plans.At(step)
			require.True(t, activity.Valid(activity.Kind(action.GetKind())))
			require.Equal(t, action.GetAsleep(), seen == nil)
			require.LessOrEqual(t, action.GetStartedStep(), step)
			if before != nil && proto.Equal(before, action) {
				require.Less(t, action.GetStartedStep(), step)
			} else {
				require.Equal(t, step, action.GetStartedStep(), "a task is first seen at the step at which it began")
			}
			before = action
			if seen != nil && seen.GetKind() == string(activity.Private) {
				require.Empty(t, seen.GetRoom())
				require.Empty(t, seen.GetObject())
				require.Equal(t, "bathroom", action.GetRoom())
			}
		}
	}
}

func TestTheSameSeedGivesTheSameLife(t *testing.T) {
	w := place(t, "home")
	p := builtin(t)[1].Persona
	one, err := planner.New(p, w, settings(p, 3, 150))
	require.NoError(t, err)
	two, err := planner.New(p, w, settings(p, 3, 150))
	require.NoError(t, err)
	other, err := planner.New(p, w, settings(p, 4, 150))
	require.NoError(t, err)
	differ := 0
	for step := int32(0); step < 14*576; step++ {
		a, _ := one.At(step)
		back, _ := two.At(14*576 - 1 - step) // in another order
		_ = back
		c, _ := other.At(step)
		if a.GetDescription() != c.GetDescription() {
			differ++
		}
	}
	for step := int32(0); step < 14*576; step++ {
		a, seen := one.At(step)
		b, seenToo := two.At(step)
		require.True(t, proto.Equal(a, b) && proto.Equal(seen, seenToo))
	}
	require.Greater(t, differ, 2000)
}

func TestRequirementsComeAtTheirTimes(t *testing.T) {
	w := place(t, "home")
	person := &simv1.Persona{
		Id: "ana", Name: "Ana", Age: 40, Background: "A translator.", Lifestyle: "Up at 6:30, asleep by 22:30.",
		BigFive: &simv1.BigFive{}, CurrentInterests: []string{"astronomy"}, LongTermGoals: []string{"rest"},
		DailyPlanRequirements: []string{
			"meditate at 7 for 20 minutes", "work at my desk from 9 to 12:30", "lunch at 12:30 pm",
			"video call with the team from 2 to 3 pm", "yoga around 5:30 pm", "dinner at half past seven", "read for an hour before bed",
		},
	}
	plans, err := planner.New(person, w, settings(person, 1, 150))
	require.NoError(t, err)
	want := map[activity.Kind]int{
		activity.Meditation: 7 * 60, activity.Work: 9 * 60, activity.Lunch: 12*60 + 30, activity.Meeting: 14 * 60,
		activity.Yoga: 17*60 + 30, activity.Dinner: 19*60 + 30, activity.Reading: 21*60 + 30,
	}
	for number := int32(1); number <= 14; number++ {
		first := map[activity.Kind]int{}
		for _, task := range plans.Day(number).Tasks {
			kind := activity.Kind(task.Action.GetKind())
			if _, seen := first[kind]; task.Required && !seen {
				first[kind] = task.From / 60
			}
		}
		for kind, minute := range want {
			require.InDelta(t, minute, first[kind], 31, "%s on day %d", kind, number)
			if kind == activity.Meeting {
				require.Equal(t, minute, first[kind])
			}
		}
	}
}

func TestDescriptionsAreMany(t *testing.T) {
	p := builtin(t)[0].Persona
	plans, err := planner.New(p, place(t, "home"), settings(p, 1, 150))
	require.NoError(t, err)
	seen := map[string]bool{}
	for number := int32(1); number <= 14; number++ {
		for _, task := range plans.Day(number).Tasks {
			seen[task.Action.GetDescription()] = true
		}
	}
	require.Greater(t, len(seen), 150)
}

func ExamplePlanner_Day() {
	person := &simv1.Persona{
		Id: "ana", Name: "Ana", Age: 40, Lifestyle: "I get up at 6:30 and go to bed at 22:30.",
		DailyPlanRequirements: []string{"meditate at 7:00 for 20 minutes"},
	}
	w, _ := worlds.Get("home")
	plans, _ := planner.New(person, w, &simv1.Settings{Seed: 2, StepSeconds: 150, Days: 1})
	for _, task := range plans.Day(1).Tasks {
		if task.Required {
			fmt.Println(task.Action.GetKind(), (task.To-task.From)/60 >= 19)
		}
	}
	// Output: meditation true
}

func BenchmarkDay(b *testing.B) {
	p := builtin(b)[0].Persona
	plans, err := planner.New(p, place(b, "home"), settings(p, 1, 150))
	require.NoError(b, err)
	number := int32(0)
	for b.Loop() {
		number++
		plans.Day(number)
	}
}

func BenchmarkAct(b *testing.B) {
	p := builtin(b)[0].Persona
	plans, err := planner.New(p, place(b, "home"), settings(p, 1, 150))
	require.NoError(b, err)
	step := int32(0)
	for b.Loop() {
		plans.At(step)
		step = (step + 1) % 8064
	}
}
