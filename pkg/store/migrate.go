package store

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrate runs the migrations that the database does not have yet.
func migrate(ctx context.Context, db *DB, migrations fs.FS, name string) error {
	if info, err := fs.Stat(migrations, "migrations"); err == nil && info.IsDir() {
		if migrations, err = fs.Sub(migrations, "migrations"); err != nil {
			return err
		}
	}
	dialect := goose.DialectSQLite3
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if name != "" {
		opts = append(opts, goose.WithTableName(name+"_schema_version"))
	}
	if db.Dialect == Postgres {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return fmt.Errorf("migrate %s: %w", db.Name, err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db.writer, migrations, opts...)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", db.Name, err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return db.Err(fmt.Errorf("migrate: %w", err))
	}
	return nil
}
