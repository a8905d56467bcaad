package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/serve"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// contact serves s over gRPC in memory and returns a client of it.
func contact(t *testing.T, s *service) environmentv1.RunServiceClient {
	t.Helper()
	server, err := serve.New(serve.Config{Name: "environment"}, s.Server)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	conn, err := server.Dial()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		cancel()
		require.NoError(t, <-done)
	})
	return environmentv1.NewRunServiceClient(conn)
}

// gate lets calls of a name through one by one.
type gate struct {
	call    string
	waiting atomic.Int32
	pass    chan struct{}
}

func (g *gate) hook(call, _ string) error {
	if call == g.call {
		g.waiting.Add(1)
		<-g.pass
	}
	return nil
}

func TestEveryFaultOfAConfigurationIsNamed(t *testing.T) {
	s := begin(t, Config{}, newFakes().clients())
	client := contact(t, s)
	for name, c := range map[string]struct {
		change func(*environmentv1.RunConfig)
		fields []string
	}{
		"rules of the contract": {func(c *environmentv1.RunConfig) { c.Days, c.Candidates, c.Training = 0, 17, nil },
			[]string{"config.days", "config.candidates", "config.training"}},
		"a step that does not divide a day": {func(c *environmentv1.RunConfig) { c.StepSeconds = 151 }, []string{"config.step_seconds"}},
		"an unknown method":                 {func(c *environmentv1.RunConfig) { c.Method.Name = "best" }, []string{"config.method"}},
		"other values for a method of ours": {func(c *environmentv1.RunConfig) { c.Method.Memory = simv1.MemoryLevel_MEMORY_LEVEL_A },
			[]string{"config.method.memory", "config.method.scheme", "config.method.decider", "config.method.told"}},
		"no method": {func(c *environmentv1.RunConfig) { c.Method = nil }, []string{"config.method"}},
		"unknown drivers": {func(c *environmentv1.RunConfig) {
			c.Backends = &simv1.Backends{Planner: &simv1.Backend{Driver: "oracle"}, Judge: &simv1.Backend{Driver: "embedded"}}
		}, []string{"config.backends.planner.driver", "config.backends.judge.driver"}},
		"a model without what makes it one": {func(c *environmentv1.RunConfig) {
			c.Backends = &simv1.Backends{Assistant: &simv1.Backend{Driver: "model"}, Embedder: &simv1.Backend{Driver: "model", Prompts: "x"}}
		}, []string{"config.backends.assistant.model", "config.backends.assistant.sampling", "config.backends.assistant.prompts",
			"config.backends.embedder.model", "config.backends.embedder.prompts", "config.backends.embedder.prompts"}},
		"a model for an embedded driver": {func(c *environmentv1.RunConfig) {
			c.Backends = &simv1.Backends{Judge: &simv1.Backend{Driver: "exact", Model: "m", Sampling: &simv1.Sampling{}}}
		}, []string{"config.backends.judge.model", "config.backends.judge.sampling"}},
		"an executor that cannot train a model": {func(c *environmentv1.RunConfig) {
			c.Method.Name = "proper"
			c.Backends = &simv1.Backends{Assistant: &simv1.Backend{Driver: "model", Model: "m", Sampling: &simv1.Sampling{}, Prompts: strings.Repeat("a", 64)}}
		}, []string{"config.executor"}},
		"a rate for another method":     {func(c *environmentv1.RunConfig) { c.ConstantPerHour = proto.Float64(1) }, []string{"config.constant_per_hour"}},
		"training on single candidates": {func(c *environmentv1.RunConfig) { c.Method.Name, c.Candidates, c.StepSeconds = "proper", 1, 7*60 }, []string{"config.candidates", "config.step_seconds"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := configOf("ann", "ar")
			c.change(config)
			_, err := client.CreateRun(t.Context(), &environmentv1.CreateRunRequest{Config: config})
			var violations errs.Violations
			require.ErrorAs(t, err, &violations)
			var fields []string
			for _, v := range violations {
				fields = append(fields, v.Field)
			}
			require.ElementsMatch(t, c.fields, fields)
		})
	}
	nowhere := configOf("ann", "ar")
	nowhere.WorldId = "moon"
	for _, config := range []*environmentv1.RunConfig{configOf("nobody", "ar"), nowhere} {
		_, err := client.CreateRun(t.Context(), &environmentv1.CreateRunRequest{Config: config})
		require.ErrorIs(t, err, errs.ErrNotFound)
	}
	resp, err := client.ListRuns(t.Context(), &environmentv1.ListRunsRequest{})
	require.NoError(t, err)
	require.Empty(t, resp.GetRuns(), "nothing was stored")
}

func TestARepeatedRequestMakesOneRun(t *testing.T) {
	s := begin(t, Config{Version: "1.2"}, newFakes().clients())
	client := contact(t, s)
	req := &environmentv1.CreateRunRequest{Config: configOf("3", "ar"), RequestId: "once", Paused: true}
	first, err := client.CreateRun(t.Context(), req)
	require.NoError(t, err)
	run := first.GetRun()
	require.Equal(t, "person-3", run.GetConfig().GetPersonaId(), "a number is resolved to the id")
	require.NotNil(t, run.GetPersona().GetSpec())
	require.Equal(t, "1.2", run.GetVersion())
	require.NotEmpty(t, run.GetHandle())
	require.NotContains(t, run.GetHandle(), "person-3")
	require.Equal(t, simv1.MemoryLevel_MEMORY_LEVEL_AR, run.GetConfig().GetMethod().GetMemory())
	require.Equal(t, "exact", run.GetConfig().GetBackends().GetJudge().GetDriver())
	require.Equal(t, "embedded", run.GetConfig().GetBackends().GetEmbedder().GetDriver())
	require.WithinDuration(t, time.Now(), run.GetCreateTime().AsTime(), time.Minute)
	require.Equal(t, paused, run.GetState())
	second, err := client.CreateRun(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, run.GetId(), second.GetRun().GetId())
	req.Config.Seed++
	_, err = client.CreateRun(t.Context(), req)
	require.ErrorIs(t, err, errs.ErrExists)
	resp, err := client.ListRuns(t.Context(), &environmentv1.ListRunsRequest{})
	require.NoError(t, err)
	require.Len(t, resp.GetRuns(), 1)
}

func TestPauseResumeCancel(t *testing.T) {
	want := hashes(t, 1, "ar")
	fakes := newFakes()
	g := &gate{call: "Recommend", pass: make(chan struct{})}
	fakes.setHook(g.hook)
	s := begin(t, Config{}, fakes.clients())
	ctx := t.Context()
	id := s.make(configOf("ann", "ar")).GetId()
	for range 5 {
		g.pass <- struct{}{}
	}
	require.Eventually(t, func() bool { return g.waiting.Load() == 6 }, time.Minute, time.Millisecond)
	answer := make(chan *environmentv1.Run, 1)
	go func() {
		resp, err := s.PauseRun(ctx, &environmentv1.PauseRunRequest{Id: id})
		if err != nil {
			t.Error(err)
		}
		answer <- resp.GetRun()
	}()
	r, err := s.run(ctx, id)
	require.NoError(t, err)
	require.Eventually(t, func() bool { target, _ := r.halted(); return target == paused }, time.Minute, time.Millisecond, "the pause arrives while the step is in hand")
	close(g.pass)
	run := <-answer
	require.Equal(t, paused, run.GetState())
	require.EqualValues(t, 28+6, run.GetProgress().GetSteps(), "the present step was finished")

	again, err := s.PauseRun(ctx, &environmentv1.PauseRunRequest{Id: id})
	require.NoError(t, err)
	require.Equal(t, paused, again.GetRun().GetState())
	_, err = s.ResumeRun(ctx, &environmentv1.ResumeRunRequest{Id: id})
	require.NoError(t, err)
	require.Equal(t, want[id], s.until(id, finished).GetProgress().GetHash())
	for name, call := range map[string]func() error{
		"pause":  func() error { _, err := s.PauseRun(ctx, &environmentv1.PauseRunRequest{Id: id}); return err },
		"resume": func() error { _, err := s.ResumeRun(ctx, &environmentv1.ResumeRunRequest{Id: id}); return err },
		"cancel": func() error { _, err := s.CancelRun(ctx, &environmentv1.CancelRunRequest{Id: id}); return err },
	} {
		require.ErrorIs(t, call(), errs.ErrPrecondition, name)
	}

	resp, err := s.CreateRun(ctx, &environmentv1.CreateRunRequest{Config: configOf("bob", "ar"), Paused: true})
	require.NoError(t, err)
	for range 2 {
		ended, err := s.CancelRun(ctx, &environmentv1.CancelRunRequest{Id: resp.GetRun().GetId()})
		require.NoError(t, err)
		require.Equal(t, cancelled, ended.GetRun().GetState())
	}
	_, err = s.ResumeRun(ctx, &environmentv1.ResumeRunRequest{Id: resp.GetRun().GetId()})
	require.ErrorIs(t, err, errs.ErrPrecondition)
	_, err = s.CancelRun(ctx, &environmentv1.CancelRunRequest{Id: "none"})
	require.ErrorIs(t, err, errs.ErrNotFound)
}

func TestAWaitingRunIsPausedAtOnce(t *testing.T) {
	fakes := newFakes()
	fakes.setHook(func(call, _ string) error {
		if call == "Act" {
			return fmt.Errorf("away: %w", errs.ErrUnavailable)
		}
		return nil
	})
	s := begin(t, Config{Retry: time.Hour}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	s.until(id, waiting)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp, err := s.PauseRun(ctx, &environmentv1.PauseRunRequest{Id: id})
	require.NoError(t, err)
	require.Equal(t, paused, resp.GetRun().GetState())
}

func TestAtMostSoManyRunsGoOnAtOnce(t *testing.T) {
	fakes := newFakes()
	g := &gate{call: "Act", pass: make(chan struct{})}
	fakes.setHook(g.hook)
	s := begin(t, Config{Parallel: 2}, fakes.clients())
	var ids []string
	for i := range 5 {
		ids = append(ids, s.make(configOf(fmt.Sprint("p", i), "ar")).GetId())
	}
	require.Eventually(t, func() bool { return g.waiting.Load() == 2 }, time.Minute, time.Millisecond)
	n := 0
	for _, id := range ids {
		if s.until(id, queued, running).GetState() == queued {
			n++
		}
	}
	require.Equal(t, 3, n)
	close(g.pass)
	for _, id := range ids {
		s.until(id, finished)
	}
	require.LessOrEqual(t, g.waiting.Load(), int32(5*3*fakeStepsPerDay))
}

func TestForks(t *testing.T) {
	s := begin(t, Config{}, newFakes().clients())
	ctx := t.Context()
	id := s.make(configOf("ann", "proper")).GetId()
	s.until(id, finished)
	req := &environmentv1.ForkRunRequest{Id: id, AtStep: 130, RequestId: "f"}
	same, err := s.ForkRun(ctx, req)
	require.NoError(t, err)
	again, err := s.ForkRun(ctx, req)
	require.NoError(t, err)
	require.Equal(t, same.GetRun().GetId(), again.GetRun().GetId())
	require.Equal(t, id, same.GetRun().GetForkedFrom())
	s.until(same.GetRun().GetId(), finished)

	config := configOf("ann", "ars")
	config.Days = 2
	other, err := s.ForkRun(ctx, &environmentv1.ForkRunRequest{Id: id, AtStep: 130, Config: config})
	require.NoError(t, err)
	require.EqualValues(t, 2*fakeStepsPerDay, s.until(other.GetRun().GetId(), finished).GetProgress().GetSteps())
	one, two := s.entries(id), s.entries(other.GetRun().GetId())
	for i := range 131 + 1 { // and one night
		require.True(t, proto.Equal(one[i].GetBody(), two[i].GetBody()))
		require.NotEqual(t, one[i].GetHash(), two[i].GetHash(), "the configuration is part of the chain")
	}

	// What a fork changes is resolved as for a new run: a rate, and no adapter for a
	// method that has no policy.
	rate := configOf("ann", "constant")
	constant, err := s.ForkRun(ctx, &environmentv1.ForkRunRequest{Id: id, AtStep: 130, Config: rate, Labels: map[string]string{"arm": "constant"}})
	require.NoError(t, err)
	require.Equal(t, 1.5, constant.GetRun().GetConfig().GetConstantPerHour())
	require.Equal(t, map[string]string{"arm": "constant"}, constant.GetRun().GetLabels())
	s.until(constant.GetRun().GetId(), finished)
	rate.Method.Name = "silent"
	rate.ConstantPerHour = proto.Float64(2)
	_, err = s.ForkRun(ctx, &environmentv1.ForkRunRequest{Id: id, AtStep: 130, Config: rate})
	require.ErrorIs(t, err, errs.ErrInvalid)

	config.PersonaId = "bob"
	_, err = s.ForkRun(ctx, &environmentv1.ForkRunRequest{Id: id, AtStep: 1, Config: config})
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, err = s.ForkRun(ctx, &environmentv1.ForkRunRequest{Id: id, AtStep: 9999})
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = s.ForkRun(ctx, &environmentv1.ForkRunRequest{Id: "none"})
	require.ErrorIs(t, err, errs.ErrNotFound)
}

func TestWatchersSeeEveryEntryAndTheEnd(t *testing.T) {
	s := begin(t, Config{}, newFakes().clients())
	client := contact(t, s)
	resp, err := client.CreateRun(t.Context(), &environmentv1.CreateRunRequest{Config: configOf("ann", "proper"), Paused: true})
	require.NoError(t, err)
	id := resp.GetRun().GetId()
	progress, err := client.WatchRun(t.Context(), &environmentv1.WatchRunRequest{Id: id, Interval: durationpb.New(time.Hour)})
	require.NoError(t, err)
	entries, err := client.WatchRun(t.Context(), &environmentv1.WatchRunRequest{Id: id, Entries: true, AfterSequence: 10})
	require.NoError(t, err)
	first, err := progress.Recv()
	require.NoError(t, err)
	require.Equal(t, paused, first.GetRun().GetState())
	_, err = client.ResumeRun(t.Context(), &environmentv1.ResumeRunRequest{Id: id})
	require.NoError(t, err)

	sequence, last := int64(10), (*environmentv1.Run)(nil)
	for {
		event, err := entries.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if entry := event.GetEntry(); entry != nil {
			sequence++
			require.Equal(t, sequence, entry.GetSequence())
			require.Equal(t, sequence, event.GetSequence())
		}
		last = event.GetRun()
	}
	require.EqualValues(t, 3*fakeStepsPerDay+2, sequence)
	require.Equal(t, finished, last.GetState())
	require.Equal(t, sequence, last.GetProgress().GetSequence())
	messages := 0
	for {
		event, err := progress.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		messages++
		last = event.GetRun()
	}
	require.Equal(t, finished, last.GetState(), "the end comes at once, whatever the interval")
	require.Less(t, messages, 10)
	_, err = client.GetRun(t.Context(), &environmentv1.GetRunRequest{Id: id})
	require.NoError(t, err)
}

func TestEntriesArePaged(t *testing.T) {
	s := begin(t, Config{}, newFakes().clients())
	client := contact(t, s)
	id := s.make(configOf("ann", "proper")).GetId()
	s.until(id, finished)
	for _, after := range []int64{0, 100} {
		sequence := after
		for token := ""; ; {
			resp, err := client.ListEntries(t.Context(), &environmentv1.ListEntriesRequest{RunId: id, AfterSequence: after, PageSize: 77, PageToken: token})
			require.NoError(t, err)
			for _, entry := range resp.GetEntries() {
				sequence++
				require.Equal(t, sequence, entry.GetSequence())
			}
			if token = resp.GetNextPageToken(); token == "" {
				break
			}
			_, err = client.ListEntries(t.Context(), &environmentv1.ListEntriesRequest{RunId: id, AfterSequence: after + 1, PageToken: token})
			require.ErrorIs(t, err, errs.ErrInvalid, "a token of another request")
		}
		require.EqualValues(t, 3*fakeStepsPerDay+2, sequence)
	}
	step, err := client.GetStep(t.Context(), &environmentv1.GetStepRequest{RunId: id, Step: 200})
	require.NoError(t, err)
	require.EqualValues(t, 200, step.GetEntry().GetBody().GetStep().GetStep())
	_, err = client.GetStep(t.Context(), &environmentv1.GetStepRequest{RunId: id, Step: 288})
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = client.ListEntries(t.Context(), &environmentv1.ListEntriesRequest{RunId: "none"})
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = client.ListRuns(t.Context(), &environmentv1.ListRunsRequest{PageToken: "x"})
	require.ErrorIs(t, err, errs.ErrInvalid)
}

func TestADamagedJournalFailsTheRunThatNeedsIt(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "journal.db")
	fakes := newFakes()
	g := &gate{call: "Recommend", pass: make(chan struct{}, 100)}
	fakes.setHook(g.hook)
	s := begin(t, Config{DSN: dsn}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	for range 20 {
		g.pass <- struct{}{}
	}
	require.Eventually(t, func() bool { return g.waiting.Load() == 21 }, time.Minute, time.Millisecond)
	close(g.pass)
	_, err := s.PauseRun(t.Context(), &environmentv1.PauseRunRequest{Id: id})
	require.NoError(t, err)
	s.end()
	damage(t, dsn)
	fakes.setHook(nil)
	s = begin(t, Config{DSN: dsn}, fakes.clients())
	_, err = s.ResumeRun(t.Context(), &environmentv1.ResumeRunRequest{Id: id})
	require.NoError(t, err)
	run := s.until(id, failing, finished)
	require.Equal(t, failing, run.GetState())
	require.Contains(t, run.GetReason(), "step 30 of run "+id+": hash mismatch")
}

func TestWorlds(t *testing.T) {
	s := begin(t, Config{}, newFakes().clients())
	all, err := s.ListWorlds(t.Context(), &environmentv1.ListWorldsRequest{})
	require.NoError(t, err)
	require.NotEmpty(t, all.GetWorlds())
	var paged []string
	for token := ""; ; {
		page, err := s.ListWorlds(t.Context(), &environmentv1.ListWorldsRequest{PageSize: 1, PageToken: token})
		require.NoError(t, err)
		for _, w := range page.GetWorlds() {
			paged = append(paged, w.GetId())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Len(t, paged, len(all.GetWorlds()))
	home, err := s.GetWorld(t.Context(), &environmentv1.GetWorldRequest{Id: "home"})
	require.NoError(t, err)
	require.NotEmpty(t, home.GetWorld().GetRooms())
	_, err = s.GetWorld(t.Context(), &environmentv1.GetWorldRequest{Id: "moon"})
	require.ErrorIs(t, err, errs.ErrNotFound)
}
