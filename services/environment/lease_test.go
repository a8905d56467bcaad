package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	"github.com/propersim/propersim/pkg/store/storetest"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// onShared runs a test on every database that two processes can open.
func onShared(t *testing.T, test func(t *testing.T, dsn string)) {
	for name, dsn := range storetest.Databases(t, "journal") {
		if name != "memory" {
			t.Run(name, func(t *testing.T) { test(t, dsn) })
		}
	}
}

// until waits for something that another goroutine does.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for range 60000 {
		if condition() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("waited a minute: %s", what)
}

// often is a configuration of a server that looks often at what others do.
func often(dsn string) Config { return Config{DSN: dsn, Poll: 5 * time.Millisecond} }

func TestTwoServersShareTheRuns(t *testing.T) {
	want := hashes(t, 4, "ars", "proper")
	onShared(t, func(t *testing.T, dsn string) {
		one, two := newFakes(), newFakes()
		two.pairs, two.jobs, two.jobsOf = one.pairs, one.jobs, one.jobsOf // one buffer and one trainer
		cfg := often(dsn)
		cfg.Parallel = 2
		a, b := begin(t, cfg, one.clients()), begin(t, cfg, two.clients())
		// Both are busy until all runs are made.
		pass := make(chan struct{})
		for _, fakes := range []*fakeServices{one, two} {
			fakes.setHook((&gate{call: "Act", pass: pass}).hook)
		}
		var ids []string
		for _, method := range []string{"ars", "proper"} {
			for _, persona := range []string{"ann", "bob", "3"} {
				ids = append(ids, a.make(configOf(persona, method)).GetId())
			}
		}
		conductors := map[string]int{}
		eventually(t, "each server conducts two runs", func() bool {
			clear(conductors)
			resp, err := b.ListRuns(t.Context(), &environmentv1.ListRunsRequest{})
			require.NoError(t, err)
			for _, run := range resp.GetRuns() {
				conductors[run.GetConductor().GetName()]++
			}
			return conductors[a.holder] == 2 && conductors[b.holder] == 2 && conductors[""] == 2
		})
		close(pass)
		for _, id := range ids {
			for _, s := range []*service{a, b} {
				run := s.until(id, finished, failing)
				require.Equal(t, want[id], run.GetProgress().GetHash(), run.GetReason())
				require.Nil(t, run.GetConductor())
			}
		}
	})
}

func TestARunOfAnotherProcessIsWatchedAndControlled(t *testing.T) {
	onShared(t, func(t *testing.T, dsn string) {
		fakes := newFakes()
		g := &gate{call: "Recommend", pass: make(chan struct{})}
		fakes.setHook(g.hook)
		cfg := often(dsn)
		cfg.LeaseTTL = 4 * time.Second // renewed, and wishes heard, every second; on a busy machine not much later
		a := begin(t, cfg, fakes.clients())
		id := a.make(configOf("ann", "ar")).GetId()
		g.pass <- struct{}{}
		b := begin(t, often(dsn), newFakes().clients())
		ctx := t.Context()
		run := b.until(id, running)
		require.Equal(t, a.holder, run.GetConductor().GetName())
		eventually(t, "its progress is followed", func() bool { return b.find(id).Progress().GetWakingSteps() == 1 })
		entries, err := contact(t, b).WatchRun(ctx, &environmentv1.WatchRunRequest{Id: id, Entries: true})
		require.NoError(t, err)

		answer := make(chan *environmentv1.Run, 1)
		go func() {
			resp, err := b.PauseRun(ctx, &environmentv1.PauseRunRequest{Id: id})
			if err != nil {
				t.Error(err)
			}
			answer <- resp.GetRun()
		}()
		// The step in progress is finished first.
		r := a.find(id)
		eventually(t, "its conductor hears of it", func() bool { target, _ := r.halted(); return target == paused })
		g.pass <- struct{}{}
		run = <-answer
		require.Equal(t, paused, run.GetState())
		require.Nil(t, run.GetConductor())
		require.EqualValues(t, 2, run.GetProgress().GetWakingSteps())
		a.until(id, paused)

		close(g.pass)
		_, err = b.ResumeRun(ctx, &environmentv1.ResumeRunRequest{Id: id})
		require.NoError(t, err)
		total := a.until(id, finished).GetProgress().GetSequence()
		sequence := int64(0)
		for {
			event, err := entries.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if event.GetEntry() != nil {
				sequence++
				require.Equal(t, sequence, event.GetEntry().GetSequence())
			}
		}
		require.Equal(t, total, sequence)
		_, err = b.CancelRun(ctx, &environmentv1.CancelRunRequest{Id: id})
		require.ErrorIs(t, err, errs.ErrPrecondition)
	})
}

func TestAServerThatEndsReleasesItsRunsAtOnce(t *testing.T) {
	want := hashes(t, 1, "ar")
	onShared(t, func(t *testing.T, dsn string) {
		one, cfg := newFakes(), often(dsn)
		cfg.LeaseTTL = time.Hour
		g := &gate{call: "Recommend", pass: make(chan struct{}, 1)}
		one.setHook(g.hook)
		a := begin(t, cfg, one.clients())
		id := a.make(configOf("ann", "ar")).GetId()
		eventually(t, "it is conducted", func() bool { return g.waiting.Load() == 1 })
		b := begin(t, cfg, newFakes().clients())
		require.Equal(t, running, b.until(id, running).GetState())
		close(g.pass)
		a.end()
		require.Equal(t, want[id], b.until(id, finished, failing).GetProgress().GetHash())
	})
}

// expire lets the lease of every run expire.
func expire(t *testing.T, dsn string) {
	t.Helper()
	db, err := store.Open(context.Background(), dsn, nil)
	require.NoError(t, err)
	_, err = db.ExecContext(context.Background(), "UPDATE standings SET until_unix_ms = 1")
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestAConductorThatLostItsLeaseWritesNothing(t *testing.T) {
	want := hashes(t, 1, "ar")
	for name, call := range map[string]string{"before a commit": "Evaluate", "after one": "user.Observe"} {
		t.Run(name, func(t *testing.T) {
			onShared(t, func(t *testing.T, dsn string) {
				one, cfg := newFakes(), often(dsn)
				cfg.LeaseTTL = time.Hour // not renewed meanwhile
				var stopped atomic.Bool
				stop, resumed := make(chan struct{}), make(chan struct{})
				one.setHook(func(c, _ string) error {
					if c == call && stopped.CompareAndSwap(false, true) {
						close(stop)
						<-resumed
					}
					return nil
				})
				a := begin(t, cfg, one.clients())
				id := a.make(configOf("ann", "ar")).GetId()
				<-stop
				expire(t, dsn)
				b := begin(t, often(dsn), newFakes().clients())
				require.Equal(t, want[id], b.until(id, finished, failing).GetProgress().GetHash())
				before := b.entries(id)
				close(resumed)
				eventually(t, "the first conductor gives up", func() bool { return a.find(id).held() == nil })
				require.Equal(t, len(before), len(b.entries(id)))
				require.Equal(t, finished, a.until(id, finished).GetState(), "it follows the other one")
				state, err := b.journal.Verify(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, want[id], state.Snapshot().GetHash())
			})
		})
	}
}

func TestWaitingIsShownToOtherProcesses(t *testing.T) {
	onShared(t, func(t *testing.T, dsn string) {
		cfg := often(dsn)
		cfg.LeaseTTL = 40 * time.Millisecond
		var servers []*service
		for range 2 {
			fakes := newFakes()
			fakes.setHook(func(call, _ string) error {
				if call == "Recommend" {
					return fmt.Errorf("nobody at home: %w", errs.ErrUnavailable)
				}
				return nil
			})
			servers = append(servers, begin(t, cfg, fakes.clients()))
		}
		id := servers[0].make(configOf("ann", "ar")).GetId()
		for _, s := range servers { // one of them conducts it
			require.Contains(t, s.until(id, waiting, finished).GetReason(), "assistant.Recommend: nobody at home")
		}
		for _, s := range servers {
			resp, err := s.CancelRun(t.Context(), &environmentv1.CancelRunRequest{Id: id})
			require.NoError(t, err)
			require.Equal(t, cancelled, resp.GetRun().GetState())
		}
	})
}

func TestADedicatedRunIsLeftToTheProcessesThatCreatedIt(t *testing.T) {
	onShared(t, func(t *testing.T, dsn string) {
		one, two := newFakes(), newFakes()
		two.pairs, two.jobs, two.jobsOf = one.pairs, one.jobs, one.jobsOf // one buffer and one trainer
		request := &environmentv1.CreateRunRequest{
			Config: configOf("ann", "ar"), RequestId: "one", Labels: map[string]string{LabelDedicated: "true"}, Paused: true,
		}
		a := begin(t, often(dsn), one.clients())
		made, err := a.CreateRun(t.Context(), request)
		require.NoError(t, err)
		id := made.GetRun().GetId()
		a.end()

		b := begin(t, often(dsn), two.clients())
		b.until(id, paused)
		_, err = b.ResumeRun(t.Context(), &environmentv1.ResumeRunRequest{Id: id})
		require.NoError(t, err)
		// b looks at the journal again and again, and may conduct other runs.
		other := b.make(configOf("bob", "ar")).GetId()
		b.until(other, finished)
		require.Equal(t, queued, b.find(id).State(), "not even a call makes it the run of a process that did not create it")
		require.False(t, b.find(id).ours())

		_, err = b.CreateRun(t.Context(), request)
		require.NoError(t, err)
		b.until(id, finished, failing)
		require.Equal(t, finished, b.find(id).State())
	})
}
