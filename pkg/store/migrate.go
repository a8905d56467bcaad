package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/propersim/propersim/pkg/errs"
)

// A process that finds another one migrating asks for the lock again after lockPeriod
// seconds, for at most lockPeriods times that.
const (
	lockPeriod  = 1
	lockPeriods = 300
)

// migrate runs the migrations that the database does not have yet. Processes that
// share a PostgreSQL server migrate one after the other; a process that finds nothing
// to do takes no lock, so that many may start at once.
func migrate(ctx context.Context, db *DB, migrations fs.FS, name string) error {
	if info, err := fs.Stat(migrations, "migrations"); err == nil && info.IsDir() {
		if migrations, err = fs.Sub(migrations, "migrations"); err != nil {
			return err
		}
	}
	dialect, versions := goose.DialectSQLite3, versionTable(name)
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithTableName(versions)}
	if db.Dialect == Postgres {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriod, lockPeriods))
		if err != nil {
			return fmt.Errorf("migrate %s: %w", db.Name, err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db.writer, migrations, opts...)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", db.Name, err)
	}
	if db.Dialect == Postgres && upToDate(ctx, db, provider, versions) {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return db.opening(fmt.Errorf("migrate: %w", err))
	}
	return nil
}

// versionTable is the name of the table of schema versions of a service.
func versionTable(name string) string {
	if name == "" {
		return goose.DefaultTablename
	}
	return name + "_schema_version"
}

// requireMigrated checks, without writing, that a database has the tables that the
// migrations make: ErrNotFound for one without tables, ErrPrecondition for one with
// tables of an older version.
func requireMigrated(ctx context.Context, db *DB, migrations fs.FS, name string) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err == nil && len(files) == 0 {
		files, err = fs.Glob(migrations, "*.sql")
	}
	if err != nil {
		return err
	}
	newest := int64(0)
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return fmt.Errorf("migration %s: %w", file, err)
		}
		newest = max(newest, version)
	}
	var found sql.NullInt64
	err = db.QueryRowContext(ctx, `SELECT MAX(version_id) FROM `+versionTable(name)+` WHERE is_applied`).Scan(&found)
	switch {
	case err != nil && hasSentinel(db.Err(err)):
		return db.Err(err)
	case err != nil:
		return fmt.Errorf("database %s has no tables of this service: %w", db.Name, errs.ErrNotFound)
	case found.Int64 < newest:
		return fmt.Errorf("database %s has the tables of an older version (%d, want %d), which are migrated when its service starts: %w", db.Name, found.Int64, newest, errs.ErrPrecondition)
	}
	return nil
}

// upToDate reports that no migration is pending, without a lock. Where it cannot say,
// it reports false, and migrating finds out. It creates nothing: goose creates its
// table of versions where that is missing.
func upToDate(ctx context.Context, db *DB, provider *goose.Provider, versions string) bool {
	var there bool
	if err := db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, versions).Scan(&there); err != nil || !there {
		return false
	}
	pending, err := provider.HasPending(ctx)
	return err == nil && !pending
}
