package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/loopback"
)

func TestLogLevelOfARunningService(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	must(t, "token", "create", token)
	at := loopback.Address(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		done <- cli.Main(ctx, cli.Program{Version: "test"}, []string{"serve", "retrieval", "--address", loopback.Address(t), "--metrics-address", at, "--token-file", token}, &bytes.Buffer{}, &bytes.Buffer{})
	}()
	ask := func(args ...string) string {
		return strings.TrimSpace(must(t, append([]string{"log-level", "--token-file", token, at}, args...)...))
	}
	require.Eventually(t, func() bool {
		code, _, _ := call(t, "log-level", "--token-file", token, at)
		return code == 0
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, "warn", ask())
	require.Equal(t, "debug", ask("debug"))
	require.Equal(t, "debug", ask())

	code, _, said := call(t, "log-level", "--token-file", token, at, "loud")
	require.Equal(t, 2, code)
	require.Contains(t, said, "loud")
	code, _, said = call(t, "log-level", at)
	require.Equal(t, 1, code)
	require.Contains(t, said, "no token")
	other := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(other, []byte(strings.Repeat("x", 64)), 0o600))
	code, _, said = call(t, "log-level", "--token-file", other, at, "error")
	require.Equal(t, 1, code)
	require.Contains(t, said, "wrong token")
	require.Equal(t, "debug", ask())

	cancel()
	require.Equal(t, 0, <-done)
}
