package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/suspend"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
)

// These environment variables make the test binary a process that writes.
const (
	writerDSN = "PROPERSIM_TEST_WRITER_DSN"
	writerRun = "PROPERSIM_TEST_WRITER_RUN"
)

// The lease of the test's writers is short, so that a stopped one is soon taken
// over.
const shortTTL = 500 * time.Millisecond

// write appends steps to a run until its lease is lost, as another process, and
// returns an exit code.
func write(dsn, run string) int {
	err := writeOn(context.Background(), dsn, run)
	fmt.Fprint(os.Stderr, err)
	if errors.Is(err, errs.ErrLeaseLost) {
		return 3
	}
	return 1
}

func writeOn(ctx context.Context, dsn, run string) error {
	j, err := New(ctx, dsn)
	if err != nil {
		return err
	}
	defer j.Close()
	lease, err := j.Acquire(ctx, run, NewHolder(), shortTTL)
	if err != nil {
		return err
	}
	for {
		// A server ends the transaction in which a writer was stopped.
		if err := appendSteps(ctx, j, lease); !errors.Is(err, errs.ErrUnavailable) || errors.Is(err, errs.ErrLeaseLost) {
			return err
		}
	}
}

// appendSteps appends steps and renews the lease until one of both fails.
func appendSteps(ctx context.Context, j *Journal, lease *Lease) error {
	chain, err := j.Continue(ctx, lease, everything)
	if err != nil {
		return err
	}
	defer chain.Close()
	for {
		outcome, err := chain.Append(step(chain.Progress.GetSteps()), Beside{})
		if err != nil {
			return err
		}
		if err := <-outcome; err != nil {
			return err
		}
		// Between its transactions, as a process is most of the time: one that is
		// stopped within a transaction of SQLite keeps everybody out.
		time.Sleep(2 * time.Millisecond)
		if chain.Progress.GetSteps()%16 == 0 {
			if err := lease.Renew(ctx); err != nil {
				return err
			}
		}
	}
}

// TestAStoppedWriterIsTakenOver stops a writing process, takes its run over, and
// lets it go on: it must find out before its next commit.
func TestAStoppedWriterIsTakenOver(t *testing.T) {
	for name, dsn := range shared(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			j := opened(t, dsn)
			n := newRun("ann")
			n.Run.Config.Days = 3650
			id := create(t, j, n)
			for range 4 {
				before, err := j.Run(ctx, id)
				require.NoError(t, err)
				self, err := os.Executable()
				require.NoError(t, err)
				child := exec.Command(self)
				var faults bytes.Buffer
				child.Stderr = &faults
				child.Env = append(os.Environ(), writerDSN+"="+dsn, writerRun+"="+id)
				require.NoError(t, child.Start())
				t.Cleanup(func() { _ = child.Process.Kill() })
				progressed := func() bool {
					now, err := j.Run(ctx, id)
					return err == nil && now.GetProgress().GetSteps() > before.GetProgress().GetSteps()+20
				}
				require.Eventually(t, progressed, time.Minute, 10*time.Millisecond)
				suspend.Stop(t, child.Process)

				lease := takeOver(t, j, id, child.Process)
				chain, err := j.Continue(ctx, lease, everything)
				require.NoError(t, err)
				from := chain.Progress.GetSteps()
				require.NoError(t, child.Process.Signal(syscall.SIGCONT))
				for range 20 {
					require.NoError(t, chain.AppendLater(step(chain.Progress.GetSteps()), Beside{}))
					require.NoError(t, chain.Flush())
				}
				chain.Close()
				var exit *exec.ExitError
				require.ErrorAs(t, child.Wait(), &exit)
				require.Equal(t, 3, exit.ExitCode(), "the old writer lost its lease, and said: %s", faults.String())
				state, err := j.Verify(ctx, id)
				require.NoError(t, err)
				require.Equal(t, from+20, state.Progress.GetSteps(), "it wrote nothing more")
				require.NoError(t, lease.Release(ctx))
			}
		})
	}
}

// takeOver waits for the end of a lease and takes the run.
func takeOver(t *testing.T, j *Journal, id string, stopped *os.Process) *Lease {
	t.Helper()
	patience := time.Minute // a server ends the transaction of a stopped process
	if j.db.Dialect == store.SQLite {
		patience = 300 * time.Millisecond
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		lease, err := j.Acquire(ctx, id, NewHolder(), time.Minute)
		cancel()
		var held *HeldError
		if errors.As(err, &held) {
			time.Sleep(10 * time.Millisecond) // it expires by the database's clock
			continue
		}
		if errors.Is(err, errs.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) { // it was stopped within a transaction
			require.NoError(t, stopped.Signal(syscall.SIGCONT))
			time.Sleep(time.Millisecond)
			suspend.Stop(t, stopped)
			continue
		}
		require.NoError(t, err)
		return lease
	}
}
