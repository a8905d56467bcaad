package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store/storetest"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// shared lists the databases that two processes can open at the same time.
func shared(t *testing.T) map[string]string {
	out := storetest.Databases(t, "journal")
	delete(out, "memory")
	return out
}

// expire makes the lease of a run expire by the database's clock.
func expire(t testing.TB, j *Journal, lease *Lease) {
	t.Helper()
	_, err := j.db.ExecContext(context.Background(), "UPDATE standings SET until_unix_ms = 1 WHERE run = $1", lease.number)
	require.NoError(t, err)
}

func TestALeaseHasOneHolder(t *testing.T) {
	for name, dsn := range shared(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j, other := opened(t, dsn), opened(t, dsn)
			id := create(t, j, newRun("ann"))
			_, err := j.Acquire(ctx, "nobody", "a", time.Minute)
			require.ErrorIs(t, err, errs.ErrNotFound)
			mine, err := j.Acquire(ctx, id, "a", time.Minute)
			require.NoError(t, err)

			_, err = other.Acquire(ctx, id, "b", time.Minute)
			require.ErrorIs(t, err, errs.ErrPrecondition)
			var held *HeldError
			require.ErrorAs(t, err, &held)
			require.Equal(t, "a", held.Holder)
			require.Equal(t, mine.Until(), held.Until)
			require.NotErrorIs(t, err, errs.ErrLeaseLost)

			require.NoError(t, mine.Renew(ctx))
			require.False(t, mine.Until().Before(held.Until))
			run, err := other.Run(ctx, id)
			require.NoError(t, err)
			require.Equal(t, "a", run.GetConductor().GetName())
			require.Equal(t, mine.Until(), run.GetConductor().GetLeaseUntil().AsTime().Local())

			// An expired lease is renewed while nobody wants it.
			expire(t, j, mine)
			require.NoError(t, mine.Renew(ctx))
			expire(t, j, mine)
			run, err = other.Run(ctx, id)
			require.NoError(t, err)
			require.Nil(t, run.GetConductor())
			theirs, err := other.Acquire(ctx, id, "b", time.Minute)
			require.NoError(t, err)
			require.Greater(t, theirs.Token(), mine.Token())
			require.ErrorIs(t, mine.Renew(ctx), errs.ErrLeaseLost)
			require.ErrorIs(t, mine.Renew(ctx), errs.ErrPrecondition)
			require.NoError(t, mine.Release(ctx), "a lost lease is released by nobody's loss")
			require.NoError(t, theirs.Renew(ctx))

			require.NoError(t, theirs.Release(ctx))
			again, err := j.Acquire(ctx, id, "a", time.Minute)
			require.NoError(t, err)
			require.Greater(t, again.Token(), theirs.Token())
			// The same holder may begin anew; what it had before is lost.
			third, err := j.Acquire(ctx, id, "a", time.Minute)
			require.NoError(t, err)
			require.ErrorIs(t, again.Renew(ctx), errs.ErrLeaseLost)
			require.NoError(t, third.Renew(ctx))
		})
	}
}

func TestAWriterWithoutLeaseWritesNothing(t *testing.T) {
	for name, dsn := range shared(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j, other := opened(t, dsn), opened(t, dsn)
			id := create(t, j, newRun("ann"))
			mine := acquire(t, j, id)
			chain, err := j.Continue(ctx, mine, everything)
			require.NoError(t, err)
			defer chain.Close()
			require.NoError(t, chain.AppendLater(step(0), Beside{}))
			require.NoError(t, chain.Flush())
			require.NoError(t, j.SetState(ctx, mine, environmentv1.RunState_RUN_STATE_RUNNING, "", nil))

			expire(t, j, mine)
			theirs, err := other.Acquire(ctx, id, "other", time.Minute)
			require.NoError(t, err)
			require.NoError(t, chain.AppendLater(step(1), Beside{}))
			outcome, err := chain.Append(step(2), Beside{})
			require.NoError(t, err)
			require.ErrorIs(t, <-outcome, errs.ErrLeaseLost)
			require.ErrorIs(t, chain.Flush(), errs.ErrLeaseLost)
			require.ErrorIs(t, j.SetState(ctx, mine, environmentv1.RunState_RUN_STATE_FAILED, "x", nil), errs.ErrLeaseLost)
			require.ErrorIs(t, j.Checkpoint(ctx, mine, chain.Snapshot()), errs.ErrLeaseLost)

			next, err := other.Continue(ctx, theirs, everything)
			require.NoError(t, err)
			defer next.Close()
			require.EqualValues(t, 1, next.Progress.GetSteps())
			require.NoError(t, next.AppendLater(step(1), Beside{}))
			require.NoError(t, next.Flush())
			require.NoError(t, theirs.Release(ctx))
			require.NoError(t, next.AppendLater(step(2), Beside{}))
			require.ErrorIs(t, next.Flush(), errs.ErrLeaseLost, "a released lease writes nothing more")
			state, err := j.Verify(ctx, id)
			require.NoError(t, err)
			require.EqualValues(t, 2, state.Progress.GetSteps())
			run, err := j.Run(ctx, id)
			require.NoError(t, err)
			require.Equal(t, environmentv1.RunState_RUN_STATE_QUEUED, run.GetState(), "a running run without conductor is queued")
		})
	}
}

// In a commit of several runs only those fail whose lease is lost.
func TestALostLeaseSparesTheOthers(t *testing.T) {
	for name, dsn := range shared(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j := opened(t, dsn)
			const runs = 40
			chains, leases := make([]*Chain, runs), make([]*Lease, runs)
			for i := range chains {
				leases[i] = acquire(t, j, create(t, j, newRun(fmt.Sprint("p", i))))
				chain, err := j.Continue(ctx, leases[i], everything)
				require.NoError(t, err)
				defer chain.Close()
				chains[i] = chain
			}
			for i := 0; i < runs; i += 3 {
				_, err := j.db.ExecContext(ctx, "UPDATE standings SET token = token + 1 WHERE run = $1", leases[i].number)
				require.NoError(t, err)
			}
			outcomes := make([]<-chan error, runs)
			for n := range int32(3) {
				for i, chain := range chains {
					var err error
					outcomes[i], err = chain.Append(step(n), Beside{})
					require.NoError(t, err)
				}
			}
			for i := range chains {
				err := <-outcomes[i]
				state, verr := j.Verify(ctx, leases[i].Run())
				require.NoError(t, verr)
				if i%3 == 0 {
					require.ErrorIs(t, err, errs.ErrLeaseLost)
					require.Zero(t, state.Progress.GetSteps())
				} else {
					require.NoError(t, err)
					require.EqualValues(t, 3, state.Progress.GetSteps())
				}
			}
			lost, err := j.RenewAll(ctx, leases)
			require.NoError(t, err)
			require.Len(t, lost, 14)
			for i, l := range lost {
				require.Same(t, leases[3*i], l)
			}
		})
	}
}

// TestTakeoversAndCommitsDoNotInterleave lets writers take one run from each
// other all the time while they write. Each entry names its writer's token:
// along the chain the tokens never fall, what was acknowledged is there, and
// what was refused is not.
func TestTakeoversAndCommitsDoNotInterleave(t *testing.T) {
	const writers, takeovers = 4, 100
	for name, dsn := range shared(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			first := opened(t, dsn)
			n := newRun("ann")
			n.Run.Config.Days = 3650
			id := create(t, first, n)
			var taken, refused atomic.Int64
			var mu sync.Mutex
			acknowledged := map[int64]string{} // guarded by mu
			var wg sync.WaitGroup
			for w := range writers {
				j := opened(t, dsn)
				wg.Go(func() {
					for taken.Load() < takeovers {
						if err := writeAWhile(ctx, j, id, fmt.Sprint("w", w), &taken, &refused, func(sequence int64, text string) {
							mu.Lock()
							defer mu.Unlock()
							acknowledged[sequence] = text
						}); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			last := int64(0)
			for e, err := range first.Verified(ctx, id) {
				require.NoError(t, err)
				var token int64
				text := e.GetBody().GetStep().GetAction().GetDescription()
				_, err := fmt.Sscanf(text, "token %d", &token)
				require.NoError(t, err)
				require.GreaterOrEqual(t, token, last, "entry %d", e.GetSequence())
				last = token
				if want, ok := acknowledged[e.GetSequence()]; ok {
					require.Equal(t, want, text)
					delete(acknowledged, e.GetSequence())
				}
			}
			require.Empty(t, acknowledged, "acknowledged and lost")
			require.Positive(t, refused.Load(), "no writer was ever overtaken")
		})
	}
}

// writeAWhile takes the run over, whoever has it, and writes until it is
// overtaken or has written some entries.
func writeAWhile(ctx context.Context, j *Journal, id, holder string, taken, refused *atomic.Int64, acknowledge func(int64, string)) error {
	if _, err := j.db.ExecContext(ctx, "UPDATE standings SET until_unix_ms = 1"); err != nil {
		return err
	}
	lease, err := j.Acquire(ctx, id, holder, time.Minute)
	if errors.Is(err, errs.ErrPrecondition) {
		return nil
	}
	if err != nil {
		return err
	}
	taken.Add(1)
	chain, err := j.Continue(ctx, lease, everything)
	if err != nil {
		return err
	}
	defer chain.Close()
	for range 1 + rand.IntN(20) {
		body := step(chain.Progress.GetSteps())
		body.GetStep().GetAction().Description = fmt.Sprint("token ", lease.Token())
		outcome, err := chain.Append(body, Beside{})
		if err != nil {
			return err
		}
		switch err := <-outcome; {
		case errors.Is(err, errs.ErrLeaseLost):
			refused.Add(1)
			return nil
		case err != nil:
			return err
		}
		acknowledge(chain.Progress.GetSequence(), body.GetStep().GetAction().GetDescription())
	}
	return nil
}

func TestAWishReachesTheConductor(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "journal") {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j := opened(t, dsn)
			id := create(t, j, newRun("ann"))
			paused := environmentv1.RunState_RUN_STATE_PAUSED
			heard, err := j.Wish(ctx, id, paused)
			require.NoError(t, err)
			require.False(t, heard, "nobody conducts it")
			lease := acquire(t, j, id)
			heard, err = j.Wish(ctx, id, paused)
			require.NoError(t, err)
			require.True(t, heard)
			require.Zero(t, lease.Wish())
			require.NoError(t, lease.Renew(ctx))
			require.Equal(t, paused, lease.Wish())
			again := acquire(t, j, id)
			require.Equal(t, paused, again.Wish(), "the next conductor hears it too")
			require.NoError(t, j.SetState(ctx, again, paused, "", nil))
			require.NoError(t, again.Renew(ctx))
			require.Zero(t, again.Wish())
			require.NoError(t, again.Release(ctx))
		})
	}
}

// TestADeadProcessLosesItsLeaseAtOnce takes over the lease of a process of this
// machine that has ended, and not that of a stopped one.
func TestADeadProcessLosesItsLeaseAtOnce(t *testing.T) {
	if origin() == "" {
		t.Skip("this system does not tell which processes share a table of process ids")
	}
	child := exec.Command("sleep", "600")
	require.NoError(t, child.Start())
	parts := strings.Split(NewHolder(), "/")
	require.Len(t, parts, 4)
	parts[1] = fmt.Sprint(child.Process.Pid)
	holder := strings.Join(parts, "/")

	ctx := t.Context()
	j := opened(t, ":memory:")
	id := create(t, j, newRun("ann"))
	lease, err := j.Acquire(ctx, id, holder, time.Hour)
	require.NoError(t, err)
	_, err = j.Acquire(ctx, id, NewHolder(), time.Hour)
	var held *HeldError
	require.ErrorAs(t, err, &held, "the process lives")
	standing := func() Standing {
		all, err := j.Standings(ctx)
		require.NoError(t, err)
		run, err := j.Run(ctx, id)
		require.NoError(t, err)
		require.Equal(t, all[0].State, run.GetState())
		require.Equal(t, all[0].Holder, run.GetConductor().GetName())
		return all[0]
	}
	require.NoError(t, j.SetState(ctx, lease, environmentv1.RunState_RUN_STATE_RUNNING, "", nil))
	require.Equal(t, environmentv1.RunState_RUN_STATE_RUNNING, standing().State)
	require.Equal(t, holder, standing().Holder)

	require.NoError(t, child.Process.Signal(os.Kill))
	_ = child.Wait()
	require.Equal(t, environmentv1.RunState_RUN_STATE_QUEUED, standing().State)
	require.Empty(t, standing().Holder)
	_, err = j.Acquire(ctx, id, NewHolder(), time.Hour)
	require.NoError(t, err)

	elsewhere := create(t, j, newRun("bob"))
	parts[2] = "another-machine"
	_, err = j.Acquire(ctx, elsewhere, strings.Join(parts, "/"), time.Hour)
	require.NoError(t, err)
	_, err = j.Acquire(ctx, elsewhere, NewHolder(), time.Hour)
	require.ErrorAs(t, err, &held, "nobody knows what happened elsewhere")
}

func TestStandingsShowWhatOtherProcessesDo(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "journal") {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j := opened(t, dsn)
			ids := []string{create(t, j, newRun("ann")), create(t, j, newRun("bob"))}
			chain := live(t, j, ids[1], 0, 30)
			require.NoError(t, j.SetState(ctx, chain.lease, environmentv1.RunState_RUN_STATE_WAITING, "the user is away", chain.Snapshot()))
			early := chain.Snapshot()
			chain = live(t, j, ids[1], 30, 40)
			_, err := j.Wish(ctx, ids[1], environmentv1.RunState_RUN_STATE_PAUSED)
			require.NoError(t, err)

			all, err := j.Standings(ctx)
			require.NoError(t, err)
			require.Len(t, all, 2)
			require.Equal(t, Standing{Position: 1, ID: ids[0], State: environmentv1.RunState_RUN_STATE_QUEUED}, all[0])
			require.Equal(t, Standing{Position: 2, ID: ids[1], State: environmentv1.RunState_RUN_STATE_WAITING, Reason: "the user is away",
				Wish: environmentv1.RunState_RUN_STATE_PAUSED, Sequence: 41, Holder: "test", Until: chain.lease.Until()}, all[1])

			for _, since := range []*environmentv1.Progress{nil, early, chain.Snapshot()} {
				got, err := j.Progress(ctx, ids[1], since)
				require.NoError(t, err)
				require.True(t, proto.Equal(chain.Snapshot(), got), "%v", got)
			}
			require.EqualValues(t, 30, early.GetSteps(), "the caller's progress is not changed")

			expire(t, j, chain.lease)
			all, err = j.Standings(ctx)
			require.NoError(t, err)
			require.Equal(t, environmentv1.RunState_RUN_STATE_QUEUED, all[1].State)
			require.Empty(t, all[1].Holder)
		})
	}
}
