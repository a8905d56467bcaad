package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
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

// TestASignalEndsTheReadingOfAFile: a pipe into which nobody writes stands for a
// file that takes long to read. Nothing has begun that must end first.
func TestASignalEndsTheReadingOfAFile(t *testing.T) {
	for name, args := range map[string][]string{
		"configuration":       {"simulate", "--config", "PIPE", "--out", "OUT"},
		"shown configuration": {"config", "show", "--config", "PIPE"},
		"persona to validate": {"persona", "validate", "PIPE"},
		"persona to compile":  {"persona", "compile", "PIPE"},
		"persona to import":   {"persona", "import", "PIPE"},
		"persona of a run":    {"simulate", "--persona-file", "PIPE", "--personas", "me", "--out", "OUT"},
	} {
		for sent, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
			t.Run(name+" "+sent.String(), func(t *testing.T) {
				dir := t.TempDir()
				pipe, out := filepath.Join(dir, "pipe"), filepath.Join(dir, "out")
				require.NoError(t, syscall.Mkfifo(pipe, 0o600))
				line := strings.Fields(strings.NewReplacer("PIPE", pipe, "OUT", out).Replace(strings.Join(args, " ")))
				ctx := cli.WithSignals(t.Context())
				var stdout, errOut bytes.Buffer
				done := make(chan int, 1)
				go func() { done <- cli.Main(ctx, cli.Program{Version: "test"}, line, &stdout, &errOut) }()
				require.Eventually(t, func() bool { // until the command reads
					writer, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
					if err == nil {
						t.Cleanup(func() { _ = writer.Close() }) // ends the abandoned reading
					}
					return err == nil
				}, 10*time.Second, time.Millisecond)
				require.NoError(t, syscall.Kill(os.Getpid(), sent))
				require.Equal(t, want, <-done, errOut.String())
				require.Empty(t, errOut.String())
				require.NoDirExists(t, out)
			})
		}
	}
}

// TestAFileWithoutEndIsRefused: nobody reads a device into memory.
func TestAFileWithoutEndIsRefused(t *testing.T) {
	for _, line := range []string{"config show --config /dev/zero", "persona validate /dev/zero", "persona import /dev/zero", "simulate --personas me --persona-file /dev/zero"} {
		code, _, errOut := call(t, strings.Fields(line)...)
		require.NotZero(t, code, line)
		require.Contains(t, errOut, "/dev/zero: the file is too large", line)
	}
}
