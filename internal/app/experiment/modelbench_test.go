package experiment_test

import (
	"context"
	"net/http"
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

// saturation is what 32 runs made of a server.
type saturation struct {
	busy   float64 // share of the slots, from when all people are up
	steps  float64 // committed steps a second, of all runs
	behind float64 // of the slowest run behind the median, in simulated days, at most
}

// saturate lets 32 people live on a server of 300 ms and 30 slots, and measures
// from when all are up until the first one has reached a share of its day. It ends
// the benchmark where a run fails.
func saturate(b *testing.B, share float64, fault func(*fakemodel.Request) fakemodel.Fault) saturation {
	b.Helper()
	const slots = 30
	server := fakemodel.New(fakemodel.Config{Latency: 300 * time.Millisecond, Slots: slots, Fault: fault})
	defer server.Close()
	c := allModels(b, server.BaseURL(), "simulation.personas=all", "simulation.step=10m", "backends.planner=embedded", "backends.summarizer=embedded",
		"backends.embedder=embedded", "models.endpoints.test.slots=30")
	s, runs := begin(b, c)
	total := runs[0].GetProgress().GetStepsTotal()
	// People get up at different hours: the slots count from when all are up.
	for slices.ContainsFunc(s.progress(b, runs), func(p *environmentv1.Progress) bool { return p.GetWakingSteps() == 0 }) {
		time.Sleep(time.Millisecond)
	}
	began, busy, first := time.Now(), server.Busy(), int32(0)
	var behind int32
	for {
		time.Sleep(20 * time.Millisecond)
		var steps []int32
		sum := int32(0)
		for _, p := range s.progress(b, runs) {
			steps = append(steps, p.GetSteps())
			sum += p.GetSteps()
		}
		if first == 0 {
			first = sum
		}
		slices.Sort(steps)
		behind = max(behind, steps[len(steps)/2]-steps[0])
		if float64(steps[len(steps)-1]) >= share*float64(total) {
			took := time.Since(began).Seconds()
			out := saturation{busy: (server.Busy() - busy).Seconds() / took / slots, steps: float64(sum-first) / took, behind: float64(behind) / 144}
			require.NoError(b, s.Stop())
			return out
		}
	}
}

// BenchmarkSlots: how busy 30 slots are until the first run goes to bed, and how
// far the slowest run is behind.
func BenchmarkSlots(b *testing.B) {
	for b.Loop() {
		got := saturate(b, 0.9, nil)
		b.ReportMetric(100*got.busy, "%busy")
		b.ReportMetric(got.behind, "days-behind-median")
	}
}

// BenchmarkTooManyRequests: what remains of the throughput of 32 runs when every
// tenth request is answered by 429 and Retry-After: 1. No run fails.
func BenchmarkTooManyRequests(b *testing.B) {
	for b.Loop() {
		undisturbed := saturate(b, 0.6, nil)
		disturbed := saturate(b, 0.6, func(r *fakemodel.Request) fakemodel.Fault {
			if r.Number%10 != 0 {
				return nil
			}
			return fakemodel.Error(http.StatusTooManyRequests, "slow down", "Retry-After: 1")
		})
		b.ReportMetric(undisturbed.steps, "undisturbed-steps/s")
		b.ReportMetric(disturbed.steps, "disturbed-steps/s")
		b.ReportMetric(100*disturbed.steps/undisturbed.steps, "%kept")
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
		took, used := time.Since(began), cpuTime(b)-before
		b.ReportMetric(float64(waking)/took.Seconds(), "waking-steps/s")
		// What two cores would do that have nothing else to do.
		b.ReportMetric(2*float64(waking)/used.Seconds(), "waking-steps/2cpu-s")
		b.ReportMetric(float64(used.Microseconds())/float64(server.Calls()), "cpu-us/call")
		b.ReportMetric(float64(server.Calls())/float64(waking), "calls/step")
		require.NoError(b, s.Stop())
		server.Close()
	}
}
