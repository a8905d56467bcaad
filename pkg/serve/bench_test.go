package serve

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// BenchmarkUnary is a call of a run's size through every interceptor, by 1 and
// by 32 callers; cpu-ns/op is the CPU time of both sides together.
func BenchmarkUnary(b *testing.B) {
	answer := &assistantv1.RecommendResponse{Candidates: []*simv1.Candidate{
		{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "A short stretch would do your back good after all that chopping.", Topic: "stretching", Tone: "gentle"}}, Completion: `{"action":"recommend","topic":"stretching"}`},
		{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}, Completion: `{"action":"abstain"}`},
	}}
	f := &fake{recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		return answer, nil
	}}
	for _, network := range []struct {
		name string
		cfg  Config
	}{{"process", Config{}}, {"memory", Config{wire: true}}, {"tcp", Config{Address: "127.0.0.1:0"}}} {
		for _, callers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/callers=%d", network.name, callers), func(b *testing.B) {
				cfg := network.cfg
				cfg.Name, cfg.Registry = "fake", prometheus.NewRegistry()
				_, conn := start(b, cfg, f)
				client := assistantv1.NewAssistantServiceClient(conn)
				_, err := client.Recommend(context.Background(), request())
				require.NoError(b, err)
				b.ReportAllocs()
				b.ResetTimer()
				before := cpuTime()
				var wg sync.WaitGroup
				for c := range callers {
					wg.Go(func() {
						req := request()
						for range (b.N + callers - 1 - c) / callers {
							if _, err := client.Recommend(context.Background(), req); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
			})
		}
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
