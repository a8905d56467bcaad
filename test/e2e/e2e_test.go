// Package e2e runs the program as people do, as processes that can be killed.
package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL for database/sql
	"github.com/stretchr/testify/require"

	_ "github.com/propersim/propersim/internal/app/cli" // so that a changed program is tested anew, and not read from the test cache
	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/serve"
	"github.com/propersim/propersim/pkg/store/storetest"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// binary is the program, built once.
var binary string

// settings are variables that lengthen these tests. They are taken out of the
// environment: the program refuses PROPERSIM_* variables that are no keys.
var settings = map[string]string{"PROPERSIM_E2E_KILLS": "", "PROPERSIM_E2E_SEED": "", "PROPERSIM_E2E_OUTAGE": ""}

func TestMain(m *testing.M) {
	if os.Getenv(nightDiary) != "" { // a process of TestNightsSurviveKills
		os.Exit(m.Run())
	}
	os.Exit(func() int {
		for name := range settings {
			settings[name] = os.Getenv(name)
			if err := os.Unsetenv(name); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		dir, err := os.MkdirTemp("", "propersim-e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "propersim")
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/propersim/propersim/cmd/propersim").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// propersim runs the program to its end.
func propersim(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...) // go test -timeout ends it: a busy machine needs long
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out := propersim(t, args...)
	require.Zero(t, code, "%v: %s", args, out)
	return out
}

// hashes reads the final hash of each run from a folder's metrics.
func hashes(t *testing.T, dir string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "metrics.json"))
	require.NoError(t, err)
	var file struct {
		Runs []struct {
			Persona, Method string
			FinalHash       string `json:"final_hash"`
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	out := make(map[string]string)
	for _, r := range file.Runs {
		require.Len(t, r.FinalHash, 64)
		out[r.Persona+" "+r.Method] = r.FinalHash
	}
	return out
}

// kills is how often the crash test kills: PROPERSIM_E2E_KILLS, or 3.
func kills(t *testing.T) int {
	text := settings["PROPERSIM_E2E_KILLS"]
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "PROPERSIM_E2E_KILLS")
	return n
}

// TestKilledAtRandomMoments kills a simulation with SIGKILL, resumes it, kills
// that, and so on, and expects the hashes of one that was left alone.
func TestKilledAtRandomMoments(t *testing.T) {
	whole, cut := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "cut")
	experiment := []string{"--personas", "1-6", "--days", "5", "--method", "proper,proper-contrast", "--seed", "3"}
	began := time.Now()
	must(t, append([]string{"simulate", "--out", whole}, experiment...)...)
	took := time.Since(began)

	n, killed := kills(t), 0
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed of the moments: %d", seed)
	moments := seeded.New(seed, "e2e")
	first := append([]string{"simulate", "--out", cut}, experiment...)
	args := first
	for i := 0; killed < n; i++ {
		cmd := exec.Command(binary, args...)
		require.NoError(t, cmd.Start())
		// anywhere in the share of the whole that is left to each
		time.Sleep(50*time.Millisecond + time.Duration(moments.Float64(i)*2*float64(took)/float64(n+1)))
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed, or done: the state says which
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			killed++
		} else { // the machine has become faster: begin again
			require.Zero(t, cmd.ProcessState.ExitCode())
			require.NoError(t, os.RemoveAll(cut))
			args, took = first, took/2
		}
		if _, err := os.Stat(filepath.Join(cut, "config.yaml")); err == nil {
			args = []string{"resume", cut}
		}
	}
	must(t, args...)
	require.Equal(t, hashes(t, whole), hashes(t, cut))
	require.Contains(t, must(t, "replay", "--verify", cut), "ok")
	t.Logf("killed %d times, same %d hashes", killed, len(hashes(t, cut)))
}

// constellation is six processes on their own ports.
type constellation struct {
	t         *testing.T
	data      string
	listen    []string // flags that say who listens where
	flags     []string // further flags of every service
	address   map[string]string
	processes map[string]*exec.Cmd
}

var services = []string{"retrieval", "buffer", "user", "assistant", "trainer", "environment"}

func startConstellation(t *testing.T, flags ...string) *constellation {
	c := &constellation{t: t, flags: flags, data: filepath.Join(t.TempDir(), "served"), address: map[string]string{}, processes: map[string]*exec.Cmd{}}
	for _, name := range services {
		c.address[name] = loopback.Address(t)
		c.listen = append(c.listen, "--set", "listen."+name+"="+c.address[name])
	}
	for _, name := range services {
		c.start(name)
	}
	t.Cleanup(func() {
		for _, p := range c.processes {
			_ = p.Process.Kill() // at the end of the test nothing is lost with it
			_ = p.Wait()
		}
	})
	return c
}

func (c *constellation) start(name string) {
	cmd := exec.Command(binary, slices.Concat([]string{"serve", name, "--data", c.data}, c.listen, c.flags)...)
	cmd.Stderr = os.Stderr
	require.NoError(c.t, cmd.Start())
	c.processes[name] = cmd
}

func (c *constellation) kill(name string) {
	require.NoError(c.t, c.processes[name].Process.Kill())
	_ = c.processes[name].Wait() // killed
}

// simulate starts an experiment in the constellation once that answers. What the
// program says is whole when it has ended.
func (c *constellation) simulate(out string, experiment ...string) (client *exec.Cmd, said *bytes.Buffer) {
	require.Eventually(c.t, func() bool {
		code, _ := propersim(c.t, "runs", "ls", "--address", c.address["environment"])
		code2, _ := propersim(c.t, "persona", "ls", "--address", c.address["user"])
		return code == 0 && code2 == 0
	}, time.Minute, 100*time.Millisecond)
	args := append([]string{"simulate", "--out", out, "--environment-address", c.address["environment"]}, experiment...)
	client, said = exec.Command(binary, append(args, c.listen...)...), &bytes.Buffer{}
	client.Stdout, client.Stderr = said, said
	require.NoError(c.t, client.Start())
	return client, said
}

// runs returns the runs; none while the environment is away.
func (c *constellation) runs() []*environmentv1.Run {
	conn, err := serve.Dial(c.address["environment"], serve.Timeout(5*time.Second))
	require.NoError(c.t, err)
	defer conn.Close()
	resp, err := environmentv1.NewRunServiceClient(conn).ListRuns(c.t.Context(), &environmentv1.ListRunsRequest{})
	if err != nil {
		return nil
	}
	return resp.GetRuns()
}

// steps returns the committed steps of all runs; 0 while the environment is
// away.
func (c *constellation) steps() (committed, total int32) {
	for _, r := range c.runs() {
		committed += r.GetProgress().GetSteps()
		total += r.GetProgress().GetStepsTotal()
	}
	return committed, total
}

// TestEveryServiceKilledInTurn runs an experiment on six processes, kills each
// of them with SIGKILL in mid-run and starts it again, and expects the hashes of
// one process.
func TestEveryServiceKilledInTurn(t *testing.T) {
	together, apart := filepath.Join(t.TempDir(), "together"), filepath.Join(t.TempDir(), "apart")
	experiment := []string{"--personas", "1-4", "--days", "8", "--method", "proper", "--seed", "5"}
	must(t, append([]string{"simulate", "--out", together}, experiment...)...)

	c := startConstellation(t)
	client, said := c.simulate(apart, experiment...)
	for i, name := range services {
		var at, total int32
		require.Eventually(t, func() bool {
			at, total = c.steps()
			return total > 0 && at >= total*int32(i+1)/int32(len(services)+2)
		}, 2*time.Minute, 5*time.Millisecond, "before killing %s", name)
		require.Less(t, at, total, "the run must go on when %s is killed", name)
		c.kill(name)
		t.Logf("killed %s at step %d of %d", name, at, total)
		time.Sleep(300 * time.Millisecond) // be away long enough to be missed
		c.start(name)
	}
	require.NoError(t, client.Wait(), said.String())
	require.Equal(t, hashes(t, together), hashes(t, apart))
}

// TestPostgresGivesTheSameHashes keeps every store in one PostgreSQL database.
func TestPostgresGivesTheSameHashes(t *testing.T) {
	dsn := storetest.Postgres(t, "e2e")
	files, server := filepath.Join(t.TempDir(), "files"), filepath.Join(t.TempDir(), "server")
	experiment := []string{"simulate", "--personas", "1-2", "--days", "2", "--out"}
	must(t, append(experiment, files)...)
	args := append(experiment, server)
	for _, store := range []string{"journal", "buffer", "users", "trainer"} {
		args = append(args, "--set", "store."+store+"="+dsn)
	}
	must(t, args...)
	require.Equal(t, hashes(t, files), hashes(t, server))
	require.Contains(t, must(t, "replay", "--verify", server), "buffer, metrics.json")
	t.Setenv("PROPERSIM_STORE_JOURNAL", dsn) // as in the container of a service
	require.Regexp(t, "itself +ok", must(t, "replay", "--verify", t.TempDir()))
}
