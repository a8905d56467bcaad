package environment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/propersim/propersim/internal/watchtest"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// BenchmarkStep is a waking step of 32 runs at once with other services that
// cost next to nothing: the conductor and the journal, with every commit on
// disk. cpu-ns/op counts both, and the sleeping steps in between.
func BenchmarkStep(b *testing.B) {
	for _, runs := range []int{1, 32} {
		b.Run(fmt.Sprintf("runs=%d", runs), func(b *testing.B) {
			s, err := New(Config{DSN: filepath.Join(b.TempDir(), "journal.db")}, newFakes().clients())
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			waking := fakeStepsPerDay * 2 / 3
			config := func(i int) *environmentv1.RunConfig {
				c := configOf(fmt.Sprintf("p%d", i), "ar")
				c.Days = int32(max(1, b.N/(waking*runs)))
				return c
			}
			for i := range runs {
				if _, err := s.CreateRun(ctx, &environmentv1.CreateRunRequest{Config: config(i)}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime()
			go func() { done <- s.Run(ctx) }()
			steps := int32(0)
			for _, r := range s.order {
				for !live.Ended(r.State()) {
					time.Sleep(time.Millisecond)
				}
				steps += r.Progress().GetWakingSteps()
			}
			b.StopTimer()
			b.ReportMetric(float64(cpuTime()-before)/float64(steps), "cpu-ns/waking")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/waking")
			cancel()
			if err := errors.Join(<-done, s.Close()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// TestMain lets the test binary be the watchers of BenchmarkWatchers, or another
// process that conducts runs.
func TestMain(m *testing.M) {
	watchtest.Main()
	conductAsChild()
	os.Exit(m.Run())
}

// BenchmarkWatchers is a second in the life of a run that makes some 400 steps
// in it, watched from another process by nobody and by a thousand watchers, of
// whom one in ten never reads. cpu-ms/s counts the environment and its server,
// with the journal in memory, since a disk is not what is measured; what watching
// costs is the difference to nobody.
func BenchmarkWatchers(b *testing.B) {
	for _, mode := range []string{"nobody", "progress", "entries"} {
		b.Run(mode, func(b *testing.B) {
			fakes := newFakes()
			pass := make(chan struct{})
			fakes.setHook((&gate{call: "Act", pass: pass}).hook)
			s := onTCP(b, begin(b, Config{}, fakes.clients()))
			defer s.stop()
			id := s.held(b, 3650)
			if mode != "nobody" {
				end, err := watchtest.Start(s.server.Addr(), []string{id}, mode == "entries")
				if err != nil {
					b.Fatal(err)
				}
				defer end()
			}
			s.resume(b, id)
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			b.ResetTimer()
			before := cpuTime()
			for range 100 * b.N {
				<-ticker.C
				for range 4 {
					pass <- struct{}{}
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/1e6/b.Elapsed().Seconds(), "cpu-ms/s")
			b.StopTimer()
			close(pass)
			if _, err := s.PauseRun(b.Context(), &environmentv1.PauseRunRequest{Id: id}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// cpuTime is the CPU time of this process so far, nanoseconds.
func cpuTime() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
