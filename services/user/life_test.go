package user_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/judge"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/planner"
	"github.com/propersim/propersim/worlds"
)

// TestWhatIsWantedCanBeGiven lives two weeks with each built-in persona and
// speaks at every due moment: that must come to what the rubric asks for, so
// that the wanted band and the judge speak of the same thing.
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
		plans, err := planner.New(p, home, &simv1.Settings{Seed: 1, Stream: p.GetId(), StepSeconds: 150, Days: 14})
		require.NoError(t, err)
		h := rules.NewHistory(150)
		waking, due, liked := 0, 0, 0
		for step := int32(0); step < 14*576; step++ {
			action, _ := plans.At(step)
			if action.GetAsleep() {
				continue
			}
			kind := activity.Kind(action.GetKind())
			r := h.Read(step, kind)
			h.Observe(step, kind, r.Due)
			waking++
			if r.Due {
				due++
				if len(r.LikedTopics()) > 0 {
					liked++
				}
			}
		}
		require.GreaterOrEqual(t, 2*liked, due, "%s: something liked can be said at most due moments", p.GetName())
		low, high := judge.WantedBand(p.GetSpec())
		perHour := float64(due) / (float64(waking) * 150 / 3600)
		require.GreaterOrEqual(t, perHour, low/2, p.GetName())
		require.LessOrEqual(t, perHour, high*2, p.GetName())
		require.InDelta(t, 15.8, float64(waking)*150/3600/14, 2, "%s: waking hours", p.GetName())
	}
}
