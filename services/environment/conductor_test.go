package environment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/internal/leaks"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/environment/conduct"
)

const (
	running  = environmentv1.RunState_RUN_STATE_RUNNING
	waiting  = environmentv1.RunState_RUN_STATE_WAITING
	finished = environmentv1.RunState_RUN_STATE_FINISHED
	failing  = environmentv1.RunState_RUN_STATE_FAILED
)

func configOf(persona, method string) *environmentv1.RunConfig {
	return &environmentv1.RunConfig{
		PersonaId: persona, WorldId: "home", Method: &simv1.Method{Name: method}, Seed: 7, Days: 3, StepSeconds: 900, Candidates: 2,
		Training: &trainerv1.Hyperparameters{Beta: 0.1, Epochs: 2, LearningRate: 0.1, BatchSize: 4, Pairs: 50, Reference: trainerv1.Reference_REFERENCE_BASE},
		Executor: trainerv1.Executor_EXECUTOR_EMBEDDED, OnFailedNight: environmentv1.OnFailedNight_ON_FAILED_NIGHT_STOP,
	}
}

// service is a server that works in the background.
type service struct {
	*Server
	registry *prometheus.Registry

	t    testing.TB
	halt context.CancelFunc
	done chan error
}

func begin(t testing.TB, cfg Config, clients Clients) *service {
	t.Helper()
	if cfg.DSN == "" {
		cfg.DSN = ":memory:"
	}
	if cfg.Retry == 0 {
		cfg.Retry = time.Millisecond
	}
	registry := prometheus.NewRegistry()
	cfg.Metrics = registry
	server, err := New(cfg, clients)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	s := &service{Server: server, registry: registry, t: t, halt: cancel, done: make(chan error, 1)}
	go func() { s.done <- server.Run(ctx) }()
	require.Eventually(t, func() bool {
		server.mu.Lock()
		defer server.mu.Unlock()
		return server.ctx != nil
	}, time.Minute, time.Millisecond)
	t.Cleanup(s.end)
	return s
}

// end stops the service as a process ends, and may be repeated.
func (s *service) end() {
	if s.halt == nil {
		return
	}
	s.halt()
	s.halt = nil
	require.NoError(s.t, <-s.done)
	require.NoError(s.t, s.Close())
}

func (s *service) make(config *environmentv1.RunConfig) *environmentv1.Run {
	s.t.Helper()
	resp, err := s.CreateRun(context.Background(), &environmentv1.CreateRunRequest{Config: config})
	require.NoError(s.t, err)
	return resp.GetRun()
}

func (s *service) until(id string, states ...environmentv1.RunState) *environmentv1.Run {
	s.t.Helper()
	var got *environmentv1.Run
	for began := time.Now(); time.Since(began) < 3*time.Minute; time.Sleep(time.Millisecond) {
		resp, err := s.GetRun(context.Background(), &environmentv1.GetRunRequest{Id: id})
		require.NoError(s.t, err)
		got = resp.GetRun()
		for _, want := range states {
			if got.GetState() == want {
				return got
			}
		}
	}
	s.t.Fatalf("run %s is %s (%s), want %v", id, got.GetState(), got.GetReason(), states)
	return nil
}

func (s *service) entries(id string) []*environmentv1.Entry {
	s.t.Helper()
	var out []*environmentv1.Entry
	for entry, err := range s.journal.Entries(context.Background(), id, 0) {
		require.NoError(s.t, err)
		out = append(out, entry)
	}
	return out
}

// hashes conducts some runs to their end and returns their final hashes.
func hashes(t *testing.T, parallel int, methods ...string) map[string]string {
	t.Helper()
	s := begin(t, Config{Parallel: parallel}, newFakes().clients())
	defer s.end()
	ids := []string{}
	for _, method := range methods {
		for _, persona := range []string{"ann", "bob", "3"} {
			ids = append(ids, s.make(configOf(persona, method)).GetId())
		}
	}
	out := map[string]string{}
	for _, id := range ids {
		out[id] = s.until(id, finished, failing).GetProgress().GetHash()
		state, err := s.journal.Verify(context.Background(), id)
		require.NoError(t, err)
		require.Equal(t, out[id], state.Snapshot().GetHash())
	}
	return out
}

func TestTheSameSeedGivesTheSameHashAtAnyParallelism(t *testing.T) {
	defer leaks.None(t)
	one := hashes(t, 1, "ar", "ars", "proper")
	require.Len(t, one, 9)
	require.Equal(t, one, hashes(t, 8, "ar", "ars", "proper"))
	seen := map[string]bool{}
	for _, hash := range one {
		require.False(t, seen[hash], "two different runs share a hash")
		seen[hash] = true
	}
}

func TestARunSurvivesAnyEnd(t *testing.T) {
	want := hashes(t, 4, "proper")
	fakes, dsn := newFakes(), filepath.Join(t.TempDir(), "journal.db")
	var calls atomic.Int64
	var id []string
	first := begin(t, Config{DSN: dsn}, fakes.clients())
	for _, persona := range []string{"ann", "bob", "3"} {
		id = append(id, first.make(configOf(persona, "proper")).GetId())
	}
	first.end()
	for end := int64(37); ; end += 61 {
		s := begin(t, Config{DSN: dsn}, fakes.clients())
		stop := calls.Load() + end
		gone := make(chan struct{})
		fakes.setHook(func(string, string) error {
			if calls.Add(1) == stop {
				close(gone)
			}
			if calls.Load() >= stop {
				return fmt.Errorf("gone: %w", errs.ErrUnavailable)
			}
			return nil
		})
		finishedAll := make(chan struct{})
		go func() {
			defer close(finishedAll)
			for _, one := range id {
				r := s.find(one)
				for r.State() != finished {
					select {
					case <-gone:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}
		}()
		<-finishedAll
		over := s.until(id[0], queued, running, waiting, finished).GetState() == finished
		for _, one := range id[1:] {
			over = over && s.until(one, queued, running, waiting, finished).GetState() == finished
		}
		if over {
			for _, one := range id {
				require.Equal(t, want[one], s.until(one, finished).GetProgress().GetHash())
			}
			return
		}
		s.end()
		fakes.forget()
	}
}

func TestLostSessionsAreOpenedAgain(t *testing.T) {
	want := hashes(t, 4, "ars")
	fakes := newFakes()
	var calls atomic.Int64
	fakes.setHook(func(call, _ string) error {
		if calls.Add(1)%97 == 0 {
			fakes.forget()
		}
		return nil
	})
	s := begin(t, Config{}, fakes.clients())
	for _, persona := range []string{"ann", "bob", "3"} {
		run := s.until(s.make(configOf(persona, "ars")).GetId(), finished, failing)
		require.Equal(t, want[run.GetId()], run.GetProgress().GetHash(), run.GetReason())
	}
	require.Greater(t, fakes.counts["user.OpenSession"], 5)
}

func TestARunWaitsForAServiceThatIsAway(t *testing.T) {
	want := hashes(t, 4, "proper")
	for _, call := range []string{"Act", "Recommend", "Evaluate", "user.Observe", "assistant.Observe", "user.OpenSession", "Count", "Append", "SubmitJob", "WatchJob", "UseAdapter"} {
		t.Run(call, func(t *testing.T) {
			fakes := newFakes()
			var away atomic.Bool
			away.Store(true)
			fakes.setHook(func(c, _ string) error {
				if c == call && away.Load() {
					return fmt.Errorf("nobody at home: %w", errs.ErrUnavailable)
				}
				return nil
			})
			s := begin(t, Config{}, fakes.clients())
			id := s.make(configOf("ann", "proper")).GetId()
			run := s.until(id, waiting, finished, failing)
			require.Equal(t, waiting, run.GetState())
			require.Contains(t, run.GetReason(), "nobody at home")
			away.Store(false)
			run = s.until(id, finished, failing)
			require.Equal(t, want[id], run.GetProgress().GetHash(), run.GetReason())
			require.Empty(t, run.GetReason())
		})
	}
}

func TestAnotherFaultFailsTheRunAndItCanBeResumed(t *testing.T) {
	want := hashes(t, 1, "ar")
	fakes := newFakes()
	fakes.setHook(func(call, _ string) error {
		if call == "Evaluate" {
			return errors.New("the judge fell ill")
		}
		return nil
	})
	s := begin(t, Config{}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	run := s.until(id, failing, finished)
	require.Equal(t, failing, run.GetState())
	require.Contains(t, run.GetReason(), "the judge fell ill")
	require.EqualValues(t, 28, run.GetProgress().GetSteps(), "the failed step has not happened")
	fakes.setHook(nil)
	_, err := s.ResumeRun(t.Context(), &environmentv1.ResumeRunRequest{Id: id})
	require.NoError(t, err)
	require.Equal(t, want[id], s.until(id, finished).GetProgress().GetHash())
}

func TestTiesAndUnjudgedStepsMakeNoPair(t *testing.T) {
	fakes := newFakes()
	fakes.unjudged = func(step int32) bool { return step%5 == 0 }
	fakes.tied = func(step int32) bool { return step%5 == 1 }
	s := begin(t, Config{}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	p := s.until(id, finished, failing).GetProgress()
	pairs, unjudged := int32(0), int32(0)
	for _, entry := range s.entries(id) {
		step := entry.GetBody().GetStep()
		require.LessOrEqual(t, proto.Size(entry.GetBody()), 1200)
		if step.GetPair() == nil {
			continue
		}
		pairs++
		require.Greater(t, step.GetStep()%5, int32(1))
		chosen, rejected := step.GetEvaluations()[step.GetPair().GetChosen()], step.GetEvaluations()[step.GetPair().GetRejected()]
		require.Greater(t, chosen.GetTotal(), rejected.GetTotal())
		require.NotNil(t, step.GetPair().GetPrompt())
		of := conduct.PreferencePairs(id, step)
		require.Len(t, of, 1)
		require.True(t, proto.Equal(of[0], fakes.pairs[id][step.GetStep()]))
	}
	for _, entry := range s.entries(id) {
		if step := entry.GetBody().GetStep(); !step.GetAction().GetAsleep() && step.GetEvaluations()[0].Total == nil {
			unjudged++
		}
	}
	require.Positive(t, pairs)
	require.Positive(t, unjudged)
	require.Equal(t, pairs, p.GetPairs())
	require.Len(t, fakes.pairs[id], int(pairs))
	require.Equal(t, unjudged, p.GetUnjudgedSteps())
	require.Equal(t, p.GetWakingSteps(), p.GetJudgedSteps()+p.GetUnjudgedSteps())
	require.EqualValues(t, 3*64, p.GetWakingSteps())
	require.Equal(t, p.GetStepsTotal(), p.GetSteps())
}

func TestWhatCallsTookIsKeptBesideTheChain(t *testing.T) {
	ran := func(latency time.Duration) (string, []journal.Timing) {
		fakes := newFakes()
		fakes.latency = latency
		s := begin(t, Config{}, fakes.clients())
		defer s.end()
		id := s.make(configOf("ann", "ar")).GetId()
		run := s.until(id, finished, failing)
		for _, entry := range s.entries(id) {
			for _, call := range entry.GetBody().GetStep().GetCalls() {
				require.NotEmpty(t, call.GetAnswer())
			}
		}
		require.EqualValues(t, 2*3*64, run.GetProgress().GetCalls())
		require.EqualValues(t, 7*3*64, run.GetProgress().GetPromptTokens())
		require.EqualValues(t, 3*3*64, run.GetProgress().GetCompletionTokens())
		var all []journal.Timing
		for timing, err := range s.journal.Timings(t.Context(), id, 0) {
			require.NoError(t, err)
			all = append(all, timing)
		}
		return run.GetProgress().GetHash(), all
	}
	one, timings := ran(10 * time.Millisecond)
	require.Len(t, timings, 2*3*64)
	require.Equal(t, "planner/0", timings[0].GetCallId())
	require.Equal(t, 10*time.Millisecond, timings[0].GetLatency().AsDuration())
	require.Equal(t, "assistant/0", timings[1].GetCallId())
	require.Equal(t, 20*time.Millisecond, timings[1].GetLatency().AsDuration())
	two, _ := ran(500 * time.Millisecond)
	require.Equal(t, one, two)
}

func TestAFailureIsSilenceWithoutAScore(t *testing.T) {
	fakes := newFakes()
	fakes.failing = func(step int32) bool { return step%3 == 0 }
	s := begin(t, Config{}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	p := s.until(id, finished, failing).GetProgress()
	failures := int32(0)
	for _, entry := range s.entries(id) {
		step := entry.GetBody().GetStep()
		if step.GetAction().GetAsleep() || !fakes.failing(step.GetStep()) {
			continue
		}
		failures++
		require.NotNil(t, step.GetCandidates()[1].GetFailure())
		require.Nil(t, step.GetPair())
		require.Nil(t, step.GetEvaluations()[1].Total)
	}
	require.Positive(t, failures)
	require.Equal(t, failures, p.GetFailures())
	require.Equal(t, p.GetWakingSteps(), p.GetJudgedSteps(), "what was delivered was judged")
}

func TestNights(t *testing.T) {
	t.Run("each day but the last is trained", func(t *testing.T) {
		fakes := newFakes()
		s := begin(t, Config{}, fakes.clients())
		id := s.make(configOf("ann", "proper")).GetId()
		s.until(id, finished, failing)
		adapter, nights := "", 0
		for _, entry := range s.entries(id) {
			if night := entry.GetBody().GetNight(); night != nil {
				nights++
				require.EqualValues(t, nights, night.GetDay())
				require.NotEqual(t, adapter, night.GetAdapter())
				adapter = night.GetAdapter()
				continue
			}
			if step := entry.GetBody().GetStep(); !step.GetAction().GetAsleep() {
				require.Equal(t, adapter, step.GetAdapter())
			}
		}
		require.Equal(t, 2, nights)
	})
	t.Run("a failed night stops the run, and resuming tries anew", func(t *testing.T) {
		fakes := newFakes()
		fakes.failJobs = true
		s := begin(t, Config{}, fakes.clients())
		id := s.make(configOf("ann", "proper")).GetId()
		run := s.until(id, finished, failing)
		require.Equal(t, failing, run.GetState())
		require.Contains(t, run.GetReason(), "no luck")
		require.EqualValues(t, fakeStepsPerDay, run.GetProgress().GetSteps())
		fakes.mu.Lock()
		fakes.failJobs = false
		fakes.mu.Unlock()
		_, err := s.ResumeRun(t.Context(), &environmentv1.ResumeRunRequest{Id: id})
		require.NoError(t, err)
		require.Equal(t, finished, s.until(id, finished, failing).GetState())
	})
	t.Run("or the run keeps yesterday's adapter", func(t *testing.T) {
		fakes := newFakes()
		fakes.failJobs = true
		s := begin(t, Config{}, fakes.clients())
		config := configOf("ann", "proper")
		config.OnFailedNight = environmentv1.OnFailedNight_ON_FAILED_NIGHT_KEEP
		run := s.until(s.make(config).GetId(), finished, failing)
		require.Equal(t, finished, run.GetState())
		require.EqualValues(t, 2, run.GetProgress().GetFailedNights())
	})
	t.Run("no pairs, no training", func(t *testing.T) {
		fakes := newFakes()
		fakes.tied = func(int32) bool { return true }
		s := begin(t, Config{}, fakes.clients())
		id := s.make(configOf("ann", "proper")).GetId()
		s.until(id, finished, failing)
		require.Zero(t, fakes.submits)
		state, err := s.journal.Verify(t.Context(), id)
		require.NoError(t, err)
		require.EqualValues(t, 2, state.LastNight)
	})
}

func TestTheJournalRebuildsTheBuffer(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "journal.db")
	fakes := newFakes()
	s := begin(t, Config{DSN: dsn}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	_, err := s.PauseRun(t.Context(), &environmentv1.PauseRunRequest{Id: id})
	require.NoError(t, err)
	s.end()

	another := newFakes() // with an empty buffer
	s = begin(t, Config{DSN: dsn}, another.clients())
	_, err = s.ResumeRun(t.Context(), &environmentv1.ResumeRunRequest{Id: id})
	require.NoError(t, err)
	run := s.until(id, finished, failing)
	require.Len(t, another.pairs[id], int(run.GetProgress().GetPairs()), run.GetReason())
}

// damage changes one byte of step 30.
func damage(t *testing.T, dsn string) {
	t.Helper()
	db, err := store.Open(context.Background(), dsn, nil)
	require.NoError(t, err)
	_, err = db.ExecContext(context.Background(), "UPDATE entries SET body = substr(body, 1, 30) || x'07' || substr(body, 32) WHERE step = 30")
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
