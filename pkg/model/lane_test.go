package model_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/internal/prom"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
)

// TestSlotsBoundWhatIsUnderWay, and the runs that are behind go first.
func TestSlotsBoundWhatIsUnderWay(t *testing.T) {
	server, client := serve(t, fakemodel.Config{Latency: 5 * time.Millisecond}, func(c *model.Config) {
		e := c.Endpoints["test"]
		e.Slots = 3
		c.Endpoints["test"] = e
	})
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			call := judgeCall(int32(i))
			call.At = int64(i)
			_, err := client.Do(t.Context(), call)
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 3, server.Most())
}

// TestRunsThatAreBehindGoFirst: with one slot that is busy, the queue is in the
// order of simulated time.
func TestRunsThatAreBehindGoFirst(t *testing.T) {
	answer := make(chan struct{})
	server := fakemodel.New(fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string {
		<-answer
		return fakemodel.Random(r)
	}})
	t.Cleanup(server.Close)
	cfg, registry := config(server.BaseURL()), prometheus.NewRegistry()
	e := cfg.Endpoints["test"]
	e.Slots = 1
	cfg.Endpoints["test"] = e
	client := open(t, cfg, func(d *model.Deps) { d.Registry = registry })
	var all sync.WaitGroup
	ask := func(at int64) {
		all.Go(func() {
			call := judgeCall(1)
			call.Run, call.At = fmt.Sprint(at), at
			call.Messages = []model.Message{{Role: "user", Content: fmt.Sprint(at)}}
			_, err := client.Do(t.Context(), call)
			require.NoError(t, err)
		})
	}
	ask(100)
	require.Eventually(t, func() bool { return server.Calls() == 1 }, time.Minute, time.Millisecond)
	for _, at := range []int64{30, 10, 20} {
		ask(at)
	}
	require.Eventually(t, func() bool {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			if family.GetName() == prom.Prefix+"model_queue" {
				return family.GetMetric()[0].GetGauge().GetValue() == 3
			}
		}
		return false
	}, time.Minute, time.Millisecond, "all three wait")
	close(answer)
	all.Wait()
	var order []string
	for _, r := range server.Requests() {
		order = append(order, r.Messages[0].Content)
	}
	require.Equal(t, []string{"100", "10", "20", "30"}, order)
}

// TestRequestsPerMinuteAreObeyed.
func TestRequestsPerMinuteAreObeyed(t *testing.T) {
	server, client := serve(t, fakemodel.Config{}, func(c *model.Config) {
		e := c.Endpoints["test"]
		e.RequestsPerMinute = 1200 // 20 a second, of which 20 at once
		c.Endpoints["test"] = e
	})
	began := time.Now()
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			_, err := client.Do(t.Context(), judgeCall(int32(i)))
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 30, server.Calls())
	require.GreaterOrEqual(t, time.Since(began), 450*time.Millisecond)
}

// TestALateAnswerHidesNoOutage: a request that was sent before an endpoint failed is
// answered while the others wait for it. They still say for what.
func TestALateAnswerHidesNoOutage(t *testing.T) {
	answer := make(chan struct{})
	server := fakemodel.New(fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string {
		<-answer
		return fakemodel.Random(r)
	}})
	t.Cleanup(server.Close)
	client := open(t, config(server.BaseURL()), func(d *model.Deps) { d.Patience, d.ProbeEvery = 20*time.Millisecond, time.Hour })
	var early sync.WaitGroup
	early.Go(func() {
		_, err := client.Do(t.Context(), judgeCall(0))
		require.NoError(t, err)
	})
	require.Eventually(t, func() bool { return server.Calls() == 1 }, time.Minute, time.Millisecond)
	server.Change(func(c *fakemodel.Config) {
		c.Fault = func(*fakemodel.Request) fakemodel.Fault { return fakemodel.Error(503, "away") }
	})
	for i := range int32(2) { // one failure alone concerns its own request
		_, err := client.Do(t.Context(), judgeCall(1+i))
		require.ErrorContains(t, err, "away")
	}
	close(answer)
	early.Wait()
	require.Len(t, client.Now().Failing, 1)
	require.Contains(t, client.Now().Failing[0], "away")
}

// TestAnOutageIsProbedSeldom: while an endpoint is away, callers that come back
// at once do not become requests, and it is used again by itself.
func TestAnOutageIsProbedSeldom(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	client := open(t, config(server.BaseURL()), func(d *model.Deps) { d.Patience, d.ProbeEvery = 20*time.Millisecond, 300*time.Millisecond })
	_, err := client.Do(t.Context(), judgeCall(0))
	require.NoError(t, err)
	server.Change(func(c *fakemodel.Config) {
		c.Fault = func(*fakemodel.Request) fakemodel.Fault { return fakemodel.Error(503, "away") }
	})
	before, began := server.Calls(), time.Now()
	for time.Since(began) < time.Second {
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				_, err := client.Do(t.Context(), judgeCall(int32(i+1)))
				require.ErrorIs(t, err, errs.ErrUnavailable)
				require.ErrorContains(t, err, "away")
			})
		}
		all.Wait()
	}
	// The first requests under way together, one more that finds the failure to
	// last, and a probe each 300 ms.
	probes := int(time.Since(began)/(300*time.Millisecond)) + 1
	require.LessOrEqual(t, server.Calls()-before, 4+4+probes)
	server.Change(func(c *fakemodel.Config) { c.Fault = nil })
	require.Eventually(t, func() bool {
		_, err := client.Do(t.Context(), judgeCall(1))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
}

// TestAnotherReplicaTakesOver while the one that knows the run is away.
func TestAnotherReplicaTakesOver(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	cfg := config(server.BaseURL())
	e := cfg.Endpoints["test"]
	e.URLs = append(e.URLs, "http://"+loopback.Address(t)+"/v1")
	cfg.Endpoints["test"] = e
	client := open(t, cfg, func(d *model.Deps) { d.Patience = time.Minute })
	for i := range 8 {
		call := judgeCall(1)
		call.Run = fmt.Sprint(i)
		_, err := client.Do(t.Context(), call)
		require.NoError(t, err)
	}
}
