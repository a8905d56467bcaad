package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallDisk mounts a disk of a size such as "3m"; grow makes it large enough for
// everything.
func smallDisk(t *testing.T, size string) (at string, grow func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a small disk can be mounted by root alone")
	}
	at = filepath.Join(t.TempDir(), "small")
	require.NoError(t, os.Mkdir(at, 0o755))
	if err := syscall.Mount("tmpfs", at, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no tmpfs can be mounted: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(at, syscall.MNT_DETACH)) })
	return at, func() {
		require.NoError(t, syscall.Mount("tmpfs", at, "tmpfs", syscall.MS_REMOUNT, "size=64m"))
	}
}

// TestAFullDiskLosesNothing runs on a disk that is too small, makes room, and
// resumes. The error says how; a log that cannot be written is said once.
func TestAFullDiskLosesNothing(t *testing.T) {
	small, grow := smallDisk(t, "3m")
	whole, cut := filepath.Join(t.TempDir(), "whole"), filepath.Join(small, "cut")
	experiment := []string{"--personas", "1-2", "--days", "4", "--seed", "7"}
	must(t, append([]string{"simulate", "--out", whole}, experiment...)...)
	code, out := propersim(t, append([]string{"simulate", "--out", cut}, experiment...)...)
	require.Equal(t, 1, code, out)
	require.Regexp(t, "(?i)full|no space", out)
	require.Regexp(t, `Every committed step is kept. Make room, then resume with .*resume `+regexp.QuoteMeta(cut), out)
	require.LessOrEqual(t, strings.Count(out, "services.log"), 1, out)
	grow()
	must(t, "resume", cut)
	require.Equal(t, hashes(t, whole), hashes(t, cut))
	must(t, "replay", "--verify", cut)
}

// TestADiskThatIsFullAtTheStartIsNamed: SQLite has no error of its own for it. The
// same command starts the experiment when there is room.
func TestADiskThatIsFullAtTheStartIsNamed(t *testing.T) {
	for _, size := range []string{"64k", "300k", "400k"} {
		small, grow := smallDisk(t, size)
		line := []string{"simulate", "--out", filepath.Join(small, "a"), "--personas", "1", "--days", "1", "--step", "1h"}
		code, out := propersim(t, line...)
		require.Equal(t, 1, code, out)
		require.Contains(t, out, "has no space left on its disk", size)
		grow()
		must(t, line...)
	}
}

// TestAFullDiskKeepsTheFilesThatAreThere: an export or a report that does not fit
// leaves the file as it was, and no other file.
func TestAFullDiskKeepsTheFilesThatAreThere(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from")
	must(t, "simulate", "--out", from, "--personas", "1", "--days", "1")
	for name, line := range map[string][]string{
		"pairs.jsonl":   {"export", from, "pairs"},
		"steps.parquet": {"export", from, "steps"},
		"entries.jsonl": {"export", from, "entries"},
		"report.html":   {"report", from},
	} {
		small, _ := smallDisk(t, "16k")
		at := filepath.Join(small, name)
		require.NoError(t, os.WriteFile(at, []byte("old"), 0o644))
		to := at
		if name == "report.html" {
			to = small
		}
		code, out := propersim(t, append(line, "--out", to)...)
		require.Equal(t, 1, code, "%s: %s", name, out)
		require.Contains(t, out, "no space left on device", name)
		data, err := os.ReadFile(at)
		require.NoError(t, err)
		require.Equal(t, "old", string(data), name)
		files, err := os.ReadDir(small)
		require.NoError(t, err)
		require.Len(t, files, 1, name)
	}
}

// TestAReportOnAFullDiskIsOfOneAge: metrics.json and report.html are put in place
// together, also where there is room for one of them alone.
func TestAReportOnAFullDiskIsOfOneAge(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from")
	must(t, "simulate", "--out", from, "--personas", "1", "--days", "1")
	room := func(name string) int64 {
		info, err := os.Stat(filepath.Join(from, name))
		require.NoError(t, err)
		return info.Size()
	}
	metrics, page := room("metrics.json"), room("report.html")
	for at, fits := range map[int64]bool{
		metrics / 2:                   false,
		metrics + page/2:              false, // the first file fits
		2 * (metrics + page + 64<<10): true,
	} {
		small, _ := smallDisk(t, strconv.FormatInt(at, 10))
		names := []string{"metrics.json", "report.html"}
		for _, name := range names {
			require.NoError(t, os.WriteFile(filepath.Join(small, name), nil, 0o644))
		}
		code, out := propersim(t, "report", from, "--out", small)
		require.Equal(t, fits, code == 0, "%d bytes: %s", at, out)
		files, err := os.ReadDir(small)
		require.NoError(t, err)
		require.Len(t, files, len(names), "%d bytes", at)
		for _, f := range files {
			info, err := f.Info()
			require.NoError(t, err)
			require.Equal(t, fits, info.Size() > 0, "%d bytes: %s", at, f.Name())
		}
	}
}
