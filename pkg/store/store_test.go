package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3/lock"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store/storetest"
)

var migrations = fstest.MapFS{"migrations/00001_things.sql": {Data: []byte(`-- +goose Up
CREATE TABLE things (
  owner TEXT NOT NULL,
  number BIGINT NOT NULL,
  weight DOUBLE PRECISION NOT NULL,
  body BYTEA NOT NULL,
  PRIMARY KEY (owner, number)
);
-- +goose Down
DROP TABLE things;
`)}}

func TestOneSetOfQueriesServesEveryDatabase(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "store") {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			db, err := Open(ctx, dsn, migrations, Name("things"))
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()

			body := []byte("\x00\x01 12345 \xff")
			err = db.Update(ctx, func(tx *sql.Tx) error {
				for i := range 12 {
					if _, err := tx.ExecContext(ctx, "INSERT INTO things (owner, number, weight, body) VALUES ($1, $2, $3, $4)", "ann", i, 0.5, body); err != nil {
						return err
					}
				}
				return nil
			})
			require.NoError(t, err)

			// Ten and more placeholders keep their places.
			var n int
			require.NoError(t, db.QueryRowContext(ctx, `SELECT count(*) FROM things WHERE owner = $1 AND number IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AND weight = $12`,
				"ann", 0, 1, 2, 3, 4, 5, 6, 7, 8, 99, 0.5).Scan(&n))
			require.Equal(t, 9, n)

			var back []byte
			require.NoError(t, db.QueryRowContext(ctx, "SELECT body FROM things WHERE owner = $1 AND number = $2", "ann", 11).Scan(&back))
			require.True(t, bytes.Equal(body, back))

			_, err = db.ExecContext(ctx, "INSERT INTO things (owner, number, weight, body) VALUES ($1, $2, $3, $4)", "ann", 3, 0.5, body)
			require.True(t, IsUnique(err), "%v", err)
			_, err = db.ExecContext(ctx, "INSERT INTO things (owner, number, weight, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", "ann", 3, 0.5, body)
			require.NoError(t, err)

			failed := db.Update(ctx, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, "DELETE FROM things")
				require.NoError(t, err)
				return fmt.Errorf("no: %w", errs.ErrPrecondition)
			})
			require.ErrorIs(t, failed, errs.ErrPrecondition)
			require.NoError(t, db.QueryRowContext(ctx, "SELECT count(*) FROM things").Scan(&n))
			require.Equal(t, 12, n)
		})
	}
}

func TestWhatWasCommittedIsThereAfterOpeningAgain(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := Open(ctx, "sqlite:"+path, migrations)
	require.NoError(t, err)
	_, err = db.ExecContext(ctx, "INSERT INTO things (owner, number, weight, body) VALUES ($1, $2, $3, $4)", "ann", 1, 1, []byte{1})
	require.NoError(t, err)
	require.NoError(t, db.Close())

	db, err = Open(ctx, path, migrations, ReadOnly())
	require.NoError(t, err)
	defer db.Close()
	var n int
	require.NoError(t, db.QueryRowContext(ctx, "SELECT count(*) FROM things").Scan(&n))
	require.Equal(t, 1, n)
	_, err = db.ExecContext(ctx, "DELETE FROM things")
	require.ErrorIs(t, err, errs.ErrDenied)
}

func TestFaultsHaveNames(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	require.NoError(t, os.WriteFile(garbage, bytes.Repeat([]byte("not a database. "), 512), 0o600))
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))

	for _, c := range []struct {
		name, dsn string
		opts      []Option
		want      error
	}{
		{"a file that is no database", garbage, nil, errs.ErrDataLoss},
		{"a folder in place of a file", dir, nil, errs.ErrInvalid},
		{"a folder that cannot be made", filepath.Join(plain, "x", "a.db"), nil, errs.ErrDenied},
		{"a folder that cannot be written", "/proc/a.db", nil, errs.ErrDenied},
		{"a missing file to read", filepath.Join(dir, "none.db"), []Option{ReadOnly()}, errs.ErrNotFound},
		{"a file in place of a folder to read", filepath.Join(plain, "a.db"), []Option{ReadOnly()}, errs.ErrNotFound},
		{"a server that is away", "postgres://u:secret@127.0.0.1:1/x?connect_timeout=2", nil, errs.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(ctx, c.dsn, migrations, c.opts...)
			require.ErrorIs(t, err, c.want)
			require.NotContains(t, err.Error(), "secret")
			if c.want == errs.ErrDataLoss {
				require.Contains(t, err.Error(), garbage)
			}
		})
	}
}

func TestDamagedPagesAreDataLoss(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := Open(ctx, path, migrations)
	require.NoError(t, err)
	for i := range 400 {
		_, err = db.ExecContext(ctx, "INSERT INTO things (owner, number, weight, body) VALUES ($1, $2, $3, $4)", "ann", i, 1, make([]byte, 500))
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := len(data) / 3; i < len(data); i++ {
		data[i] = 0xa5
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))

	db, err = Open(ctx, path, migrations)
	if err == nil {
		defer db.Close()
		_, err = db.ExecContext(ctx, "UPDATE things SET weight = weight + 1")
	}
	require.ErrorIs(t, err, errs.ErrDataLoss)
	require.Contains(t, err.Error(), path)
}

func TestAFullDiskIsExhausted(t *testing.T) {
	ctx := context.Background()
	db, err := Open(ctx, filepath.Join(t.TempDir(), "a.db"), migrations)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(ctx, "PRAGMA max_page_count = 20")
	require.NoError(t, err)
	for i := range 100 {
		if _, err = db.ExecContext(ctx, "INSERT INTO things (owner, number, weight, body) VALUES ($1, $2, $3, $4)", "ann", i, 1, make([]byte, 3000)); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, errs.ErrExhausted)
}

// A container may have no folder for temporary files at all: large statements,
// sorts and savepoints must do without.
func TestNoTemporaryFilesAreNeeded(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	t.Setenv("SQLITE_TMPDIR", "")
	ctx := context.Background()
	db, err := Open(ctx, filepath.Join(t.TempDir(), "a.db"), migrations)
	require.NoError(t, err)
	defer db.Close()
	insert := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
		INSERT INTO things (owner, number, weight, body) SELECT $1, i, random(), randomblob(600) FROM n`
	_, err = db.ExecContext(ctx, insert, "ann")
	require.NoError(t, err)
	_, err = db.ExecContext(ctx, "UPDATE things SET weight = weight + 1, number = number + 100000")
	require.NoError(t, err)
	var n int
	require.NoError(t, db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT body FROM things ORDER BY weight, body LIMIT 19000)").Scan(&n))
	require.Equal(t, 19000, n)
}

func TestADatabaseThatIsUpToDateOpensWhileAnotherProcessMigrates(t *testing.T) {
	ctx := t.Context()
	dsn := storetest.Postgres(t, "migrating")
	first, err := Open(ctx, dsn, migrations, Name("things"))
	require.NoError(t, err)
	defer first.Close()
	holder, err := first.Conn(ctx)
	require.NoError(t, err)
	defer holder.Close()
	_, err = holder.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, lock.DefaultLockID)
	require.NoError(t, err)
	defer func() {
		_, err := holder.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, lock.DefaultLockID)
		require.NoError(t, err)
	}()

	second, err := Open(ctx, dsn, migrations, Name("things"))
	require.NoError(t, err)
	require.NoError(t, second.Close())

	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = Open(short, dsn, migrations, Name("others"))
	require.ErrorIs(t, err, context.DeadlineExceeded, "a migration that is pending waits for the lock")
}
