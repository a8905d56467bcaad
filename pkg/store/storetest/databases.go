// Package storetest gives tests a fresh database of every kind that pkg/store
// opens.
package storetest

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"
)

// Server is the environment variable with the DSN of a PostgreSQL server for
// tests. Without it the tests use SQLite alone.
const Server = "PROPERSIM_TEST_POSTGRES"

// Databases returns the DSN of a new, empty database by kind: "file" and
// "memory" for SQLite, and "postgres" if the variable Server is set. name, in
// lower case letters, tells the schemas of tests apart.
func Databases(t testing.TB, name string) map[string]string {
	t.Helper()
	// The characters of the path mean something in a DSN.
	out := map[string]string{"file": filepath.Join(t.TempDir(), "deep er", "a?b#%41.db"), "memory": ":memory:"}
	if base := os.Getenv(Server); base != "" {
		out["postgres"] = schema(t, base, name)
	} else {
		t.Logf("PostgreSQL is not tested: %s is not set", Server)
	}
	return out
}

// Postgres returns the DSN of a new, empty schema, and skips the test if the
// variable Server is not set.
func Postgres(t testing.TB, name string) string {
	t.Helper()
	base := os.Getenv(Server)
	if base == "" {
		t.Skipf("%s is not set", Server)
	}
	return schema(t, base, name)
}

// schema creates a schema of its own on a server, and drops it after the test.
func schema(t testing.TB, base, name string) string {
	t.Helper()
	schema := fmt.Sprintf("%s_test_%d", name, time.Now().UnixNano())
	admin, err := sql.Open("pgx", base)
	require.NoError(t, err)
	_, err = admin.Exec("CREATE SCHEMA " + schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec("DROP SCHEMA " + schema + " CASCADE")
		require.NoError(t, err)
		require.NoError(t, admin.Close())
	})
	u, err := url.Parse(base)
	require.NoError(t, err)
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
