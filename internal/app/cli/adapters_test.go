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

// TestAdaptersAreShownVerifiedAndExported simulates two nights and serves the
// folder of the run.
func TestAdaptersAreShownVerifiedAndExported(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	must(t, "simulate", "--personas", "1", "--days", "3", "--method", "proper", "--out", out)
	address, buffer := loopback.Address(t), loopback.Address(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		done <- cli.Main(ctx, cli.Program{Version: "test"}, []string{"serve", "trainer", "--data", out, "--address", address, "--buffer-address", buffer}, &bytes.Buffer{}, &bytes.Buffer{})
	}()
	require.Eventually(t, func() bool {
		code, _, _ := call(t, "trainer", "jobs", "--trainer-address", address)
		return code == 0
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, 1+2, strings.Count(must(t, "trainer", "jobs", "--trainer-address", address), "\n"))

	folders, err := os.ReadDir(filepath.Join(out, "state", "adapters"))
	require.NoError(t, err)
	require.Len(t, folders, 2)
	lines := map[int]string{}
	for _, f := range folders {
		lines[strings.Count(must(t, "adapters", "verify", f.Name(), "--trainer-address", address), "whole")] = f.Name()
	}
	listed := must(t, "adapters", "ls", "--trainer-address", address)
	require.Equal(t, 1+2, strings.Count(listed, "\n"))
	require.Contains(t, listed, "in force in run ")
	require.Contains(t, listed, "parent of the one in force")
	require.Equal(t, 2, strings.Count(listed, "3 passed"), "metrics, files, read-back")
	second := lines[2]
	require.NotEmpty(t, second, "the second night has a parent")
	shown := must(t, "adapters", "show", second, "--trainer-address", address)
	require.Contains(t, shown, "adapter_model.safetensors")
	require.Contains(t, shown, lines[1][:12], "its parent")

	to := filepath.Join(t.TempDir(), "deep", "day2")
	must(t, "adapters", "export", second, to, "--trainer-address", address)
	want, err := os.ReadFile(filepath.Join(out, "state", "adapters", second, "adapter_model.safetensors"))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(to, "adapter_model.safetensors"))
	require.NoError(t, err)
	require.Equal(t, want, got)
	code, _, text := call(t, "adapters", "export", second, to, "--trainer-address", address)
	require.Equal(t, 2, code)
	require.Contains(t, text, "not empty")

	require.NoError(t, os.Truncate(filepath.Join(out, "state", "adapters", second, "adapter_model.safetensors"), 100))
	code, _, text = call(t, "adapters", "verify", second, "--trainer-address", address)
	require.Equal(t, 1, code)
	require.Contains(t, text, "damaged")
	cancel()
	require.Equal(t, 0, <-done)
}
