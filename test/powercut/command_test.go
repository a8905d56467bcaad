//go:build linux

package powercut

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/powercut"
)

// digests returns the SHA-256 of every file of a folder.
func digests(t *testing.T, folder string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[path] = sha256.Sum256(data)
		return err
	}))
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
	at := t.TempDir()
	in := func(path string) string { return filepath.Join(at, path) }
	for name, one := range map[string]struct {
		line []string
		want []string
	}{
		"token create":    {[]string{"token", "create", in("token"), in("other")}, []string{"token", "other"}},
		"report":          {[]string{"report", source, "--out", in("reports/new")}, []string{"reports/new/metrics.json", "reports/new/report.html"}},
		"export pairs":    {[]string{"export", source, "pairs", "--out", in("pairs.jsonl")}, []string{"pairs.jsonl"}},
		"export steps":    {[]string{"export", source, "steps", "--out", in("steps.parquet")}, []string{"steps.parquet"}},
		"adapters export": {[]string{"adapters", "export", source, "adaeze", in("adapters/last")}, []string{"adapters/last/adapter_model.safetensors", "adapters/last/manifest.json"}},
		"persona import":  {[]string{"persona", "import", scratch, "--out", in("people/new")}, []string{"people/new/ada-byron.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(8) {
				disk := powercut.New(seed)
				unmount := mount(t, disk, at)
				// The exit code of an import says that the draft has gaps.
				out, err := run(t, never, one.line...)
				before := digests(t, at)
				disk.Cut()
				unmount()
				for _, path := range one.want {
					require.Contains(t, before, in(path), "%v: %s", err, out)
				}
				disk.Restore()
				unmount = mount(t, disk, at)
				after := digests(t, at)
				unmount()
				for path, digest := range before {
					require.Equal(t, digest, after[path], path)
				}
			}
		})
	}
}
