package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
)

// TestARecordedModelRunIsReplayedWithoutANetwork: once the server is gone, and
// as root on Linux in a network namespace that has no interface up either, every
// prompt has its recorded digest, candidates, verdicts, pairs and notes are what
// they were, and the report is the same, byte by byte.
func TestARecordedModelRunIsReplayedWithoutANetwork(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	out := filepath.Join(t.TempDir(), "run")
	must(t, "simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out)
	before, again := filepath.Join(t.TempDir(), "report"), filepath.Join(t.TempDir(), "report") // a report bears the name of its folder
	must(t, "report", out, "--out", before)
	asked := server.Calls()

	offline := []string{}
	if exec.Command("unshare", "--net", "true").Run() == nil {
		offline = []string{"unshare", "--net"}
	} else {
		t.Log("no network namespace here (it takes root on Linux): the server refuses every connection instead")
		server.Config.SetKeepAlivesEnabled(false)
		require.NoError(t, server.Listener.Close())
	}
	run := func(args ...string) string {
		args = append(append(offline, binary), args...)
		said, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
		require.NoError(t, err, "%v: %s", args, said)
		return string(said)
	}
	verified := run("replay", "--verify", out)
	require.Contains(t, verified, "ok")
	t.Log(verified)
	run("report", out, "--out", again)
	for _, name := range []string{"report.html", "metrics.json"} {
		require.True(t, read(t, filepath.Join(before, name)) == read(t, filepath.Join(again, name)), "%s differs", name)
	}
	require.Equal(t, asked, server.Calls())
}

// TestARunOfSixProcessesIsDerivedAgain: the data of served services have no
// configuration of models, so that --config (in containers the environment) gives
// it. Without one, the program says what it did not check.
func TestARunOfSixProcessesIsDerivedAgain(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	config := modelConfig(t, server.BaseURL())
	c := startConstellation(t, "--config", config)
	client, said := c.simulate(filepath.Join(t.TempDir(), "run"), "--config", config, "--personas", "1")
	require.NoError(t, client.Wait(), said.String())
	asked := server.Calls()
	require.Regexp(t, `\d+ prompts +ok`, must(t, "replay", "--verify", c.data, "--config", config))
	require.Equal(t, asked, server.Calls())
	unknown := must(t, "replay", "--verify", c.data)
	require.Contains(t, unknown, "was not played again with the recorded answers of its models: its models are not configured here")
	require.NotContains(t, unknown, "prompts")
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}
