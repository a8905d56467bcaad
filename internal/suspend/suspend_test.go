package suspend

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStoppedProcessDoesNotRun(t *testing.T) {
	if _, err := os.Stat("/proc/self/task"); err != nil {
		t.Skip("this system has no /proc")
	}
	require.True(t, runs(os.Getpid()))
	busy := exec.Command("sh", "-c", "while :; do :; done")
	require.NoError(t, busy.Start())
	defer func() {
		require.NoError(t, busy.Process.Kill())
		_ = busy.Wait() // killed
	}()
	for range 10 {
		Stop(t, busy.Process)
		require.False(t, runs(busy.Process.Pid))
		require.NoError(t, busy.Process.Signal(syscall.SIGCONT))
	}
}
