// Package enginetest starts Qdrant's own engine as a process that tests can
// talk to as to a Qdrant server, kill and start again. README.md says what that
// proves and what it does not.
package enginetest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/loopback"
)

// Variable names, in the environment, a Python interpreter that has
// requirements.txt.
const Variable = "PROPERSIM_TEST_QDRANT_ENGINE"

// Engine is a running peer. Its methods end the test when something fails.
type Engine struct {
	// Address is host:port of the gRPC endpoint, on loopback; a restart keeps it.
	Address string

	t      testing.TB
	args   []string
	folder string
	cmd    *exec.Cmd
	stdin  io.Closer // its end ends the process, however this one ends
	stderr *bytes.Buffer
}

// Start starts the engine on an empty folder and a free loopback port, and ends
// it with the test. An apiKey that is not empty is asked of every call. The test
// is skipped where Variable names no interpreter.
func Start(t testing.TB, apiKey string) *Engine {
	t.Helper()
	python := os.Getenv(Variable)
	if python == "" {
		t.Skipf("SKIPPED: %s names no Python with Qdrant's engine (deploy/ci/python.sh makes one): nothing is shown about it", Variable)
	}
	_, here, _, ok := runtime.Caller(0)
	require.True(t, ok)
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/qdrant/go-client")
	list.Dir = filepath.Dir(here)
	module, err := list.Output()
	require.NoError(t, err)
	e := &Engine{t: t, folder: filepath.Join(t.TempDir(), "qdrant"), Address: loopback.Address(t)}
	e.args = []string{
		python, filepath.Join(filepath.Dir(here), "peer.py"), "--data", e.folder, "--api-key", apiKey,
		"--protos", filepath.Join(strings.TrimSpace(string(module)), "internal", "proto"),
	}
	e.Restart()
	t.Cleanup(e.Kill)
	return e
}

// Kill ends the process with SIGKILL; a second Kill does nothing.
func (e *Engine) Kill() {
	if e.cmd == nil {
		return
	}
	require.NoError(e.t, e.cmd.Process.Kill())
	_ = e.cmd.Wait() // killed
	_ = e.stdin.Close()
	e.cmd = nil
}

// Restart starts the process on the folder and the address that it had, and
// returns once it listens. It must have been killed.
func (e *Engine) Restart() {
	e.t.Helper()
	require.Nil(e.t, e.cmd, "the engine runs")
	cmd := exec.Command(e.args[0], append(e.args[1:], "--address", e.Address)...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	e.stderr = &bytes.Buffer{}
	cmd.Stderr = e.stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(e.t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(e.t, err)
	require.NoError(e.t, cmd.Start())
	e.cmd, e.stdin = cmd, stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		e.Kill()
		e.t.Fatalf("the engine did not start: %v: %s", err, e.stderr)
	}
	e.Address = strings.TrimSpace(line)
}

// Lose removes everything that the engine has on disk. It must have been killed.
func (e *Engine) Lose() {
	e.t.Helper()
	require.Nil(e.t, e.cmd, "the engine runs")
	require.NoError(e.t, os.RemoveAll(e.folder))
}
