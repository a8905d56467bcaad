//go:build linux

package cli

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestBatchReachesEveryThread runs in a process of its own, whose policy ends
// with it.
func TestBatchReachesEveryThread(t *testing.T) {
	if os.Getenv("PROPERSIM_TEST_BATCH") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestBatchReachesEveryThread$")
		cmd.Env = append(os.Environ(), "PROPERSIM_TEST_BATCH=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	if err := batch(); err != nil {
		t.Skipf("not allowed here: %v", err)
	}
	for range 20 { // threads of their own, made after it
		go func() { _ = unix.Nanosleep(&unix.Timespec{Sec: 600}, nil) }()
	}
	var threads []os.DirEntry
	require.Eventually(t, func() bool {
		var err error
		threads, err = os.ReadDir("/proc/self/task")
		require.NoError(t, err)
		return len(threads) > 20
	}, time.Minute, time.Millisecond)
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		require.NoError(t, err)
		attr, err := unix.SchedGetAttr(id, 0)
		require.NoError(t, err)
		require.EqualValues(t, unix.SCHED_BATCH, attr.Policy)
	}
}
