package store

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
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
	dialect, versions := goose.DialectSQLite3, goose.DefaultTablename
	if name != "" {
		versions = name + "_schema_version"
	}
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
