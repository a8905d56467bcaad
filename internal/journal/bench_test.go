package journal

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// BenchmarkCommit is an acknowledged entry of about 1.5 kB, by so many runs at
// once, with every commit on disk.
func BenchmarkCommit(b *testing.B) {
	for _, runs := range []int{1, 32} {
		b.Run(fmt.Sprintf("runs=%d", runs), func(b *testing.B) {
			j, err := New(context.Background(), filepath.Join(b.TempDir(), "journal.db"))
			require.NoError(b, err)
			chains := make([]*Chain, runs)
			for i := range chains {
				chains[i] = benchChain(b, j, i)
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime()
			var wg sync.WaitGroup
			for i, chain := range chains {
				wg.Go(func() {
					for n := range (b.N + i) / runs {
						outcome, err := chain.Append(benchBody(int32(n)), Beside{})
						if err == nil {
							err = <-outcome
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
			require.NoError(b, j.Close())
		})
	}
}

func benchChain(b *testing.B, j *Journal, i int) *Chain {
	n := newRun(fmt.Sprint("p", i))
	n.Run.Config.Days = 3650
	run, _, err := j.Create(context.Background(), n)
	require.NoError(b, err)
	chain, err := j.Continue(context.Background(), acquire(b, j, run.GetId()), everything)
	require.NoError(b, err)
	return chain
}

func benchBody(n int32) *environmentv1.EntryBody {
	body := step(n*24 + 12)
	s := body.GetStep()
	for i := range 4 {
		e := &simv1.Evaluation{}
		for range 4 {
			e.Verdicts = append(e.Verdicts, &simv1.Verdict{Criterion: 1, Outcome: 1, Reason: fmt.Sprintf("reason %d of a judge that says in some detail why it came to its verdict", i)})
		}
		s.Evaluations = append(s.Evaluations, e)
	}
	return body
}

// cpuTime is the CPU time of this process so far, nanoseconds.
func cpuTime() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
