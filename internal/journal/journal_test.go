package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store/storetest"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func opened(t *testing.T, dsn string) *Journal {
	t.Helper()
	j, err := New(context.Background(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

func newRun(persona string) NewRun {
	return NewRun{
		Run: &environmentv1.Run{
			Config:  &environmentv1.RunConfig{PersonaId: persona, Method: &simv1.Method{Name: "ar"}, Seed: 1, Days: 4, StepSeconds: 3600},
			Persona: &simv1.Persona{Id: persona}, State: environmentv1.RunState_RUN_STATE_QUEUED, Version: "test", CreateTime: timestamppb.New(time.Unix(5, 6)), Labels: map[string]string{"experiment": "e1", "person": persona},
		},
		World: &simv1.World{Id: "home"},
	}
}

func create(t *testing.T, j *Journal, n NewRun) string {
	t.Helper()
	run, created, err := j.Create(context.Background(), n)
	require.NoError(t, err)
	require.True(t, created)
	return run.GetId()
}

func everything(*environmentv1.Entry) error { return nil }

// step is the body of a step of 24 a day; asleep before 7.
func step(number int32) *environmentv1.EntryBody {
	s := &environmentv1.Step{Step: number, Day: number/24 + 1, SecondOfDay: number % 24 * 3600, Action: &simv1.Action{Kind: "reading", Description: fmt.Sprint("page ", number)}}
	if number%24 < 7 {
		s.Action = &simv1.Action{Kind: "sleep", Asleep: true}
	} else {
		s.Candidates = []*simv1.Candidate{{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "x"}}}}
		s.Evaluations = []*simv1.Evaluation{{Total: proto.Int32(number % 5)}}
	}
	return &environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: s}}
}

func night(day int32) *environmentv1.EntryBody {
	return &environmentv1.EntryBody{Event: &environmentv1.EntryBody_Night{Night: &environmentv1.Night{Day: day, Adapter: fmt.Sprint("adapter ", day)}}}
}

// acquire takes the lease of a run for the one holder of the tests.
func acquire(t testing.TB, j *Journal, id string) *Lease {
	t.Helper()
	lease, err := j.Acquire(context.Background(), id, "test", LeaseTTL)
	require.NoError(t, err)
	return lease
}

// live appends steps [from, to) with a night after each day.
func live(t *testing.T, j *Journal, id string, from, to int32) *Chain {
	t.Helper()
	lease := acquire(t, j, id)
	chain, err := j.Continue(context.Background(), lease, everything)
	require.NoError(t, err)
	defer chain.Close()
	for n := from; n < to; n++ {
		require.NoError(t, chain.AppendLater(step(n), Beside{}))
		if n%24 == 23 {
			require.NoError(t, chain.AppendLater(night(n/24+1), Beside{}))
		}
	}
	require.NoError(t, chain.Flush())
	return chain
}

func TestWhatIsAppendedIsReadAgain(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "journal") {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j := opened(t, dsn)
			id := create(t, j, newRun("ann"))
			state := live(t, j, id, 0, 50).State
			require.EqualValues(t, 52, state.Progress.GetSequence())

			n := int64(0)
			for entry, err := range j.Entries(ctx, id, 0) {
				require.NoError(t, err)
				n++
				require.Equal(t, n, entry.GetSequence())
			}
			require.EqualValues(t, 52, n)
			for entry, err := range j.Entries(ctx, id, 40) {
				require.NoError(t, err)
				require.EqualValues(t, 41, entry.GetSequence())
				break
			}
			for _, number := range []int32{0, 23, 24, 49} {
				entry, err := j.Step(ctx, id, number)
				require.NoError(t, err)
				require.Equal(t, number, entry.GetBody().GetStep().GetStep())
			}
			_, err := j.Step(ctx, id, 50)
			require.ErrorIs(t, err, errs.ErrNotFound)

			verified, err := j.Verify(ctx, id)
			require.NoError(t, err)
			run, err := j.Run(ctx, id)
			require.NoError(t, err)
			require.True(t, proto.Equal(state.Snapshot(), verified.Snapshot()))
			require.True(t, proto.Equal(state.Snapshot(), run.GetProgress()), "%v\n%v", state.Snapshot(), run.GetProgress())
			require.EqualValues(t, 50, run.GetProgress().GetSteps())
			require.EqualValues(t, 3, run.GetProgress().GetDay())
			require.EqualValues(t, 7200, run.GetProgress().GetSecondOfDay())
			require.Equal(t, "adapter 2", verified.Adapter)
			require.EqualValues(t, 2, verified.LastNight)
			require.EqualValues(t, 47, verified.LastWaking)

			// A checkpoint changes nothing but the work of reading.
			require.NoError(t, j.Checkpoint(ctx, acquire(t, j, id), run.GetProgress()))
			live(t, j, id, 50, 60)
			later, err := j.Run(ctx, id)
			require.NoError(t, err)
			verified, err = j.Verify(ctx, id)
			require.NoError(t, err)
			require.True(t, proto.Equal(verified.Snapshot(), later.GetProgress()))

			_, err = j.Run(ctx, "nobody")
			require.ErrorIs(t, err, errs.ErrNotFound)
			_, err = j.Verify(ctx, "nobody")
			require.ErrorIs(t, err, errs.ErrNotFound)
			world, err := j.World(ctx, id)
			require.NoError(t, err)
			require.Equal(t, "home", world.GetId())
		})
	}
}

func TestManyRunsCommitTogether(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "journal") {
		t.Run(name, func(t *testing.T) {
			j := opened(t, dsn)
			var wg sync.WaitGroup
			ids := make([]string, 16)
			for i := range ids {
				ids[i] = create(t, j, newRun(fmt.Sprint("p", i)))
			}
			for _, id := range ids {
				wg.Go(func() {
					lease, err := j.Acquire(context.Background(), id, "test", LeaseTTL)
					if err != nil {
						t.Error(err)
						return
					}
					chain, err := j.Continue(context.Background(), lease, everything)
					if err != nil {
						t.Error(err)
						return
					}
					defer chain.Close()
					for n := range int32(48) {
						outcome, err := chain.Append(step(n), Beside{Timings: []*simv1.CallTiming{{CallId: "assistant/0", Latency: durationpb.New(time.Duration(n))}}})
						if err = errors.Join(err, <-outcome); err != nil {
							t.Error(err)
							return
						}
						// An acknowledged entry is there.
						if n%16 == 0 {
							if _, err := j.Step(context.Background(), id, n); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wg.Wait()
			for _, id := range ids {
				state, err := j.Verify(t.Context(), id)
				require.NoError(t, err)
				require.EqualValues(t, 48, state.Progress.GetSteps())
				n := int64(0)
				for timing, err := range j.Timings(t.Context(), id, 0) {
					require.NoError(t, err)
					require.EqualValues(t, n, timing.GetLatency().AsDuration())
					n++
					require.Equal(t, n, timing.Sequence)
				}
				require.EqualValues(t, 48, n)
			}
		})
	}
}

func TestAClosedJournalTakesNothing(t *testing.T) {
	j, err := New(t.Context(), ":memory:")
	require.NoError(t, err)
	id := create(t, j, newRun("ann"))
	chain, err := j.Continue(t.Context(), acquire(t, j, id), everything)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	require.ErrorIs(t, chain.AppendLater(step(0), Beside{}), errs.ErrCanceled)
}

func TestEveryKindOfDamageIsFoundAndNamed(t *testing.T) {
	damages := map[string]struct{ statement, want string }{
		"a byte of a body": {"UPDATE entries SET body = substr(body, 1, 20) || x'00' || substr(body, 22) WHERE step = 31 AND night = 0", "step 31 of run "},
		"a hash":           {"UPDATE entries SET hash = zeroblob(32) WHERE step = 31 AND night = 0", "step 31 of run "},
		"a night":          {"UPDATE entries SET body = substr(body, 1, 5) || x'00' || substr(body, 7) WHERE night = 1 AND step = 23", "the night after step 23 of run "},
		"a missing entry":  {"DELETE FROM entries WHERE step = 31 AND night = 0", "step 32 of run "},
		"a missing end":    {"DELETE FROM entries WHERE step >= 45", "are missing"},
		"two swapped":      {"UPDATE entries SET body = (SELECT body FROM entries WHERE step = 30 AND night = 0), hash = (SELECT hash FROM entries WHERE step = 30 AND night = 0) WHERE step = 31 AND night = 0", "step 31 of run "},
		"another column":   {"UPDATE entries SET step = 90 WHERE step = 31 AND night = 0", "step 31 belongs"},
		"the config":       {"UPDATE runs SET config = config || x'2002'", "step 0 of run "},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dsn := filepath.Join(t.TempDir(), "journal.db")
			j := opened(t, dsn)
			id := create(t, j, newRun("ann"))
			chain := live(t, j, id, 0, 50)
			require.NoError(t, j.Checkpoint(t.Context(), chain.lease, chain.Snapshot()))
			_, err := j.Verify(t.Context(), id)
			require.NoError(t, err)
			_, err = j.db.ExecContext(t.Context(), damage.statement)
			require.NoError(t, err)

			r, err := OpenReader(t.Context(), dsn)
			require.NoError(t, err)
			defer r.Close()
			_, err = r.Verify(t.Context(), id)
			require.ErrorIs(t, err, errs.ErrDataLoss)
			require.ErrorContains(t, err, damage.want)
			_, err = j.Continue(t.Context(), chain.lease, everything)
			require.ErrorIs(t, err, errs.ErrDataLoss)
			last := error(nil)
			for _, err := range r.Verified(t.Context(), id) {
				last = err
			}
			require.ErrorIs(t, last, errs.ErrDataLoss)
		})
	}
}

// TestACopyOfAKilledJournalIsWhole copies the files of a journal in the middle
// of writing, as a killed process leaves them.
func TestACopyOfAKilledJournalIsWhole(t *testing.T) {
	dir := t.TempDir()
	j := opened(t, filepath.Join(dir, "journal.db"))
	id := create(t, j, newRun("ann"))
	live(t, j, id, 0, 30)
	copied := filepath.Join(t.TempDir(), "journal.db")
	for _, suffix := range []string{"", "-wal"} {
		from, err := os.Open(filepath.Join(dir, "journal.db"+suffix))
		require.NoError(t, err)
		to, err := os.Create(copied + suffix)
		require.NoError(t, err)
		_, err = io.Copy(to, from)
		require.NoError(t, errors.Join(err, from.Close(), to.Close()))
	}
	r, err := OpenReader(t.Context(), copied)
	require.NoError(t, err)
	state, err := r.Verify(t.Context(), id)
	require.NoError(t, err)
	require.EqualValues(t, 30, state.Progress.GetSteps(), "what was acknowledged is there")
	require.NoError(t, r.Close())
	live(t, opened(t, copied), id, 30, 40)
}

func TestRunsAreMadeOncePerRequest(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "journal") {
		t.Run(name, func(t *testing.T) {
			j := opened(t, dsn)
			n := newRun("ann")
			n.RequestID, n.Request = "r-1", n.Run.GetConfig()
			id := create(t, j, n)
			require.Regexp(t, `^ann-ar-s1-[0-9a-f]{8}$`, id)
			run, created, err := j.Create(t.Context(), n)
			require.NoError(t, err)
			require.False(t, created)
			require.Equal(t, id, run.GetId())

			another := newRun("bob")
			another.RequestID, another.Request = "r-1", another.Run.GetConfig()
			_, _, err = j.Create(t.Context(), another)
			require.ErrorIs(t, err, errs.ErrExists)

			require.Equal(t, id+"-2", create(t, j, newRun("ann")), "the same run again is another run")
			runs, err := j.Runs(t.Context())
			require.NoError(t, err)
			require.Len(t, runs, 2)
			require.Equal(t, id, runs[0].GetId())
		})
	}
}

func TestAForkSharesItsBeginning(t *testing.T) {
	j := opened(t, ":memory:")
	id := create(t, j, newRun("ann"))
	live(t, j, id, 0, 60)
	for last, entries := range map[int32]int64{0: 1, 22: 23, 23: 24, 24: 26, 59: 62} {
		n := newRun("ann")
		n.Run.ForkedFrom, n.Run.ForkedAtStep = id, last
		n.Run.Config.Method = &simv1.Method{Name: "ars"}
		fork := create(t, j, n)
		state, err := j.Verify(t.Context(), fork)
		require.NoError(t, err)
		require.Equal(t, entries, state.Progress.GetSequence(), "fork at %d", last)
		require.Equal(t, last+1, state.Progress.GetSteps())
	}
	n := newRun("ann")
	n.Run.ForkedFrom, n.Run.ForkedAtStep = id, 60
	_, _, err := j.Create(t.Context(), n)
	require.ErrorIs(t, err, errs.ErrNotFound)
}

func TestADamagedFileIsDataLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	require.NoError(t, os.WriteFile(path, []byte("this was a journal once, and it is none any more; there is nothing to be read from it at all"), 0o600))
	_, err := New(t.Context(), path)
	require.ErrorIs(t, err, errs.ErrDataLoss)
	_, err = OpenReader(t.Context(), path)
	require.ErrorIs(t, err, errs.ErrDataLoss)
	_, err = OpenReader(t.Context(), path+".none")
	require.ErrorIs(t, err, errs.ErrNotFound)
}
