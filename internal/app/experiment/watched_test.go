package experiment_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/watchtest"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// TestMain lets the test binary be the watchers of BenchmarkWatched.
func TestMain(m *testing.M) {
	watchtest.Main()
	os.Exit(m.Run())
}

// BenchmarkWatched lets eight people live two weeks, with all services on ports
// of their own, unwatched and with a thousand watchers in another process of
// whom one in ten never reads. It reports CPU time of the services' process
// beside wall time, which says less where other programs run.
func BenchmarkWatched(b *testing.B) {
	for _, mode := range []string{"nobody", "progress", "entries"} {
		b.Run(mode, func(b *testing.B) {
			var steps int64
			var took, cpu time.Duration
			for b.Loop() {
				s := startOnPorts(b)
				runs := s.held(b)
				leave := func() {}
				if mode != "nobody" {
					var err error
					leave, err = watchtest.Start(s.Addresses()["environment"], ids(runs), mode == "entries")
					require.NoError(b, err)
				}
				began, before := time.Now(), cpuTime(b)
				steps += s.letGo(b, runs)
				took += time.Since(began)
				cpu += cpuTime(b) - before
				leave()
				require.NoError(b, s.Stop())
			}
			b.ReportMetric(float64(steps)/took.Seconds(), "steps/s")
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(steps), "cpu-ns/step")
			b.ReportMetric(cpu.Seconds()/took.Seconds(), "cpus")
		})
	}
}

func startOnPorts(b *testing.B) running {
	b.Helper()
	c := config.Default()
	c.Simulation.Personas = "1-8"
	for _, name := range config.Services() {
		*c.Listen.Of(name) = "127.0.0.1:0"
	}
	at := folder.Folder(b.TempDir())
	require.NoError(b, at.Make())
	s, err := stack.Start(stack.Options{Config: &c, Store: at.Store(c.Store), Version: "bench", Listen: true})
	require.NoError(b, err)
	return running{Stack: s, config: &c}
}

// held makes the runs, which wait for letGo.
func (r running) held(b *testing.B) (runs []*environmentv1.Run) {
	b.Helper()
	people, err := experiment.People(b.Context(), r.Personas, r.config)
	require.NoError(b, err)
	for _, p := range people {
		config := r.config.RunConfig(p.Persona.GetId(), r.config.Simulation.Methods[0], 1, nil)
		made, err := r.Runs.CreateRun(b.Context(), &environmentv1.CreateRunRequest{Config: config, Paused: true})
		require.NoError(b, err)
		runs = append(runs, made.GetRun())
	}
	return runs
}

func ids(runs []*environmentv1.Run) (out []string) {
	for _, r := range runs {
		out = append(out, r.GetId())
	}
	return out
}

// letGo conducts held runs to their end and returns how many steps they had.
func (r running) letGo(b *testing.B, runs []*environmentv1.Run) int64 {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	runs, err := experiment.Resume(ctx, r.Stack, runs)
	require.NoError(b, err)
	board := live.NewBoard(time.Now(), 0)
	require.NoError(b, experiment.Watch(ctx, r.Stack, runs, board))
	return board.Snapshot(time.Now()).All.Steps
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
