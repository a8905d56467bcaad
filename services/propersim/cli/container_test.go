package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATokenIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	must(t, "token", "create", path)
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, string(first), 65)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.Contains(t, must(t, "token", "create", path), "already")
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, first, second)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
	code, _, _ := call(t, "token", "create", filepath.Join(path, "below"))
	require.Equal(t, 1, code)
}

func TestHealthOfNobody(t *testing.T) {
	code, _, _ := call(t, "health", "127.0.0.1:1")
	require.Equal(t, 1, code)
}
