package experiment_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/fakemodel"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// begin starts the runs of a configuration in a folder of its own.
func begin(b *testing.B, c *config.Config) (running, []*environmentv1.Run) {
	b.Helper()
	at := folder.Folder(b.TempDir())
	require.NoError(b, at.Make())
	s, err := stack.Start(stack.Options{Config: c, Store: at.Store(c.Store), Version: "bench"})
	require.NoError(b, err)
	runs, err := experiment.Create(b.Context(), s, c, "bench", experiment.Shard{})
	require.NoError(b, err)
	return running{Stack: s, config: c}, runs
}

// progress returns the progress of every run.
func (r running) progress(b *testing.B, runs []*environmentv1.Run) []*environmentv1.Progress {
	b.Helper()
	out := make([]*environmentv1.Progress, len(runs))
	for i, one := range runs {
		got, err := r.Runs.GetRun(b.Context(), &environmentv1.GetRunRequest{Id: one.GetId()})
		require.NoError(b, err)
		require.NotEqual(b, environmentv1.RunState_RUN_STATE_FAILED, got.GetRun().GetState(), got.GetRun().GetReason())
		out[i] = got.GetRun().GetProgress()
	}
	return out
}

// BenchmarkRoundTrips: the median time of a waking step with assistant and judge
// on a server of 200 ms, five judgements a candidate: two round trips and 5 ms.
func BenchmarkRoundTrips(b *testing.B) {
	const latency = 200 * time.Millisecond
	for b.Loop() {
		server := fakemodel.New(fakemodel.Config{Latency: latency})
		c := allModels(b, server.BaseURL(), "backends.planner=embedded", "backends.summarizer=embedded", "backends.embedder=embedded",
			"backends.judge=model", "models.roles.judge.per=criterion")
		s, runs := begin(b, c)
		var times []time.Duration
		waking := int32(0)
		last := time.Now()
		for len(times) < 30 {
			now := s.progress(b, runs)[0].GetWakingSteps()
			if now == waking {
				time.Sleep(200 * time.Microsecond)
				continue
			}
			if waking > 0 && now == waking+1 {
				times = append(times, time.Since(last))
			}
			waking, last = now, time.Now()
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2])/float64(time.Millisecond), "median-ms/step")
		b.ReportMetric(float64(latency*21/10+5*time.Millisecond)/float64(time.Millisecond), "allowed-ms/step")
		require.NoError(b, s.Stop())
		server.Close()
	}
}

// BenchmarkSlots: 32 runs on a server of 300 ms with 30 slots: how busy the slots
// are until the first run ends, and how far the slowest run is behind.
func BenchmarkSlots(b *testing.B) {
	const slots = 30
	for b.Loop() {
		server := fakemodel.New(fakemodel.Config{Latency: 300 * time.Millisecond, Slots: slots})
		c := allModels(b, server.BaseURL(), "simulation.personas=all", "simulation.step=10m", "backends.planner=embedded", "backends.summarizer=embedded",
			"backends.embedder=embedded", "models.endpoints.test.slots=30")
		s, runs := begin(b, c)
		total := runs[0].GetProgress().GetStepsTotal()
		// People get up at different hours: the slots count from when all are up.
		for slices.ContainsFunc(s.progress(b, runs), func(p *environmentv1.Progress) bool { return p.GetWakingSteps() == 0 }) {
			time.Sleep(time.Millisecond)
		}
		began, busy := time.Now(), server.Busy()
		var behind int32
		for {
			time.Sleep(20 * time.Millisecond)
			var steps []int32
			for _, p := range s.progress(b, runs) {
				steps = append(steps, p.GetSteps())
			}
			slices.Sort(steps)
			behind = max(behind, steps[len(steps)/2]-steps[0])
			if steps[len(steps)-1] >= total*9/10 { // before anybody goes to bed
				break
			}
		}
		share := (server.Busy() - busy).Seconds() / time.Since(began).Seconds() / slots
		b.ReportMetric(100*share, "%busy")
		b.ReportMetric(float64(behind)/144, "days-behind-median")
		require.NoError(b, s.Stop())
		server.Close()
	}
}

// BenchmarkModelSteps: waking steps a second with assistant and judge on a server
// without latency, both in this process.
func BenchmarkModelSteps(b *testing.B) {
	for b.Loop() {
		server := fakemodel.New(fakemodel.Config{})
		c := allModels(b, server.BaseURL(), "simulation.personas=1-16", "backends.planner=embedded", "backends.summarizer=embedded",
			"backends.embedder=embedded", "models.endpoints.test.slots=64")
		s, runs := begin(b, c)
		began, before := time.Now(), cpuTime(b)
		ctx, cancel := context.WithCancel(b.Context())
		require.NoError(b, experiment.Watch(ctx, s.Stack, runs, live.NewBoard(time.Now(), 0)))
		cancel()
		waking := int32(0)
		for _, p := range s.progress(b, runs) {
			waking += p.GetWakingSteps()
		}
		b.ReportMetric(float64(waking)/time.Since(began).Seconds(), "waking-steps/s")
		b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(server.Calls()), "cpu-us/call")
		require.NoError(b, s.Stop())
		server.Close()
	}
}
