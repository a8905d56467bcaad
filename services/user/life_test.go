package user_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/seeded"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/planner"
	"github.com/propersim/propersim/worlds"
)

// TestWhatIsWantedCanBeGiven lives two weeks with each built-in persona: a perfect
// assistant gets full marks at every step, something liked can be said whenever
// something is due, and the estimate of the wanted band is close to what the life
// offers.
func TestWhatIsWantedCanBeGiven(t *testing.T) {
	personas, _ := start(t, ":memory:")
	list, err := personas.ListPersonas(t.Context(), &userv1.ListPersonasRequest{})
	require.NoError(t, err)
	home, err := worlds.Get("home")
	require.NoError(t, err)
	for _, stored := range list.GetPersonas() {
		p := stored.GetPersona()
		rules, err := judge.Compile(p.GetSpec())
		require.NoError(t, err)
		plans, err := planner.New(p, home, &simv1.Settings{Seed: seeded.RoleSeed(1, p.GetId(), seeded.RoleUser), StepSeconds: 150, Days: 14})
		require.NoError(t, err)
		h, best := rules.NewHistory(150), rules.NewBest(150)
		waking, wanted, welcome := 0, 0, 0
		for step := int32(0); step < 14*576; step++ {
			action, _ := plans.At(step)
			if action.GetAsleep() {
				continue
			}
			waking++
			kind := activity.Kind(action.GetKind())
			r, c := h.Read(step, kind), best.Step(step, kind)
			require.Equal(t, r.Due, c.Speaks)
			if c.Speaks {
				wanted++
				require.NotEmpty(t, r.LikedTopics(), p.GetName())
			} else {
				require.EqualValues(t, 4, r.Evaluate(silence()).GetTotal(), p.GetName())
			}
			if c.Could {
				welcome++
			}
			h.Observe(step, kind, c.Speaks)
		}
		hours := float64(waking) * 150 / 3600
		low, high := judge.WantedBand(p.GetSpec())
		require.InEpsilon(t, low, float64(wanted)/hours, 0.2, "%s: wanted", p.GetName())
		require.GreaterOrEqual(t, welcome, wanted)
		require.LessOrEqual(t, float64(welcome)/hours, 1.5*high, "%s: welcome", p.GetName())
		require.InDelta(t, 15.8, hours/14, 2, "%s: waking hours", p.GetName())
	}
}
