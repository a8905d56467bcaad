package model_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/model"
)

// remote is an endpoint in virtual time: 300 ms an answer, 30 slots.
type remote struct {
	latency time.Duration
	slots   chan struct{}
	calls   atomic.Int64
	busy    atomic.Int64 // nanoseconds, over all slots
	// refuse reports whether request n, counted from 1, is refused.
	refuse func(n int64, busy int) bool
}

func newRemote(refuse func(n int64, busy int) bool) *remote {
	return &remote{latency: 300 * time.Millisecond, slots: make(chan struct{}, 30), refuse: refuse}
}

// RoundTrip implements http.RoundTripper.
func (r *remote) RoundTrip(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body) // it is in memory
	status, body, header := 200, `{"model":"fake-judge","choices":[{"finish_reason":"stop","message":{"content":"{\"score\":3,\"reason\":\"it fits\"}"}}],"usage":{}}`, http.Header{"Content-Type": {"application/json"}}
	if r.refuse(r.calls.Add(1), len(r.slots)) {
		time.Sleep(time.Millisecond)
		status, body = 429, `{"error":{"message":"slow down"}}`
		header.Set("Retry-After", "1")
	} else {
		r.slots <- struct{}{}
		time.Sleep(r.latency)
		<-r.slots
		r.busy.Add(int64(r.latency))
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// throughput lets 32 runs make 60 steps each, with a request of the assistant and
// then three judgements at the same time, and returns steps a second, the share of
// the slots that was busy, and by how many steps the slowest run was behind the
// median at most.
func throughput(t *testing.T, server *remote) (perSecond, busy float64, behind int32) {
	const runs, steps = 32, 40
	cfg := config("http://model.invalid/v1")
	e := cfg.Endpoints["test"]
	e.Slots = cap(server.slots)
	cfg.Endpoints["test"] = e
	client, err := model.New(t.Context(), cfg, model.Deps{Answers: filepath.Join(t.TempDir(), "answers.db"), Transport: server, Patience: 5 * time.Second})
	require.NoError(t, err)
	began := time.Now()
	first := time.Duration(0) // when the first run was done
	var mu sync.Mutex
	done := make([]int32, runs) // guarded by mu
	var all sync.WaitGroup
	for run := range runs {
		all.Go(func() {
			for step := range int32(steps) {
				for _, n := range []int{1, 3} {
					calls := make([]model.Call, n)
					for i := range calls {
						calls[i] = judgeCall(step)
						calls[i].Run, calls[i].At, calls[i].Criterion = fmt.Sprint(run), int64(step), fmt.Sprint(n, i)
					}
					_, err := client.DoAll(t.Context(), calls)
					require.NoError(t, err)
				}
				mu.Lock()
				done[run]++
				ahead := 0
				for _, other := range done {
					if other > done[run] {
						ahead++
					}
				}
				if ahead == runs-1 { // the slowest one: how far is the middle?
					behind = max(behind, middle(done)-done[run])
				}
				if done[run] == steps && first == 0 {
					first = time.Since(began)
					busy = time.Duration(server.busy.Load()).Seconds() / first.Seconds() / float64(cap(server.slots))
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	require.NoError(t, client.Close(context.Background()))
	return runs * steps / took.Seconds(), busy, behind
}

// middle returns the median.
func middle(values []int32) int32 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// TestTooManyRequestsCostLittle: 429 with Retry-After: 1 on every tenth request
// of 32 runs. No call fails, and at least 80% of the throughput remains. The
// slots of the undisturbed endpoint are busy for at least 95% of the time.
func TestTooManyRequestsCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		undisturbed, busy, behind := throughput(t, newRemote(func(int64, int) bool { return false }))
		disturbed, _, apart := throughput(t, newRemote(func(n int64, _ int) bool { return n%10 == 0 }))
		t.Logf("undisturbed %.1f steps/s, %.1f%% of the slots busy, slowest run %d steps behind; 429 on every tenth request: %.1f steps/s (%.0f%%), %d steps behind",
			undisturbed, 100*busy, behind, disturbed, 100*disturbed/undisturbed, apart)
		require.GreaterOrEqual(t, busy, 0.95)
		require.GreaterOrEqual(t, disturbed, 0.8*undisturbed)
	})
}

// TestAnEndpointOfFewerSlotsIsFound: an endpoint that works on 8 requests and
// refuses all further ones gets few of them, and does most of what it can.
func TestAnEndpointOfFewerSlotsIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		var mu sync.Mutex
		server := newRemote(func(_ int64, busy int) bool {
			if busy < 8 {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			refused++
			return true
		})
		perSecond, _, _ := throughput(t, server)
		t.Logf("%.1f steps/s, %d of %d requests refused", perSecond, refused, server.calls.Load())
		require.Less(t, float64(refused), 0.3*float64(server.calls.Load()))
		require.Greater(t, perSecond, 0.7*8/0.3/4, "four requests of 300 ms a step, eight at once")
	})
}
