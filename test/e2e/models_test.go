package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
)

// modelConfig writes a configuration in which a server plays every role, with
// the canary as its key.
func modelConfig(t *testing.T, url string, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(key, []byte(canary), 0o600))
	lines := []string{
		"models:", "  endpoints:", "    test: {url: \"" + url + "\", slots: 16, key_file: " + key + "}", "  roles:",
		"    planner: {endpoint: test, model: fake-planner}", "    judge: {endpoint: test, model: fake-judge}", "    assistant: {endpoint: test, model: fake-assistant}",
		"    summarizer: {endpoint: test, model: fake-summarizer}", "    embedder: {endpoint: test, model: fake-embedder}",
		"backends: {planner: model, judge: hybrid, assistant: model, summarizer: model, embedder: model}",
		"simulation: {methods: [ars], days: 1, step: 10m, personas: 1-3}",
	}
	path := filepath.Join(dir, "models.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(append(lines, more...), "\n")+"\n"), 0o644))
	return path
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

// TestAnUnusableSummaryEndsARunThatMoreRepairsResume: its answers are on record, so
// that the same repairs end it again without a request; one repair more asks anew.
func TestAnUnusableSummaryEndsARunThatMoreRepairsResume(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Fault: func(r *fakemodel.Request) fakemodel.Fault {
		if r.Model == "fake-summarizer" && len(r.Messages) <= 6 { // the prompt, and two answers with their complaints
			return fakemodel.Content("11:00, 11:00, 11:00")
		}
		return nil
	}})
	t.Cleanup(server.Close)
	out := filepath.Join(t.TempDir(), "run")
	code, output := propersim(t, "simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out, "--personas", "1")
	require.Equal(t, 1, code, output)
	require.Contains(t, output, "11:00, 11:00", "the last answer")
	require.Contains(t, output, "a higher models.repairs asks again, also in resume")
	before := server.Calls()
	code, output = propersim(t, "resume", out)
	require.Equal(t, 1, code, output)
	require.Equal(t, before, server.Calls(), "no answer is paid for twice")
	must(t, "resume", out, "--set", "models.repairs=3")
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
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
