package outfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/outfile"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// alone checks that a folder has these names and nothing else, so no temporary
// file either.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.ElementsMatch(t, names, got)
}

func TestANewFileGetsItsMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new")
	require.NoError(t, outfile.WriteFile(path, []byte("x"), 0o600))
	require.Equal(t, "x", content(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	alone(t, dir, "new")
}

func TestAnExistingFileKeepsItsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "there")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	require.NoError(t, outfile.WriteFile(path, []byte("new"), 0o644))
	require.Equal(t, "new", content(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestASymbolicLinkStays(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	link, middle, target := filepath.Join(dir, "link"), filepath.Join(dir, "middle"), filepath.Join(other, "target")
	require.NoError(t, os.Symlink("middle", link))
	require.NoError(t, os.Symlink(target, middle))
	for _, text := range []string{"made through a dangling link", "replaced"} {
		require.NoError(t, outfile.WriteFile(link, []byte(text), 0o644))
		require.Equal(t, text, content(t, target))
	}
	for _, path := range []string{link, middle} {
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&os.ModeSymlink)
	}
	alone(t, dir, "link", "middle")
	alone(t, other, "target")
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	require.ErrorContains(t, outfile.WriteFile(loop, nil, 0o644), "too many symbolic links")
}

func TestDevicesAndPipesAreWrittenThrough(t *testing.T) {
	require.NoError(t, outfile.WriteFile("/dev/null", []byte("x"), 0o644))
	info, err := os.Stat("/dev/null")
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeDevice, "the device stays one")

	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	got := make(chan string)
	go func() {
		data, _ := os.ReadFile(pipe)
		got <- string(data)
	}()
	require.NoError(t, outfile.WriteFile(pipe, []byte("through"), 0o644))
	require.Equal(t, "through", <-got)
	info, err = os.Stat(pipe)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeNamedPipe)
}

func TestAFailureLeavesTheFileAsItWas(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "there")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	broken := errors.New("broken")
	err := outfile.Replace(path, 0o644, func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		require.NoError(t, err)
		return broken
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, "old", content(t, path))
	alone(t, dir, "there")

	f, err := outfile.Create(path, 0o644)
	require.NoError(t, err)
	require.NoError(t, f.Abort())
	require.NoError(t, f.Abort())
	require.Error(t, f.Commit())
	require.Equal(t, "old", content(t, path))
	alone(t, dir, "there")
}

// TestASetIsPutInPlaceAsAWhole: a file that cannot be finished leaves the others
// as they were.
func TestASetIsPutInPlaceAsAWhole(t *testing.T) {
	for name, full := range map[string]bool{"room": false, "full": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var set outfile.Set
			for _, name := range []string{"a", "b", "c"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o644))
				f, err := set.Create(filepath.Join(dir, name), 0o644)
				require.NoError(t, err)
				_, err = io.WriteString(f, "new")
				require.NoError(t, err)
				if full && name == "b" {
					require.NoError(t, f.Abort()) // Commit cannot finish it
				}
			}
			want, err := "new", set.Commit()
			if full {
				want = "old"
				require.ErrorContains(t, err, filepath.Join(dir, "b")+" cannot be written")
			} else {
				require.NoError(t, err)
			}
			require.NoError(t, set.Abort())
			for _, name := range []string{"a", "b", "c"} {
				require.Equal(t, want, content(t, filepath.Join(dir, name)))
			}
			alone(t, dir, "a", "b", "c")
		})
	}
}

func TestTheMessageNamesThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "such", "folder")
	require.EqualError(t, outfile.WriteFile(path, nil, 0o644), path+" cannot be written: no such file or directory")
	require.ErrorContains(t, outfile.WriteFile(t.TempDir(), nil, 0o644), "is a directory")
}

func TestFoldersAreMadeWhereTheyAreMissing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b")
	for range 2 {
		require.NoError(t, outfile.MkdirAll(path, 0o755))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.True(t, info.IsDir())
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	require.ErrorIs(t, outfile.MkdirAll(filepath.Join(dir, "file"), 0o755), syscall.ENOTDIR)
	require.ErrorIs(t, outfile.MkdirAll(filepath.Join(dir, "file", "below"), 0o755), syscall.ENOTDIR)
}

// TestWhatAKillLeaves: temporary files tell what they were to become, and are removed
// for one file alone.
func TestWhatAKillLeaves(t *testing.T) {
	dir := t.TempDir()
	f, err := outfile.Create(filepath.Join(dir, "a-b"), 0o644)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	target, ok := outfile.TemporaryOf(entries[0].Name())
	require.True(t, ok)
	require.Equal(t, "a-b", target)
	require.NoError(t, f.Abort())
	for _, name := range []string{"", ".", "a", ".a", "a-1", ".a-", ".-1", ".a-x"} {
		_, ok := outfile.TemporaryOf(name)
		require.False(t, ok, name)
	}
	for _, name := range []string{".a-1", ".a-2", ".a-b-1", "a", ".a-x"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, outfile.RemoveLeftOver(filepath.Join(dir, "a")))
	alone(t, dir, ".a-b-1", "a", ".a-x")
}
