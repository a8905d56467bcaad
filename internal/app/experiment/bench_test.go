package experiment_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/stack"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// BenchmarkStep lets people live two weeks with a learning assistant, through
// the gRPC contracts and a journal on disk, and reports wall time by step.
func BenchmarkStep(b *testing.B) {
	for name, people := range map[string]string{"1 person": "1", "8 people": "1-8"} {
		b.Run(name, func(b *testing.B) {
			var steps int64
			var took time.Duration
			for b.Loop() {
				s := start(b, people)
				began := time.Now()
				steps += s.live(b)
				took += time.Since(began)
				require.NoError(b, s.Stop())
			}
			b.ReportMetric(float64(steps)/took.Seconds(), "steps/s")
			b.ReportMetric(float64(took.Nanoseconds())/float64(steps), "ns/step")
		})
	}
}

// BenchmarkLateDay compares the wall time of day 14 with that of day 2 of one
// run: what a step costs must not grow with the length of the run.
func BenchmarkLateDay(b *testing.B) {
	var early, late time.Duration
	for b.Loop() {
		s := start(b, "1")
		runs, err := experiment.Create(b.Context(), s.Stack, s.config, "bench", experiment.Shard{})
		require.NoError(b, err)
		at := make(map[int32]time.Time)
		for len(at) < 14 {
			got, err := s.Runs.GetRun(b.Context(), &environmentv1.GetRunRequest{Id: runs[0].GetId()})
			require.NoError(b, err)
			p := got.GetRun().GetProgress()
			day := p.GetDay()
			if p.GetSteps() == p.GetStepsTotal() {
				day = 15
			}
			if _, seen := at[day]; !seen && day > 1 {
				at[day] = time.Now()
			}
			time.Sleep(200 * time.Microsecond)
		}
		early += at[3].Sub(at[2])
		late += at[15].Sub(at[14])
		require.NoError(b, s.Stop())
	}
	b.ReportMetric(late.Seconds()/early.Seconds(), "day14/day2")
}

// running is a stack with its configuration.
type running struct {
	*stack.Stack
	config *config.Config
}

func start(b *testing.B, people string) running {
	b.Helper()
	c := config.Default()
	c.Simulation.Personas = people
	at := folder.Folder(b.TempDir())
	require.NoError(b, at.Make())
	s, err := stack.Start(stack.Options{Config: &c, Store: at.Store(c.Store), Version: "bench"})
	require.NoError(b, err)
	return running{Stack: s, config: &c}
}

// live conducts the runs to their end and returns how many steps they had.
func (r running) live(b *testing.B) int64 {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	runs, err := experiment.Create(ctx, r.Stack, r.config, "bench", experiment.Shard{})
	require.NoError(b, err)
	board := live.NewBoard(time.Now(), 0)
	require.NoError(b, experiment.Watch(ctx, r.Stack, runs, board))
	return board.Snapshot(time.Now()).All.Steps
}
