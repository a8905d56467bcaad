package modelplanner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/internal/fakemodel/fakeclient"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	"github.com/propersim/propersim/prompts"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/driver/plannertest"
	"github.com/propersim/propersim/services/user/modelplanner"
)

func drivers(t *testing.T, server fakemodel.Config) (*fakemodel.Server, driver.Planners) {
	t.Helper()
	s, client := fakeclient.Open(t, server)
	set, err := prompts.Load("")
	require.NoError(t, err)
	d, err := modelplanner.Drivers(client, set)
	require.NoError(t, err)
	return s, d
}

func TestConformance(t *testing.T) {
	_, d := drivers(t, fakemodel.Config{})
	plannertest.Run(t, d)
}

// TestADayTakesTwoRoundTrips: an outline, then all its tasks together.
func TestADayTakesTwoRoundTrips(t *testing.T) {
	server, d := drivers(t, fakemodel.Config{Latency: 100 * time.Millisecond})
	p, err := d.New(plannertest.People()[0].Life)
	require.NoError(t, err)
	calls := 0
	for step := range int32(576) {
		_, effects, err := p.Act(t.Context(), step)
		require.NoError(t, err)
		if len(effects.Calls) > 0 {
			calls++
			require.Len(t, effects.Notes, 1)
			require.Equal(t, "outline", effects.Calls[0].GetPurpose())
		}
	}
	require.Equal(t, 1, calls, "one step decides about the day")
	require.Greater(t, server.Calls(), 5)
	require.Greater(t, server.Most(), 1, "tasks are asked for at the same time")
}

// TestAPlanThatCannotBeReadIsNoPlan: the last answer is shown.
func TestAPlanThatCannotBeReadIsNoPlan(t *testing.T) {
	_, d := drivers(t, fakemodel.Config{Answer: func(*fakemodel.Request, int) string { return "First I sleep in." }})
	p, err := d.New(plannertest.People()[0].Life)
	require.NoError(t, err)
	_, _, err = p.Act(t.Context(), 300)
	require.ErrorIs(t, err, errs.ErrPrecondition)
	require.ErrorContains(t, err, "First I sleep in.")
}

// TestAnActivityOutsideTheWorldIsRepaired: the complaint names what is allowed.
func TestAnActivityOutsideTheWorldIsRepaired(t *testing.T) {
	wrong := true
	server, d := drivers(t, fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string {
		if out := fakemodel.Random(r); !wrong || !strings.Contains(out, `"kind"`) {
			return out
		}
		wrong = false
		return strings.ReplaceAll(fakemodel.Random(r), `"kind":"`, `"kind":"sky`)
	}})
	p, err := d.New(plannertest.People()[0].Life)
	require.NoError(t, err)
	_, effects, err := p.Act(t.Context(), 300)
	require.NoError(t, err)
	require.Equal(t, "off_schema", effects.Calls[0].GetAttempts()[0].GetOutcome())
	require.Contains(t, server.Requests()[1].Prompt(), "must be one of")
}

// TestTomorrowIsPlannedTonight: the morning finds its answers, and records them as if
// it had asked itself; the last night asks for nothing.
func TestTomorrowIsPlannedTonight(t *testing.T) {
	server, d := drivers(t, fakemodel.Config{})
	life := plannertest.People()[0].Life
	life.Settings = proto.CloneOf(life.Settings)
	life.Settings.Days = 2
	p, err := d.New(life)
	require.NoError(t, err)
	scale := simtime.Scale(life.Settings.GetStepSeconds())
	act := func(step int32) int {
		_, effects, err := p.Act(t.Context(), step)
		require.NoError(t, err)
		return len(effects.Calls)
	}
	step := int32(0)
	for ; step < scale.FirstStep(2); step++ {
		act(step)
	}
	// The plan is asked for in the background: an outline, then a call for each stretch.
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(server.Requests(), func(r fakemodel.Request) bool { return strings.Contains(r.Prompt(), "Yesterday") })
	}, time.Minute, time.Millisecond)
	calls := 0
	for ; step < scale.FirstStep(3); step++ {
		calls += act(step)
	}
	require.Greater(t, calls, 3, "the morning records the calls")
	outlines, days := 0, 2
	for _, r := range server.Requests() {
		if strings.Contains(r.Prompt(), "Yesterday") {
			outlines++
		}
	}
	require.Equal(t, 1, outlines, "the morning asked again")
	for digest, times := range server.Answered() { // a stretch may be alike on both days
		require.LessOrEqual(t, len(times), days, "the morning asked again: %s", digest)
	}
}
