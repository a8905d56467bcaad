package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/loopback"
)

func TestHealthOfNobody(t *testing.T) {
	code, _, _ := call(t, "health", "127.0.0.1:1")
	require.Equal(t, 1, code)
}

func TestOffLoopbackSomebodyMustBeKnown(t *testing.T) {
	for name, args := range map[string][]string{
		"a server": {"serve", "retrieval", "--address", "0.0.0.0:0"},
		"a caller": {"health", "192.0.2.1:7070"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := call(t, args...)
			require.Equal(t, 2, code)
			require.Contains(t, errOut, "--token-file")
			require.Contains(t, errOut, "--insecure")
		})
	}
	code, _, errOut := call(t, "serve", "retrieval", "--address", "127.0.0.1:0", "--token-file", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "token_file")
}

// TestAServerThatKnowsItsCallers serves on all addresses with a token, which
// comes from a pipe as a shell's <(pass show token) would.
func TestAServerThatKnowsItsCallers(t *testing.T) {
	dir := t.TempDir()
	token, other := filepath.Join(dir, "token"), filepath.Join(dir, "other")
	must(t, "token", "create", token, other)
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	secret, err := os.ReadFile(token)
	require.NoError(t, err)
	go func() { _ = os.WriteFile(pipe, secret, 0) }()
	port := loopback.Port(t)
	address := "127.0.0.1:" + port
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- cli.Main(ctx, cli.Program{Version: "test"}, []string{"serve", "user", "--address", "0.0.0.0:" + port, "--token-file", pipe, "--data", dir}, &bytes.Buffer{}, &bytes.Buffer{})
	}()
	require.Eventually(t, func() bool {
		code, _, _ := call(t, "health", address)
		return code == 0
	}, time.Minute, 20*time.Millisecond, "health is open to all")
	must(t, "persona", "ls", "--address", address, "--token-file", token)
	for _, wrong := range [][]string{nil, {"--token-file", other}} {
		code, _, errOut := call(t, append([]string{"persona", "ls", "--address", address}, wrong...)...)
		require.Equal(t, 1, code)
		require.Contains(t, errOut, "token")
	}
	cancel()
	require.Equal(t, 0, <-done)
}

// TestAllServicesKnowEachOther lets a life go by behind a token.
func TestAllServicesKnowEachOther(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	must(t, "token", "create", token)
	where := []string{"--token-file", token}
	var environment string
	for _, name := range config.Services() {
		environment = loopback.Address(t)
		where = append(where, "--set", "listen."+name+"="+environment)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- cli.Main(ctx, cli.Program{Version: "test"}, append([]string{"serve", "all", "--data", filepath.Join(dir, "served")}, where...), &bytes.Buffer{}, &bytes.Buffer{})
	}()
	require.Eventually(t, func() bool {
		code, _, _ := call(t, "health", environment)
		return code == 0
	}, time.Minute, 20*time.Millisecond)
	apart, together := filepath.Join(dir, "apart"), filepath.Join(dir, "together")
	must(t, append(small(apart, "--environment-address", environment), where...)...)
	must(t, small(together)...)
	require.Equal(t, hashes(t, together), hashes(t, apart))
	cancel()
	require.Equal(t, 0, <-done)
}

func TestContinue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, small(dir, "--continue")...)
	before := hashes(t, dir)
	must(t, small(dir, "--continue")...)
	require.Equal(t, before, hashes(t, dir))
	code, _, errOut := call(t, small(dir, "--continue", "--seed", "9")...)
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "another experiment")
}
