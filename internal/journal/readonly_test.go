package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
)

// nobody is the user as whom a test reads what root wrote.
const nobody = 65534

// readOnlyFolder is an environment variable: the folder that the child of a test
// reads.
const readOnlyFolder = "PROPERSIM_TEST_READ_ONLY_FOLDER"

// verifyAs reads every run of the journal in a folder that cannot be written: as
// another user where the test is run by root, who can write everywhere.
func verifyAs(t *testing.T, dir string) (string, error) {
	t.Helper()
	if os.Getuid() != 0 {
		require.NoError(t, os.Chmod(dir, 0o555))
		defer func() { require.NoError(t, os.Chmod(dir, 0o755)) }()
		return verifyFolder(t.Context(), dir)
	}
	child := exec.Command(ownBinary(t, dir))
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return readerChild(child, dir)
}

// verifyMounted reads it on a read-only mount, in a mount namespace of its own.
func verifyMounted(t *testing.T, dir string) (string, error) {
	t.Helper()
	child := exec.Command("unshare", "--mount", "sh", "-e", "-c", `mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; exec "$0"`, ownBinary(t, dir), dir)
	return readerChild(child, dir)
}

// ownBinary returns a copy of the running test that every user can run.
func ownBinary(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(filepath.Dir(dir), "reader")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	self, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(binary, data, 0o755))
	return binary
}

// readerChild runs the other user, whose result or error is on standard error.
func readerChild(child *exec.Cmd, dir string) (string, error) {
	child.Dir = "/"
	child.Env = []string{readOnlyFolder + "=" + dir, "PATH=" + os.Getenv("PATH")}
	var out bytes.Buffer
	child.Stderr = &out
	err := child.Run()
	if err != nil {
		err = fmt.Errorf("%s: %w", out.String(), err)
	}
	return out.String(), err
}

// TestMain lets the test binary be another user or another writer.
func TestMain(m *testing.M) {
	if dsn := os.Getenv(writerDSN); dsn != "" {
		os.Exit(write(dsn, os.Getenv(writerRun)))
	}
	if dir := os.Getenv(readOnlyFolder); dir != "" {
		os.Exit(read(dir))
	}
	os.Exit(m.Run())
}

func read(dir string) int {
	if err := os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600); err == nil {
		fmt.Fprint(os.Stderr, "the folder can be written")
		return 1
	}
	found, err := verifyFolder(context.Background(), dir)
	if err != nil {
		fmt.Fprint(os.Stderr, err)
		return 1
	}
	fmt.Fprint(os.Stderr, found)
	return 0
}

// verifyFolder returns "RUN:STEPS" of every run.
func verifyFolder(ctx context.Context, dir string) (string, error) {
	r, err := OpenReader(ctx, filepath.Join(dir, "journal.db"))
	if err != nil {
		return "", err
	}
	runs, err := r.Runs(ctx)
	found := ""
	for _, run := range runs {
		state, verr := r.Verify(ctx, run.GetId())
		if verr != nil {
			return "", verr
		}
		found += fmt.Sprintf("%s:%d ", run.GetId(), state.Progress.GetSteps())
	}
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	return found, err
}

// public returns a folder that other users can read.
func public(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("", "journal")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(base)) })
	dir := filepath.Join(base, "results")
	require.NoError(t, errors.Join(os.Chmod(base, 0o755), os.Mkdir(dir, 0o755)))
	return dir
}

func names(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestAFolderThatCannotBeWrittenCanBeRead(t *testing.T) {
	dir := public(t)
	path := filepath.Join(dir, "journal.db")
	j, err := New(t.Context(), path)
	require.NoError(t, err)
	id := create(t, j, newRun("ann"))
	live(t, j, id, 0, 30)
	want := id + ":30 "

	t.Run("while it is written", func(t *testing.T) {
		got, err := verifyAs(t, dir)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	mounted := func(t *testing.T) {
		if exec.Command("unshare", "--mount", "true").Run() != nil {
			t.Skip("this user or system has no mount namespaces")
		}
		got, err := verifyMounted(t, dir)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	t.Run("on a read-only mount, while it is written", mounted)
	t.Run("after its writer was killed", func(t *testing.T) {
		killed := public(t)
		copyFiles(t, dir, killed, "journal.db", "journal.db-wal", "journal.db-shm")
		got, err := verifyAs(t, killed)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("a copy of a killed one", func(t *testing.T) {
		killed := public(t)
		copyFiles(t, dir, killed, "journal.db", "journal.db-wal")
		_, err := verifyAs(t, killed)
		require.ErrorContains(t, err, "copy the folder to a place that you can write")
	})
	t.Run("closed", func(t *testing.T) {
		require.NoError(t, j.Close())
		require.Equal(t, []string{"journal.db"}, names(t, dir))
		got, err := verifyAs(t, dir)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, []string{"journal.db"}, names(t, dir))
	})
	t.Run("closed, on a read-only mount", mounted)
	t.Run("in WAL mode without a WAL", func(t *testing.T) {
		db, err := sql.Open("sqlite3", "file:"+path)
		require.NoError(t, err)
		_, err = db.Exec("PRAGMA journal_mode = WAL; CREATE TABLE more (x)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		require.Equal(t, []string{"journal.db"}, names(t, dir))
		got, err := verifyAs(t, dir)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func copyFiles(t *testing.T, from, to string, files ...string) {
	t.Helper()
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(from, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, name), data, 0o644))
	}
}

// TestAReaderCreatesNothing opens what is not there, and what is there.
func TestAReaderCreatesNothing(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenReader(t.Context(), filepath.Join(dir, "none", "journal.db"))
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = OpenReader(t.Context(), filepath.Join(dir, "journal.db"))
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.Empty(t, names(t, dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "journal.db"), nil, 0o644))
	_, err = OpenReader(t.Context(), filepath.Join(dir, "journal.db"))
	require.ErrorIs(t, err, errs.ErrNotFound, "an empty file is no journal")
	_, err = OpenReader(t.Context(), ":memory:")
	require.ErrorIs(t, err, errs.ErrNotFound)
}
