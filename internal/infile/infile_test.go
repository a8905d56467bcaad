package infile_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/pkg/errs"
)

func TestAFileIsReadUpToItsLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(path, []byte("12345"), 0o644))
	data, err := infile.Read(t.Context(), path, 5)
	require.NoError(t, err)
	require.Equal(t, "12345", string(data))
	_, err = infile.Read(t.Context(), path, 4)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "want at most 4 bytes")
	_, err = infile.Read(t.Context(), "/dev/zero", 1<<20)
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, err = infile.Read(t.Context(), filepath.Join(t.TempDir(), "none"), 1)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTheEndOfAContextEndsTheReading(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := infile.Read(ctx, pipe, 1)
	require.ErrorIs(t, err, errs.ErrCanceled)
	release(t, pipe)
}

// TestASecretComesFromAPipeToo: whoever reads it after the first gets the same.
func TestASecretComesFromAPipeToo(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	require.NoError(t, os.WriteFile(file, []byte("old"), 0o600))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	go func() { _ = os.WriteFile(pipe, []byte("once"), 0) }()
	for range 3 {
		data, err := infile.Secret(pipe)
		require.NoError(t, err)
		require.Equal(t, "once", string(data))
		data, err = infile.Secret(file)
		require.NoError(t, err)
		require.Equal(t, "old", string(data))
	}
	require.NoError(t, os.WriteFile(file, []byte("new"), 0o600))
	data, err := infile.Secret(file)
	require.NoError(t, err)
	require.Equal(t, "new", string(data), "a file that was replaced is read again")
	_, err = infile.Secret("/dev/zero")
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, err = infile.Secret(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// release lets the abandoned reader of a pipe end.
func release(t *testing.T, pipe string) {
	t.Helper()
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
}
