package live_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/live"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func news(id string, steps int32, state environmentv1.RunState) *environmentv1.Run {
	return &environmentv1.Run{
		Id: id, State: state, Config: &environmentv1.RunConfig{Method: &simv1.Method{Name: "proper"}, Days: 2, StepSeconds: 900},
		Progress: &environmentv1.Progress{
			Steps: steps, StepsTotal: 192, Day: steps/96 + 1, SecondOfDay: steps % 96 * 900,
			WakingSteps: steps / 2, JudgedSteps: steps / 2, ScoreSum: int64(steps), Recommendations: steps / 4,
		},
	}
}

func TestBoard(t *testing.T) {
	began := time.Unix(1000, 0)
	b := live.NewBoard(began, 20)
	b.Update(news("a", 40, environmentv1.RunState_RUN_STATE_RUNNING))
	b.Update(news("b", 100, environmentv1.RunState_RUN_STATE_RUNNING))
	b.Update(news("c", 0, environmentv1.RunState_RUN_STATE_QUEUED))
	s := b.Snapshot(began.Add(2 * time.Second))
	require.Equal(t, int64(120), s.Done, "what was there before does not count")
	require.InDelta(t, 60, s.PerSecond, 1e-9)
	require.Equal(t, 1, s.All.Day, "the run furthest behind, those that wait aside")
	require.Equal(t, "10:00", s.All.Clock)
	require.InDelta(t, 2, *s.All.Score, 1e-9)
	require.InDelta(t, 35/(70*0.25), *s.All.PerHour, 1e-9)
	require.False(t, b.Over())

	b.Update(news("a", 192, environmentv1.RunState_RUN_STATE_FINISHED))
	b.Update(news("b", 192, environmentv1.RunState_RUN_STATE_FINISHED))
	b.Update(news("c", 10, environmentv1.RunState_RUN_STATE_FAILED))
	require.True(t, b.Over())
	s = b.Snapshot(began.Add(3 * time.Second))
	require.Equal(t, 3, s.All.Over)
	require.Equal(t, 1, s.All.Failed)
}

func TestAnAbsentEnvironmentIsSaid(t *testing.T) {
	b := live.NewBoard(time.Now(), 0)
	b.Update(news("a", 40, environmentv1.RunState_RUN_STATE_RUNNING))
	b.Away(errors.New("connection refused"))
	require.Equal(t, "the environment does not answer: connection refused", b.Snapshot(time.Now()).All.Reason)
	b.Update(news("a", 41, environmentv1.RunState_RUN_STATE_RUNNING))
	require.Empty(t, b.Snapshot(time.Now()).All.Reason)
}

func TestPlainLines(t *testing.T) {
	b := live.NewBoard(time.Now(), 0)
	b.Update(news("a", 192, environmentv1.RunState_RUN_STATE_FINISHED))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	live.Show(ctx, &out, b)
	require.Contains(t, out.String(), "1 of 1 runs done | 192 of 192 steps")
	require.NotContains(t, out.String(), "\x1b", "no control codes where there is no terminal")
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 258048: "258,048", 1234567: "1,234,567", -1234: "-1,234"} {
		require.Equal(t, want, live.Thousands(n))
	}
}

// TestModelsAreShownByRole: one line where there is no terminal.
func TestModelsAreShownByRole(t *testing.T) {
	b := live.NewBoard(time.Now(), 0)
	b.Update(news("a", 192, environmentv1.RunState_RUN_STATE_FINISHED))
	b.ShowModels(func() *live.Models {
		return &live.Models{
			Roles: []live.ModelRole{
				{Role: "assistant", InFlight: 2, Calls: 1000, Prompt: 90000, Completion: 500, USD: 0.25},
				{Role: "judge", InFlight: 3, Waiting: 7, Calls: 234, Prompt: 10000, Completion: 200, Repaired: 4, Retried: 1},
			},
			Failing: []string{"gpu: overloaded: \x1b[31mbusy"},
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	live.Show(ctx, &out, b)
	require.Contains(t, out.String(), "models: 1,234 calls, 5 in flight, 7 waiting, 100,000 + 700 tokens, 0.2500 USD, 4 repaired, 1 retried; gpu: overloaded")
	require.NotContains(t, out.String(), "\x1b", "the words of an endpoint have no control codes")
}
