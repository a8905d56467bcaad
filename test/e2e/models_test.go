package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/seeded"
)

// canary is an API key that must appear in no file and no output.
const canary = "sk-canary-77f0b1e2c9d4"

// modelConfig writes a configuration in which a server plays every role, with
// the canary as its key.
func modelConfig(t *testing.T, url string, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(key, []byte(canary), 0o600))
	lines := []string{
		"models:", "  endpoints:", "    test: {url: \"" + url + "\", slots: 16, key_file: " + key + "}", "  roles:",
		"    planner: {endpoint: test, model: fake}", "    judge: {endpoint: test, model: fake}", "    assistant: {endpoint: test, model: fake}",
		"    summarizer: {endpoint: test, model: fake}", "    embedder: {endpoint: test, model: fake}",
		"backends: {planner: model, judge: hybrid, assistant: model, summarizer: model, embedder: model}",
		"simulation: {methods: [ars], days: 1, step: 10m, personas: 1-3}",
	}
	path := filepath.Join(dir, "models.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(append(lines, more...), "\n")+"\n"), 0o644))
	return path
}

// requireNoCanary searches a folder for the key.
func requireNoCanary(t *testing.T, dir string) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(raw), canary, path)
		files++
		return nil
	}))
	require.Greater(t, files, 5)
}

// TestModelRunsKilledAtRandomMoments kills a simulation on a model server whose
// answers are random. What was committed stays, an answer that had arrived is
// asked for once only, the record replays without the server, and the key is
// nowhere.
func TestModelRunsKilledAtRandomMoments(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Latency: 5 * time.Millisecond})
	out := filepath.Join(t.TempDir(), "run")
	args := []string{"simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed of the moments: %d", seed)
	moments := seeded.New(seed, "models")
	killed, n := 0, kills(t)
	for i := range n {
		cmd := exec.Command(binary, args...)
		require.NoError(t, cmd.Start())
		time.Sleep(200*time.Millisecond + time.Duration(moments.Float64(i)*float64(4*time.Second)/float64(n)))
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed, or done: the state says which
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			killed++
		}
		if _, err := os.Stat(filepath.Join(out, "config.yaml")); err == nil {
			args = []string{"resume", out}
		}
	}
	require.Positive(t, killed)
	output := must(t, args...)
	require.NotContains(t, output, canary)
	twice := 0
	for _, times := range server.Answered() {
		twice += times - 1
	}
	calls := server.Calls()
	server.Close()
	// Only what was under way at a kill may be asked for again: at most 16 requests,
	// the slots of the endpoint.
	t.Logf("%d kills, %d requests, %d of them for an answer that was lost with a kill", killed, calls, twice)
	require.LessOrEqual(t, twice, 16*killed)
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
	requireNoCanary(t, out)
	require.NotContains(t, must(t, "config", "show", "--config", filepath.Join(out, "config.yaml")), canary)
}

// TestASpentBudgetEndsWithItsExitCode and a higher one goes on.
func TestASpentBudgetEndsWithItsExitCode(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	out := filepath.Join(t.TempDir(), "run")
	code, output := propersim(t, "simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out, "--set", "models.budget.tokens=60000")
	require.Equal(t, 3, code, output)
	require.Contains(t, output, "models.budget")
	must(t, "resume", out, "--set", "models.budget.tokens=0")
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
}

// TestAnOutageIsWaitedFor: the server is away in mid-run; the runs wait and go on
// by themselves, no step lost or doubled.
func TestAnOutageIsWaitedFor(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Latency: 2 * time.Millisecond})
	t.Cleanup(server.Close)
	out := filepath.Join(t.TempDir(), "run")
	cmd := exec.Command(binary, "simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return server.Calls() > 100 }, time.Minute, time.Millisecond)
	away := outage(t)
	server.Change(func(c *fakemodel.Config) {
		c.Fault = func(*fakemodel.Request) fakemodel.Fault { return fakemodel.Error(503, "away") }
	})
	before := server.Calls()
	time.Sleep(away)
	during := server.Calls() - before
	server.Change(func(c *fakemodel.Config) { c.Fault = nil })
	require.NoError(t, cmd.Wait(), output.String())
	t.Logf("%d requests during %s", during, away)
	// What was under way, one more try, and a probe every ten seconds.
	require.LessOrEqual(t, during, 2*16+int(away/(10*time.Second))+1)
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
}

// outage is how long the server is away: PROPERSIM_E2E_OUTAGE, or 5 s.
func outage(t *testing.T) time.Duration {
	text := os.Getenv("PROPERSIM_E2E_OUTAGE")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "PROPERSIM_E2E_OUTAGE")
	return d
}

// TestPromptsCanBeLookedAt.
func TestPromptsCanBeLookedAt(t *testing.T) {
	require.Contains(t, must(t, "prompts", "ls"), "judge/candidate")
	require.Contains(t, must(t, "prompts", "show", "assistant/recommend"), "Variables:")
	require.Contains(t, must(t, "prompts", "diff", "embedded", "embedded"), "equal")
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	own := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(own, "assistant"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(own, "assistant", "recommend.tmpl"), []byte(`{{define "system"}}My own prompt.{{end}}{{define "user"}}{{data .Memory}}{{end}}`), 0o644))
	out := filepath.Join(t.TempDir(), "run")
	must(t, "simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out, "--personas", "1", "--prompts", own)
	require.Contains(t, must(t, "prompts", "diff", "embedded", out), "+{{define \"system\"}}My own prompt.{{end}}")
	figures, err := os.ReadFile(filepath.Join(out, "metrics.json"))
	require.NoError(t, err)
	require.Contains(t, string(figures), `"latency_p90"`)
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), `id="models"`)
	shown := must(t, "runs", "step", out, "80", "--prompts")
	require.Contains(t, shown, "My own prompt.")
	require.Contains(t, shown, "=== assistant/sample/0")
	require.Contains(t, must(t, "prompts", "render", out, "80", "assistant"), "My own prompt.")
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
}

// TestAFurtherJudgeIsKeptApart: its score sets lie beside the journal, the report
// shows how far it agrees, and compare does not mix its scores with others.
func TestAFurtherJudgeIsKeptApart(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	out, config := filepath.Join(t.TempDir(), "run"), modelConfig(t, server.BaseURL())
	must(t, "simulate", "--personas", "1", "--days", "1", "--set", "simulation.step=10m", "--method", "ars", "--out", out)
	before := hashes(t, out)
	require.Contains(t, must(t, "judge", "agreement", out, "--config", config, "--limit", "20"), "exact judge  timing")
	must(t, "rescore", out, "--config", config, "--name", "second")
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), "<h3>agreement-model</h3>")
	require.Contains(t, string(page), "itself, asked again")
	require.Equal(t, before, hashes(t, out))
	require.Contains(t, must(t, "compare", out, out, "--scores", "second"), "mean score")
	code, output := propersim(t, "compare", out, out, "--scores", "recorded,second")
	require.Equal(t, 2, code, output)
	require.Contains(t, output, "score sets (recorded against second); judges (exact against model, fake")
	require.Contains(t, must(t, "compare", out, out, "--scores", "recorded,second", "--mixed"), "mean score")
	code, output = propersim(t, "compare", out, out, "--scores", "agreement-model")
	require.Equal(t, 1, code, output)
	require.Contains(t, output, "a sample alone")
	requireNoCanary(t, out)
}

// TestTheExactJudgeScoresARecordAsItWasScored: a score set beside the run, which
// is not overwritten.
func TestTheExactJudgeScoresARecordAsItWasScored(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	must(t, "simulate", "--personas", "1-2", "--days", "2", "--method", "ars", "--out", out)
	require.Contains(t, must(t, "rescore", out, "--judge", "exact"), "candidates at")
	raw, err := os.ReadFile(filepath.Join(out, "scores", "exact.jsonl"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	require.Greater(t, len(lines), 1000)
	for _, line := range lines {
		var score struct{ Total, Recorded *int }
		require.NoError(t, json.Unmarshal([]byte(line), &score))
		require.Equal(t, score.Recorded, score.Total, line)
	}
	code, output := propersim(t, "rescore", out, "--judge", "exact")
	require.Equal(t, 2, code, output)
}
