package store

import (
	"context"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
)

// TestReadOnlyWantsTheTablesOfThisVersion opens files that no migration has made, an
// older one, and this one, and leaves each as it was.
func TestReadOnlyWantsTheTablesOfThisVersion(t *testing.T) {
	first := fstest.MapFS{"migrations/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (x BIGINT);\n-- +goose Down\nDROP TABLE a;\n")}}
	both := fstest.MapFS{"migrations/00002_b.sql": {Data: []byte("-- +goose Up\nCREATE TABLE b (x BIGINT);\n-- +goose Down\nDROP TABLE b;\n")}}
	both["migrations/00001_a.sql"] = first["migrations/00001_a.sql"]
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "a.db")
	open := func(name string, migrations fstest.MapFS, opts ...Option) error {
		db, err := Open(ctx, path, migrations, append(opts, Name(name))...)
		if err != nil {
			return err
		}
		return db.Close()
	}
	require.ErrorIs(t, open("a", first, ReadOnly()), errs.ErrNotFound, "no file")
	require.NoError(t, open("a", first))
	require.NoError(t, open("a", first, ReadOnly()))
	require.ErrorIs(t, open("b", first, ReadOnly()), errs.ErrNotFound, "the tables of another service")
	err := open("a", both, ReadOnly())
	require.ErrorIs(t, err, errs.ErrPrecondition)
	require.Contains(t, err.Error(), "an older version (1, want 2)")
	require.NoError(t, open("a", first, ReadOnly()), "it was left as it is")
	require.NoError(t, open("a", both))
	require.NoError(t, open("a", both, ReadOnly()))
	require.NoError(t, open("a", first, ReadOnly()), "a newer version")
}
