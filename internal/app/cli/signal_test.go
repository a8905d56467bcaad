package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/cli"
)

// TestASignalHasItsExitCode: the command stops, says how to resume, and exits with
// 128 and the number of the signal.
func TestASignalHasItsExitCode(t *testing.T) {
	for sent, want := range map[syscall.Signal]int{syscall.SIGHUP: 129, syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		ctx := cli.WithSignals(t.Context())
		dir := filepath.Join(t.TempDir(), "a")
		var out, errOut bytes.Buffer
		done := make(chan int, 1)
		go func() {
			done <- cli.Main(ctx, cli.Program{Version: "test"}, []string{"simulate", "--personas", "1-4", "--days", "3650", "--step", "1h", "--out", dir}, &out, &errOut)
		}()
		require.Eventually(t, func() bool {
			_, err := os.Stat(filepath.Join(dir, "config.yaml"))
			return err == nil
		}, time.Minute, 5*time.Millisecond)
		require.NoError(t, syscall.Kill(os.Getpid(), sent))
		require.Equal(t, want, <-done, "%v: %s", sent, errOut.String())
		require.Contains(t, errOut.String(), "Resume with:")
	}
}
