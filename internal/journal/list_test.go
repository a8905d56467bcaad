package journal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	"github.com/propersim/propersim/pkg/store/storetest"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestRunsAreListedByLabelStateAndPosition(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "journal") {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j := opened(t, dsn)
			const queued, paused, running = environmentv1.RunState_RUN_STATE_QUEUED, environmentv1.RunState_RUN_STATE_PAUSED, environmentv1.RunState_RUN_STATE_RUNNING
			var ids []string
			for i := range 9 {
				n := newRun(fmt.Sprint("p", i))
				n.Run.Labels = map[string]string{"parity": fmt.Sprint(i % 2), "x": "y"}
				if i%3 == 0 {
					n.Run.State = paused
				}
				ids = append(ids, create(t, j, n))
			}
			require.NoError(t, j.SetState(ctx, acquire(t, j, ids[1]), running, "", nil))
			list := func(f Filter, after int64, limit int) (out []string, last int64) {
				listed, err := j.List(ctx, f, after, limit)
				require.NoError(t, err)
				for _, one := range listed {
					out, last = append(out, one.Run.GetId()), one.Position
					require.Equal(t, "y", one.Run.GetLabels()["x"])
				}
				return out, last
			}
			odd := Filter{Labels: map[string]string{"parity": "1", "x": "y"}}
			all, _ := list(odd, 0, 0)
			require.Equal(t, []string{ids[1], ids[3], ids[5], ids[7]}, all)
			page, last := list(odd, 0, 3)
			require.Equal(t, all[:3], page)
			page, last = list(odd, last, 3)
			require.Equal(t, all[3:], page)
			page, _ = list(odd, last, 3)
			require.Empty(t, page)
			page, _ = list(Filter{Labels: map[string]string{"parity": "1", "x": "z"}}, 0, 0)
			require.Empty(t, page)
			page, _ = list(Filter{States: []environmentv1.RunState{paused}}, 0, 0)
			require.Equal(t, []string{ids[0], ids[3], ids[6]}, page)
			page, _ = list(Filter{States: []environmentv1.RunState{running}, Labels: odd.Labels}, 0, 0)
			require.Equal(t, []string{ids[1]}, page)
			page, _ = list(Filter{States: []environmentv1.RunState{queued, running}, Labels: odd.Labels}, positionOf(t, j, ids[1]), 0)
			require.Equal(t, []string{ids[5], ids[7]}, page)
		})
	}
}

func positionOf(t *testing.T, j *Journal, id string) int64 {
	number, err := j.number(t.Context(), id)
	require.NoError(t, err)
	return number
}

func TestWhatARunIsComesBack(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "journal") {
		t.Run(name, func(t *testing.T) {
			j := opened(t, dsn)
			n := newRun("ann")
			n.Run.Config.Backends = &simv1.Backends{Judge: &simv1.Backend{Driver: "exact", Options: map[string]string{"b": "2", "a": "1"}}}
			run, err := j.Run(t.Context(), create(t, j, n))
			require.NoError(t, err)
			require.True(t, proto.Equal(n.Run.GetConfig(), run.GetConfig()))
			require.Equal(t, n.Run.GetLabels(), run.GetLabels())
			require.True(t, n.Run.GetCreateTime().AsTime().Equal(run.GetCreateTime().AsTime()))
			require.Regexp(t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, run.GetHandle())
			require.NotContains(t, run.GetHandle(), "ann")

			// Backends and method are part of the identity, labels and handle are not.
			first, err := j.Verify(t.Context(), run.GetId())
			require.NoError(t, err)
			hashOf := func(change func(*environmentv1.Run)) string {
				other := newRun("ann")
				other.Run.Config = proto.CloneOf(n.Run.GetConfig())
				change(other.Run)
				state, err := j.Verify(t.Context(), create(t, j, other))
				require.NoError(t, err)
				return state.Snapshot().GetHash()
			}
			require.Equal(t, first.Snapshot().GetHash(), hashOf(func(r *environmentv1.Run) { r.Labels = nil }))
			require.NotEqual(t, first.Snapshot().GetHash(), hashOf(func(r *environmentv1.Run) { r.Config.Method.Trains = true }))
			require.NotEqual(t, first.Snapshot().GetHash(), hashOf(func(r *environmentv1.Run) { r.Config.Backends.Judge.Options["a"] = "3" }))
		})
	}
}

func TestARequestIDMeansOneRequest(t *testing.T) {
	j := opened(t, ":memory:")
	n := newRun("ann")
	n.RequestID, n.Request = "r", &environmentv1.CreateRunRequest{Labels: map[string]string{"a": "b", "c": "d"}}
	id := create(t, j, n)
	for range 3 {
		n.Request = &environmentv1.CreateRunRequest{Labels: map[string]string{"c": "d", "a": "b"}}
		run, created, err := j.Create(t.Context(), n)
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, id, run.GetId())
	}
	for _, other := range []proto.Message{&environmentv1.CreateRunRequest{}, &environmentv1.ForkRunRequest{Labels: map[string]string{"a": "b", "c": "d"}}} {
		n.Request = other
		_, _, err := j.Create(t.Context(), n)
		require.ErrorIs(t, err, errs.ErrExists)
		require.ErrorContains(t, err, id)
	}
}

func TestTimingsAndPromptsAreKeptBesideTheChain(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "journal") {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j := opened(t, dsn)
			id := create(t, j, newRun("ann"))
			chain, err := j.Continue(ctx, acquire(t, j, id), everything)
			require.NoError(t, err)
			defer chain.Close()
			shared := []byte(strings.Repeat("You live at home. ", 400))
			const entries, calls = 40, 60 // more than one chunk
			for n := range int32(entries) {
				beside := Beside{Prompts: [][]byte{shared, fmt.Appendf(nil, "What now, at step %d?", n)}}
				for i := range calls {
					beside.Timings = append(beside.Timings, &simv1.CallTiming{CallId: fmt.Sprint("judge/", i), Endpoint: "local"})
				}
				require.NoError(t, chain.AppendLater(step(n), beside))
			}
			require.NoError(t, chain.Flush())
			at := 0
			for timing, err := range j.Timings(ctx, id, 5) {
				require.NoError(t, err)
				require.EqualValues(t, 6+at/calls, timing.Sequence)
				require.Equal(t, fmt.Sprint("judge/", at%calls), timing.GetCallId())
				require.Equal(t, "local", timing.GetEndpoint())
				at++
			}
			require.Equal(t, (entries-5)*calls, at)

			for _, want := range [][]byte{shared, []byte("What now, at step 39?")} {
				got, err := j.Prompt(ctx, Digest(want))
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			_, err = j.Prompt(ctx, Digest([]byte("never asked")))
			require.ErrorIs(t, err, errs.ErrNotFound)
			var stored, size int
			require.NoError(t, j.db.QueryRowContext(ctx, "SELECT count(*), max(length(text)) FROM prompts").Scan(&stored, &size))
			require.Equal(t, entries+1, stored)
			require.Less(t, size, len(shared)/10)

			n := newRun("ann")
			n.Run.ForkedFrom, n.Run.ForkedAtStep = id, 9
			fork, at := create(t, j, n), 0
			for _, err := range j.Timings(ctx, fork, 0) {
				require.NoError(t, err)
				at++
			}
			require.Equal(t, 10*calls, at)
		})
	}
}

func TestLargeEntriesAreRefusedOrRead(t *testing.T) {
	ctx := t.Context()
	j := opened(t, t.TempDir()+"/journal.db")
	id := create(t, j, newRun("ann"))
	chain, err := j.Continue(ctx, acquire(t, j, id), everything)
	require.NoError(t, err)
	defer chain.Close()
	sized := func(number int32, size int) *environmentv1.EntryBody {
		body := step(number)
		body.GetStep().UserNotes = []*simv1.Note{{Role: simv1.Role_ROLE_PLANNER, Key: "day/1"}}
		// Growing the note grows the lengths around it too.
		for n := proto.Size(body); n != size; n = proto.Size(body) {
			note := body.GetStep().GetUserNotes()[0]
			note.Content = bytes.Repeat([]byte{7}, len(note.GetContent())+size-n)
		}
		return body
	}
	_, err = chain.Append(sized(0, MaxEntry+1), Beside{})
	require.ErrorIs(t, err, errs.ErrExhausted)
	require.ErrorContains(t, err, "entry 1 has 33554433 bytes, want at most 33554432")
	for n := range int32(3) {
		require.NoError(t, chain.AppendLater(sized(n, MaxEntry), Beside{}))
	}
	for n := int32(3); n < 40; n++ {
		require.NoError(t, chain.AppendLater(step(n), Beside{}))
	}
	require.NoError(t, chain.Flush())
	state, err := j.Verify(ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 40, state.Progress.GetSteps())
	entry, err := j.Step(ctx, id, 2)
	require.NoError(t, err)
	require.Equal(t, MaxEntry, proto.Size(entry.GetBody()))
}

func TestFailuresAndCallsAreCounted(t *testing.T) {
	failure := &simv1.Candidate{Choice: &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: "malformed"}}}
	said := &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "x"}}}
	call := &simv1.ModelCall{PromptTokens: 100, CompletionTokens: 7}
	s := NewState(newRun("ann").Run.GetConfig())
	awake := &simv1.Action{Kind: "reading"}
	for _, one := range []*environmentv1.Step{
		{Step: 0, Action: &simv1.Action{Kind: "sleep", Asleep: true}, Calls: []*simv1.ModelCall{call}},
		{Step: 1, Action: awake, Candidates: []*simv1.Candidate{failure, said}, Evaluations: []*simv1.Evaluation{{}, {Total: proto.Int32(3)}}, Calls: []*simv1.ModelCall{call, call}},
		{Step: 2, Action: awake, Candidates: []*simv1.Candidate{said, failure}, Evaluations: []*simv1.Evaluation{{Total: proto.Int32(4)}, {}}},
		{Step: 3, Action: awake, Candidates: []*simv1.Candidate{failure, failure}, Evaluations: []*simv1.Evaluation{{Total: proto.Int32(4)}, {}}},
	} {
		s.Apply(&environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: one}})
	}
	p := s.Snapshot()
	require.EqualValues(t, 4, p.GetFailures())
	require.EqualValues(t, 3, p.GetCalls())
	require.EqualValues(t, 300, p.GetPromptTokens())
	require.EqualValues(t, 21, p.GetCompletionTokens())
	require.EqualValues(t, 1, p.GetRecommendations(), "a failure is no recommendation")
	require.EqualValues(t, 1, p.GetJudgedSteps(), "and has no score")
	require.EqualValues(t, 2, p.GetUnjudgedSteps())
	require.EqualValues(t, 4, p.GetScoreSum())
}

func TestAnotherFormatIsRefused(t *testing.T) {
	for name, prepare := range map[string]string{
		"older": "CREATE TABLE runs (number BIGINT PRIMARY KEY, id TEXT NOT NULL, created_unix_ms BIGINT NOT NULL)",
		"newer": "CREATE TABLE journal_format (format BIGINT NOT NULL); INSERT INTO journal_format VALUES (999)",
	} {
		for kind, dsn := range storetest.Databases(t, "journal") {
			if kind == "memory" {
				continue // ends with its connection
			}
			t.Run(name+" "+kind, func(t *testing.T) {
				db, err := store.Open(t.Context(), dsn, nil)
				require.NoError(t, err)
				_, err = db.ExecContext(t.Context(), prepare)
				require.NoError(t, err)
				require.NoError(t, db.Close())
				_, err = New(t.Context(), dsn)
				require.ErrorIs(t, err, errs.ErrPrecondition)
				require.ErrorContains(t, err, "this program reads format 3")
				_, err = OpenReader(t.Context(), dsn)
				require.ErrorIs(t, err, errs.ErrPrecondition)
				db, err = store.Open(t.Context(), dsn, nil)
				require.NoError(t, err)
				defer db.Close()
				made, err := hasTable(t.Context(), db, "entries")
				require.NoError(t, err)
				require.False(t, made, "a refused database stays as it was")
			})
		}
	}
}
