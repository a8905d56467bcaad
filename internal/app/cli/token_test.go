package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
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

func TestASecretInTheFormsOfOthers(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for range 2 { // the second time nothing changes
		must(t, "token", "create", at("a")+"=qdrant:"+at("q.yaml"), at("b")+"=pgpass:"+at("pgpass"))
	}
	a, b := strings.TrimSpace(must(t, "token", "show", at("a"))), strings.TrimSpace(must(t, "token", "show", at("b")))
	require.Len(t, a, 64)
	require.NotEqual(t, a, b)
	for name, want := range map[string]string{"q.yaml": "service:\n  api_key: " + a + "\n", "pgpass": "*:*:*:*:" + b + "\n"} {
		got, err := os.ReadFile(at(name))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		info, err := os.Stat(at(name))
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}
	parsed, err := pgx.ParseConfig("postgres://propersim@localhost/propersim?passfile=" + at("pgpass"))
	require.NoError(t, err)
	require.Equal(t, b, parsed.Password)
	code, _, errOut := call(t, "token", "create", at("c")+"=yaml:"+at("d"))
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "qdrant:FILE or pgpass:FILE")
}
