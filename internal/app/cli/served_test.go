package cli_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/loopback"
)

// TestServicesApart runs each service as a server of its own on TCP and expects
// the hashes of an experiment in one process.
func TestServicesApart(t *testing.T) {
	var where []string
	listen := make(map[string]string)
	for _, name := range config.Services() {
		listen[name] = loopback.Address(t)
		where = append(where, "--set", "listen."+name+"="+listen[name])
	}
	ctx, cancel := context.WithCancel(t.Context())
	data := filepath.Join(t.TempDir(), "served")
	done := make(chan int, 6)
	for _, name := range config.Services() {
		args := append([]string{"serve", name, "--data", data}, where...)
		go func() { done <- cli.Main(ctx, cli.Program{Version: "test"}, args, &bytes.Buffer{}, &bytes.Buffer{}) }()
	}
	for _, name := range config.Services() {
		require.Eventually(t, func() bool {
			code, _, _ := call(t, "health", listen[name])
			return code == 0
		}, 2*time.Minute, 50*time.Millisecond, name)
	}

	apart, together := filepath.Join(t.TempDir(), "apart"), filepath.Join(t.TempDir(), "together")
	must(t, append(small(apart, "--environment-address", listen["environment"]), where...)...)
	must(t, small(together)...)
	require.Equal(t, hashes(t, together), hashes(t, apart))
	require.Equal(t, 3, strings.Count(must(t, "runs", "ls", "--address", listen["environment"]), "\n"))
	must(t, "report", data)
	require.Equal(t, hashes(t, together), hashes(t, data), "a data folder is read like a run folder")

	cancel()
	for range config.Services() {
		require.Equal(t, 0, <-done)
	}
}
