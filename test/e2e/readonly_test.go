package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is the user as whom results are read that root has written.
const nobody = 65534

// TestResultsAreReadWhereNothingCanBeWritten: every command that only reads works on
// a folder of another user and on a read-only mount, and a command that writes names
// what cannot be written.
func TestResultsAreReadWhereNothingCanBeWritten(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be another user")
	}
	base, err := os.MkdirTemp("", "readonly")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(base)) })
	program, results, free := filepath.Join(base, "propersim"), filepath.Join(base, "results"), filepath.Join(base, "free")
	data, err := os.ReadFile(binary)
	require.NoError(t, err)
	require.NoError(t, errors.Join(os.Chmod(base, 0o755), os.WriteFile(program, data, 0o755), os.Mkdir(free, 0o755), os.Chown(free, nobody, nobody)))
	must(t, "simulate", "--personas", "1", "--days", "2", "--step", "15m", "--method", "proper,silent", "--out", results)
	before := names(t, results)

	another := func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd
	}
	mounted := func(args ...string) *exec.Cmd {
		script := `mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$0" "$@"`
		return exec.Command("unshare", append([]string{"--mount", "sh", "-e", "-c", script, program, results}, args...)...)
	}
	for name, run := range map[string]func(args ...string) *exec.Cmd{"another user": another, "a read-only mount": mounted} {
		t.Run(name, func(t *testing.T) {
			if name == "a read-only mount" && exec.Command("unshare", "--mount", "true").Run() != nil {
				t.Skip("this system has no mount namespaces")
			}
			for _, args := range [][]string{
				{"runs", "ls", results},
				{"replay", "--verify", results},
				{"report", results, "--steps", "--out", filepath.Join(free, "report")},
				{"export", results, "pairs", "--out", filepath.Join(free, "pairs.jsonl")},
				{"export", results, "pairs", "--format", "parquet", "--out", filepath.Join(free, "pairs.parquet")},
				{"export", results, "steps", "--out", filepath.Join(free, "steps.parquet")},
				{"export", results, "entries", "--out", filepath.Join(free, "entries.jsonl")},
				{"compare", results + ":proper", results + ":silent"},
			} {
				cmd := run(args...)
				cmd.Dir = "/"
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%v: %s", args, out)
			}
			for _, args := range [][]string{{"resume", results}, {"report", results}, {"export", results}} {
				out, err := run(args...).CombinedOutput()
				require.Error(t, err)
				require.Regexp(t, "cannot be written: (permission denied|read-only file system)", string(out))
				require.NotContains(t, string(out), "sqlite")
			}
			require.Equal(t, before, names(t, results))
			require.NoError(t, os.RemoveAll(free))
			require.NoError(t, errors.Join(os.Mkdir(free, 0o755), os.Chown(free, nobody, nobody)))
		})
	}
}

// names lists every file below a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		out.WriteString(path + "\n")
		return err
	}))
	return out.String()
}
