package cli_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/loopback"
)

func TestWithoutWaitAnAddressThatDoesNotAnswerIsUsage(t *testing.T) {
	code, _, errOut := call(t, small(filepath.Join(t.TempDir(), "a"), "--buffer-address", loopback.Address(t))...)
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "connect.buffer")
}

func TestWithWaitAnAddressThatDoesNotAnswerMayBeRetried(t *testing.T) {
	code, _, errOut := call(t, small(filepath.Join(t.TempDir(), "a"), "--buffer-address", loopback.Address(t), "--wait", "1ms")...)
	require.Equal(t, 1, code, "not usage: a supervisor starts it again")
	require.Contains(t, errOut, "connect.buffer")
}

func TestWithWaitADatabaseThatIsAwayMayBeRetried(t *testing.T) {
	dsn := "postgres://me@" + loopback.Address(t) + "/db?sslmode=disable"
	for _, key := range []string{"store.users", "store.journal"} {
		code, _, errOut := call(t, small(filepath.Join(t.TempDir(), "a"), "--set", key+"="+dsn, "--wait", "1ms")...)
		require.Equal(t, 1, code, "%s: %s", key, errOut)
		require.Contains(t, errOut, "cannot be reached")
	}
}

func TestARequestOfAnotherContentIsNotWorthARetry(t *testing.T) {
	dir := t.TempDir()
	shared := []string{"--experiment", "shared", "--set", "store.journal=sqlite:" + filepath.Join(dir, "j.db")}
	must(t, small(filepath.Join(dir, "a"), shared...)...)
	code, _, errOut := call(t, append(small(filepath.Join(dir, "b"), shared...), "--days", "1")...)
	require.Equal(t, 42, code, errOut)
	code, _, errOut = call(t, small(filepath.Join(dir, "c"), shared...)...)
	require.Equal(t, 0, code, "the same content finds its runs: %s", errOut)
}
