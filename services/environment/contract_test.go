package environment

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

func TestAServiceThatStaysAwayFailsTheRunInAWayThatCanBeResumed(t *testing.T) {
	want := hashes(t, 1, "ar")
	fakes := newFakes()
	fakes.setHook(func(call, _ string) error {
		if call == "Evaluate" {
			return fmt.Errorf("nobody at home: %w", errs.ErrUnavailable)
		}
		return nil
	})
	s := begin(t, Config{GiveUp: 20 * time.Millisecond}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	run := s.until(id, failing, finished)
	require.Equal(t, failing, run.GetState())
	require.Contains(t, run.GetReason(), "user.Evaluate has not succeeded for")
	require.Contains(t, run.GetReason(), "nobody at home")
	fakes.setHook(nil)
	_, err := s.ResumeRun(t.Context(), &environmentv1.ResumeRunRequest{Id: id})
	require.NoError(t, err)
	require.Equal(t, want[id], s.until(id, finished).GetProgress().GetHash())
}

func TestAServiceThatAsksForARetryIsAskedAgainAsLateAsItWants(t *testing.T) {
	want := hashes(t, 1, "ar")
	fakes := newFakes()
	const delay = 50 * time.Millisecond
	var refused atomic.Int64 // nanoseconds
	var early atomic.Bool
	fakes.setHook(func(call, _ string) error {
		if call != "Recommend" {
			return nil
		}
		if at := refused.Load(); at != 0 {
			early.Store(early.Load() || time.Since(time.Unix(0, at)) < delay)
			refused.Store(-1 << 40)
			return nil
		}
		refused.Store(time.Now().UnixNano())
		return errs.RetryAfter(fmt.Errorf("too many requests: %w", errs.ErrExhausted), delay)
	})
	s := begin(t, Config{}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	run := s.until(id, finished, failing)
	require.Equal(t, want[id], run.GetProgress().GetHash(), run.GetReason())
	require.False(t, early.Load())
	require.Equal(t, 1, fakes.counts["assistant.OpenSession"], "it answered: its session is as it was")
}

func TestASpentBudgetPausesTheRun(t *testing.T) {
	fakes := newFakes()
	fakes.setHook(func(call, _ string) error {
		if call == "Recommend" {
			return fmt.Errorf("10 USD of 10 are spent: %w", errs.ErrBudgetSpent)
		}
		return nil
	})
	s := begin(t, Config{}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	run := s.until(id, paused, failing, finished)
	require.Equal(t, paused, run.GetState())
	require.Contains(t, run.GetReason(), "10 USD of 10 are spent")
}

// slow is an assistant that answers its first request late.
type slow struct {
	assistantv1.AssistantServiceClient
	late *atomic.Bool
}

func (s slow) Recommend(ctx context.Context, req *assistantv1.RecommendRequest, opts ...grpc.CallOption) (*assistantv1.RecommendResponse, error) {
	if s.late.CompareAndSwap(false, true) {
		<-ctx.Done()
		return nil, errs.FromContext(ctx)
	}
	return s.AssistantServiceClient.Recommend(ctx, req, opts...)
}

func TestACallOfTheAssistantHasATimeout(t *testing.T) {
	want := hashes(t, 1, "ar")
	clients := newFakes().clients()
	clients.Assistants = slow{clients.Assistants, &atomic.Bool{}}
	s := begin(t, Config{AssistantTimeout: 50 * time.Millisecond}, clients)
	id := s.make(configOf("ann", "ar")).GetId()
	run := s.until(id, finished, failing)
	require.Equal(t, want[id], run.GetProgress().GetHash(), run.GetReason())
}

// dumb is an assistant whose first opening of a session gets no answer.
type dumb struct {
	assistantv1.AssistantServiceClient
	late *atomic.Bool
}

func (d dumb) OpenSession(ctx context.Context, opts ...grpc.CallOption) (grpc.ClientStreamingClient[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse], error) {
	if !d.late.CompareAndSwap(false, true) {
		return d.AssistantServiceClient.OpenSession(ctx, opts...)
	}
	return &upload[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]{
		send: func(*assistantv1.OpenSessionRequest) error { return nil },
		close: func() (*assistantv1.OpenSessionResponse, error) {
			<-ctx.Done()
			return nil, errs.FromContext(ctx)
		},
	}, nil
}

// TestAnOpeningInWhichNothingMovesHasATimeout: the run waits, says what for, and
// continues once the assistant answers.
func TestAnOpeningInWhichNothingMovesHasATimeout(t *testing.T) {
	want := hashes(t, 1, "ar")
	clients := newFakes().clients()
	clients.Assistants = dumb{clients.Assistants, &atomic.Bool{}}
	s := begin(t, Config{AssistantTimeout: 50 * time.Millisecond}, clients)
	id := s.make(configOf("ann", "ar")).GetId()
	run := s.until(id, finished, failing)
	require.Equal(t, want[id], run.GetProgress().GetHash(), run.GetReason())
	require.True(t, clients.Assistants.(dumb).late.Load())
}

// TestAServiceThatNeverOpensASessionFailsTheRun: after give_up, with the cause.
func TestAServiceThatNeverOpensASessionFailsTheRun(t *testing.T) {
	clients := newFakes().clients()
	clients.Assistants = mute{clients.Assistants}
	s := begin(t, Config{AssistantTimeout: 20 * time.Millisecond, GiveUp: 100 * time.Millisecond}, clients)
	run := s.until(s.make(configOf("ann", "ar")).GetId(), finished, failing)
	require.Equal(t, failing, run.GetState())
	require.Contains(t, run.GetReason(), "the session was not opened: nothing moved for 20ms")
}

// mute never answers an opening of a session.
type mute struct {
	assistantv1.AssistantServiceClient
}

func (m mute) OpenSession(ctx context.Context, opts ...grpc.CallOption) (grpc.ClientStreamingClient[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse], error) {
	return dumb{m.AssistantServiceClient, &atomic.Bool{}}.OpenSession(ctx, opts...)
}

// twisted is a user whose answers are changed before they are read.
type twisted struct {
	userv1.UserAgentServiceClient
	act      func(*userv1.ActResponse)
	evaluate func(*userv1.EvaluateResponse)
}

func (u twisted) Act(ctx context.Context, req *userv1.ActRequest, opts ...grpc.CallOption) (*userv1.ActResponse, error) {
	resp, err := u.UserAgentServiceClient.Act(ctx, req, opts...)
	if err == nil && u.act != nil && !resp.GetAction().GetAsleep() {
		u.act(resp)
	}
	return resp, err
}

func (u twisted) Evaluate(ctx context.Context, req *userv1.EvaluateRequest, opts ...grpc.CallOption) (*userv1.EvaluateResponse, error) {
	resp, err := u.UserAgentServiceClient.Evaluate(ctx, req, opts...)
	if err == nil && u.evaluate != nil {
		u.evaluate(resp)
	}
	return resp, err
}

func TestAnAnswerThatBreaksTheContractFailsTheRunAndIsNamed(t *testing.T) {
	call := func(id string) []*simv1.ModelCall { return []*simv1.ModelCall{{Id: id, Role: simv1.Role_ROLE_JUDGE}} }
	for name, c := range map[string]struct {
		user twisted
		says string
	}{
		"a call id twice": {twisted{act: func(r *userv1.ActResponse) { r.Calls = call("x") }, evaluate: func(r *userv1.EvaluateResponse) { r.Calls = call("x") }},
			`call id "x" is empty or was used twice`},
		"a timing of no call": {twisted{act: func(r *userv1.ActResponse) { r.Timings = []*simv1.CallTiming{{CallId: "y"}} }}, `a timing names call "y"`},
		"a note of another role": {twisted{act: func(r *userv1.ActResponse) {
			r.Notes = []*simv1.Note{{Role: simv1.Role_ROLE_SUMMARIZER, Key: "k"}}
		}}, "the user returned a note of role ROLE_SUMMARIZER"},
		"a note that is too long": {twisted{act: func(r *userv1.ActResponse) {
			r.Notes = []*simv1.Note{{Role: simv1.Role_ROLE_PLANNER, Key: "k", Content: make([]byte, 256<<10+1)}}
		}}, "262145 bytes"},
		"too many notes": {twisted{act: func(r *userv1.ActResponse) {
			for range 9 {
				r.Notes = append(r.Notes, &simv1.Note{Role: simv1.Role_ROLE_PLANNER, Key: "k", Content: make([]byte, 256<<10)})
			}
		}}, "want at most 2097152"},
		"no observation":         {twisted{act: func(r *userv1.ActResponse) { r.Observation = nil }}, "the observation has no kind"},
		"a total that is no sum": {twisted{evaluate: func(r *userv1.EvaluateResponse) { *r.Evaluations[0].Total = 9 }}, "a total of 9"},
		"an evaluation too few":  {twisted{evaluate: func(r *userv1.EvaluateResponse) { r.Evaluations = r.Evaluations[:1] }}, "1 evaluations of 2 candidates"},
	} {
		t.Run(name, func(t *testing.T) {
			clients := newFakes().clients()
			c.user.UserAgentServiceClient = clients.Users
			clients.Users = c.user
			s := begin(t, Config{}, clients)
			run := s.until(s.make(configOf("ann", "ar")).GetId(), failing, finished)
			require.Equal(t, failing, run.GetState())
			require.Contains(t, run.GetReason(), c.says)
			require.EqualValues(t, 28, run.GetProgress().GetSteps(), "the step has not happened")
		})
	}
}

// speaker is an assistant whose candidates are changed before they are read.
type speaker struct {
	assistantv1.AssistantServiceClient
	change func(*simv1.Recommendation)
}

func (s speaker) Recommend(ctx context.Context, req *assistantv1.RecommendRequest, opts ...grpc.CallOption) (*assistantv1.RecommendResponse, error) {
	resp, err := s.AssistantServiceClient.Recommend(ctx, req, opts...)
	if err == nil {
		said := &simv1.Recommendation{Text: "Tea?", Topic: "tea", Tone: "warm"}
		s.change(said)
		resp.Candidates[0] = &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: said}}
	}
	return resp, err
}

func TestWhatAnAssistantSaysHasNoHiddenCharacters(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*simv1.Recommendation)
		says   string
	}{
		"NUL":      {func(r *simv1.Recommendation) { r.Text += "\x00" }, "candidate 0: text: found the control character U+0000 at byte 4"},
		"escape":   {func(r *simv1.Recommendation) { r.Text = "\x1b[2J" }, "candidate 0: text: found the control character U+001B"},
		"override": {func(r *simv1.Recommendation) { r.Text += "\u202e" }, "candidate 0: text: found the bidirectional control U+202E"},
		"topic":    {func(r *simv1.Recommendation) { r.Topic += "\n" }, "candidate 0: topic: found the line break or tab U+000A"},
		"tone":     {func(r *simv1.Recommendation) { r.Tone += "\u2066" }, "candidate 0: tone: found the bidirectional control U+2066"},
	} {
		t.Run(name, func(t *testing.T) {
			clients := newFakes().clients()
			clients.Assistants = speaker{clients.Assistants, c.change}
			s := begin(t, Config{}, clients)
			run := s.until(s.make(configOf("ann", "ar")).GetId(), failing, finished)
			require.Equal(t, failing, run.GetState())
			require.Contains(t, run.GetReason(), c.says)
		})
	}
}

// TestAReplacementCharacterIsText: an assistant may say U+FFFD, which is valid
// UTF-8.
func TestAReplacementCharacterIsText(t *testing.T) {
	clients := newFakes().clients()
	clients.Assistants = speaker{clients.Assistants, func(r *simv1.Recommendation) {
		r.Text, r.Topic, r.Tone = "The caf\ufffd is open.", "caf\ufffd", "\ufffd"
	}}
	s := begin(t, Config{}, clients)
	run := s.until(s.make(configOf("ann", "ar")).GetId(), failing, finished)
	require.Equal(t, finished, run.GetState(), run.GetReason())
}

func TestNamesOfARunHaveNoHiddenCharacters(t *testing.T) {
	s := begin(t, Config{}, newFakes().clients())
	id := s.make(configOf("ann", "ar")).GetId()
	s.until(id, finished)
	model := configOf("ann", "ar")
	model.Backends = &simv1.Backends{Embedder: &simv1.Backend{Driver: "model", Model: "m\x1b[31m"}}
	for name, c := range map[string]struct {
		request *environmentv1.CreateRunRequest
		field   string
	}{
		"a request id": {&environmentv1.CreateRunRequest{Config: configOf("ann", "ar"), RequestId: "a\x00"}, "request_id"},
		"a label":      {&environmentv1.CreateRunRequest{Config: configOf("ann", "ar"), Labels: map[string]string{"a": "b\u202e"}}, "labels.a"},
		"a label name": {&environmentv1.CreateRunRequest{Config: configOf("ann", "ar"), Labels: map[string]string{"a\n": "b"}}, "labels"},
		"a model":      {&environmentv1.CreateRunRequest{Config: model}, "config.backends.embedder.model"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.CreateRun(t.Context(), c.request)
			var faults errs.Violations
			require.ErrorAs(t, err, &faults)
			require.Equal(t, c.field, faults[0].Field)
			if c.request.GetConfig() == model {
				return // a fork keeps the backends
			}
			_, err = s.ForkRun(t.Context(), &environmentv1.ForkRunRequest{Id: id, AtStep: 1, RequestId: c.request.GetRequestId(), Labels: c.request.GetLabels()})
			require.ErrorAs(t, err, &faults)
			require.Equal(t, c.field, faults[0].Field)
		})
	}
	runs, err := s.ListRuns(t.Context(), &environmentv1.ListRunsRequest{})
	require.NoError(t, err)
	require.Len(t, runs.GetRuns(), 1, "nothing was recorded")
}

func TestCancellingARunCancelsItsTrainingJob(t *testing.T) {
	fakes := newFakes()
	watching := make(chan struct{}, 10)
	fakes.setHook(func(call, _ string) error {
		if call == "WatchJob" {
			watching <- struct{}{}
			return fmt.Errorf("still training: %w", errs.ErrUnavailable)
		}
		return nil
	})
	fakes.unfinished = true
	s := begin(t, Config{Retry: time.Hour}, fakes.clients())
	id := s.make(configOf("ann", "proper")).GetId()
	<-watching
	fakes.setHook(func(call, _ string) error {
		if call == "ListJobs" {
			return fmt.Errorf("nobody at home: %w", errs.ErrUnavailable)
		}
		return nil
	})
	_, err := s.CancelRun(t.Context(), &environmentv1.CancelRunRequest{Id: id})
	require.ErrorIs(t, err, errs.ErrUnavailable)
	require.ErrorContains(t, err, "is cancelled, but its training job may not be")
	require.Equal(t, cancelled, s.until(id, cancelled).GetState())
	fakes.setHook(nil)
	_, err = s.CancelRun(t.Context(), &environmentv1.CancelRunRequest{Id: id})
	require.NoError(t, err)
	require.Len(t, fakes.jobsOf[id], 1)
	require.Equal(t, trainerv1.JobState_JOB_STATE_CANCELLED, fakes.jobs[fakes.jobsOf[id][0]].GetState())
}

func TestRunsAreListedByLabelsAndStates(t *testing.T) {
	s := begin(t, Config{}, newFakes().clients())
	client := contact(t, s)
	create := func(persona, arm string, hold bool) string {
		resp, err := client.CreateRun(t.Context(), &environmentv1.CreateRunRequest{Config: configOf(persona, "ar"), Paused: hold, Labels: map[string]string{"arm": arm, "experiment": "e"}})
		require.NoError(t, err)
		return resp.GetRun().GetId()
	}
	one, two, three := create("ann", "a", true), create("bob", "b", true), create("cid", "a", false)
	s.until(three, finished)
	list := func(req *environmentv1.ListRunsRequest) (ids []string) {
		req.PageSize = 1
		for {
			resp, err := client.ListRuns(t.Context(), req)
			require.NoError(t, err)
			for _, run := range resp.GetRuns() {
				ids = append(ids, run.GetId())
			}
			if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
				return ids
			}
		}
	}
	require.Equal(t, []string{one, two, three}, list(&environmentv1.ListRunsRequest{}))
	require.Equal(t, []string{one, three}, list(&environmentv1.ListRunsRequest{Labels: map[string]string{"arm": "a", "experiment": "e"}}))
	require.Equal(t, []string{one}, list(&environmentv1.ListRunsRequest{Labels: map[string]string{"arm": "a"}, States: []environmentv1.RunState{paused, failing}}))
	require.Empty(t, list(&environmentv1.ListRunsRequest{Labels: map[string]string{"arm": ""}}))
	resp, err := client.ListRuns(t.Context(), &environmentv1.ListRunsRequest{PageSize: 1})
	require.NoError(t, err)
	_, err = client.ListRuns(t.Context(), &environmentv1.ListRunsRequest{PageToken: resp.GetNextPageToken(), Labels: map[string]string{"arm": "a"}})
	require.ErrorIs(t, err, errs.ErrInvalid, "a token of another filter")
}

func TestARepeatedRequestNeedsNoOtherService(t *testing.T) {
	fakes := newFakes()
	dsn := filepath.Join(t.TempDir(), "journal.db")
	s := begin(t, Config{DSN: dsn}, fakes.clients())
	req := &environmentv1.CreateRunRequest{Config: configOf("ann", "ar"), RequestId: "once"}
	first, err := s.CreateRun(t.Context(), req)
	require.NoError(t, err)
	fork := &environmentv1.ForkRunRequest{Id: first.GetRun().GetId(), AtStep: 3, RequestId: "fork"}
	s.until(first.GetRun().GetId(), finished)
	forked, err := s.ForkRun(t.Context(), fork)
	require.NoError(t, err)
	s.end()

	s = begin(t, Config{DSN: dsn}, fakes.clients())
	fakes.setHook(func(call, _ string) error {
		if call == "GetPersona" {
			return fmt.Errorf("nobody at home: %w", errs.ErrUnavailable)
		}
		return nil
	})
	second, err := s.CreateRun(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, first.GetRun().GetId(), second.GetRun().GetId())
	again, err := s.ForkRun(t.Context(), fork)
	require.NoError(t, err)
	require.Equal(t, forked.GetRun().GetId(), again.GetRun().GetId())
	require.Equal(t, first.GetRun().GetLabels(), again.GetRun().GetLabels())
	fork.AtStep++
	_, err = s.ForkRun(t.Context(), fork)
	require.ErrorIs(t, err, errs.ErrExists)
	fork.RequestId = "once"
	_, err = s.ForkRun(t.Context(), fork)
	require.ErrorIs(t, err, errs.ErrExists, "another kind of request")
}
