//go:build linux

package powercut

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/powercut"
)

// digests returns the SHA-256 of the files of a folder that match patterns. Each
// pattern must match.
func digests(t *testing.T, folder string, patterns []string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, paths, pattern)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			out[path] = sha256.Sum256(data)
		}
	}
	return out
}

// TestWhatACommandWroteSurvivesAPowerCut cuts the power right after a command that
// writes files has ended.
func TestWhatACommandWroteSurvivesAPowerCut(t *testing.T) {
	never := func() bool { return false }
	source := filepath.Join(t.TempDir(), "source")
	out, err := run(t, never, simulate(source)...)
	require.NoError(t, err, out)
	scratch := filepath.Join(t.TempDir(), "scratch.json")
	require.NoError(t, os.WriteFile(scratch, []byte(`{"first_name": "Ada", "last_name": "Byron", "age": 30, "innate": "curious"}`), 0o644))
	for name, one := range map[string]struct{ line, want []string }{
		"token create":    {[]string{"token", "create", "token", "other"}, []string{"token", "other"}},
		"simulate":        {[]string{"simulate", "--personas", "1", "--days", "1", "--step", "1h"}, []string{"runs/*/metrics.json", "runs/*/report.html", "runs/*/config.yaml"}},
		"report":          {[]string{"report", source, "--out", "reports/new"}, []string{"reports/new/metrics.json", "reports/new/report.html"}},
		"export pairs":    {[]string{"export", source, "pairs", "--out", "pairs.jsonl"}, []string{"pairs.jsonl"}},
		"export steps":    {[]string{"export", source, "steps", "--out", "steps.parquet"}, []string{"steps.parquet"}},
		"adapters export": {[]string{"adapters", "export", source, "adaeze", "adapters/last"}, []string{"adapters/last/adapter_model.safetensors", "adapters/last/manifest.json"}},
		"persona import":  {[]string{"persona", "import", scratch, "--out", "people/new"}, []string{"people/new/ada-byron.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			at := t.TempDir()
			for seed := range uint64(8) {
				disk := powercut.New(seed)
				unmount := mount(t, disk, at)
				// The exit code of an import says that the draft has gaps.
				out, err := runIn(t, at, never, one.line...)
				t.Logf("%v: %s", err, out)
				before := digests(t, at, one.want)
				disk.Cut()
				unmount()
				disk.Restore()
				unmount = mount(t, disk, at)
				after := digests(t, at, one.want)
				unmount()
				require.Equal(t, before, after)
			}
		})
	}
}
