package environment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/internal/suspend"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// childDSN makes the test binary conduct the runs of a journal.
const childDSN = "PROPERSIM_TEST_CONDUCTOR"

// pace is how long the child takes for an answer, so that it is found at work.
const pace = 2 * time.Millisecond

// conductAsChild is the child process: it conducts until it is told to end, and
// says how many leases it lost.
func conductAsChild() {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		return
	}
	registry := prometheus.NewRegistry()
	fakes := newFakes()
	fakes.setHook(func(string, string) error { time.Sleep(pace); return nil })
	cfg := often(dsn)
	cfg.Metrics, cfg.LeaseTTL = registry, time.Second
	s, err := New(cfg, fakes.clients())
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = s.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	families, err := registry.Gather()
	if err = errors.Join(err, s.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	for _, family := range families {
		if family.GetName() == "propersim_leases_lost_total" {
			fmt.Println("lost", family.GetMetric()[0].GetCounter().GetValue())
		}
	}
	os.Exit(0)
}

// child starts the process.
func child(t *testing.T, dsn string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDSN+"="+dsn)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd, bufio.NewReader(out)
}

// atWork creates a run, starts a process that conducts it, and returns when some
// steps are done.
func atWork(t *testing.T, dsn string) (id string, cmd *exec.Cmd, out *bufio.Reader) {
	t.Helper()
	creator, err := New(Config{DSN: dsn}, newFakes().clients()) // conducts nothing
	require.NoError(t, err)
	defer func() { require.NoError(t, creator.Close()) }()
	resp, err := creator.CreateRun(t.Context(), &environmentv1.CreateRunRequest{Config: configOf("ann", "ar")})
	require.NoError(t, err)
	id = resp.GetRun().GetId()
	cmd, out = child(t, dsn)
	eventually(t, "the child conducts the run", func() bool {
		require.NoError(t, creator.follow(t.Context()))
		return creator.find(id).Progress().GetWakingSteps() > 10
	})
	return id, cmd, out
}

// suspendIdle stops a process at a moment at which it does not have the write lock
// of an SQLite database: nobody could write until it continues.
func suspendIdle(t *testing.T, dsn string, process *os.Process, id string) {
	t.Helper()
	other, err := journal.New(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	eventually(t, "the process is suspended without the lock", func() bool {
		suspend.Stop(t, process)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := other.Wish(ctx, id, environmentv1.RunState_RUN_STATE_UNSPECIFIED); err == nil {
			return true
		}
		require.NoError(t, process.Signal(syscall.SIGCONT))
		return false
	})
}

func TestASuspendedConductorCommitsNothingAfterItsLeaseIsLost(t *testing.T) {
	want := hashes(t, 1, "ar")
	onShared(t, func(t *testing.T, dsn string) {
		id, cmd, out := atWork(t, dsn)
		suspendIdle(t, dsn, cmd.Process, id)
		s := begin(t, often(dsn), newFakes().clients())
		run := s.until(id, finished, failing)
		require.Equal(t, want[id], run.GetProgress().GetHash(), run.GetReason())
		require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
		// It gives the run up at its next call, commit or renewal.
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		line, err := out.ReadString('\n')
		require.NoError(t, err)
		require.Regexp(t, "^lost [01]\n$", line) // 0 where it was told to end before it noticed
		require.NoError(t, cmd.Wait())
		state, err := s.journal.Verify(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want[id], state.Snapshot().GetHash())
		resp, err := s.GetRun(t.Context(), &environmentv1.GetRunRequest{Id: id})
		require.NoError(t, err)
		require.Equal(t, finished, resp.GetRun().GetState())
	})
}

func TestARunWhoseConductorWasKilledIsTakenOver(t *testing.T) {
	want := hashes(t, 1, "ar")
	onShared(t, func(t *testing.T, dsn string) {
		id, cmd, _ := atWork(t, dsn)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
		s := begin(t, often(dsn), newFakes().clients())
		require.Equal(t, want[id], s.until(id, finished, failing).GetProgress().GetHash())
	})
}
