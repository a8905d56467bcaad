// Package store opens the database of a service: SQLite in a file or in memory,
// or PostgreSQL, by DSN. It migrates the tables and maps errors of the database to
// those of pkg/errs.
//
// One set of queries serves both:
//   - placeholders are $1, $2, ... and first appear in ascending order, because
//     SQLite numbers named parameters by their first appearance;
//   - types are BIGINT, DOUBLE PRECISION, TEXT and BYTEA. SQLite gives BYTEA a
//     numeric affinity, which does not change bytes;
//   - INSERT ... ON CONFLICT and RETURNING work in both.
package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Dialect is the kind of database behind a DB.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// DB is an open database. The embedded pool is for reading; ExecContext and
// BeginTx use the writer. The writer of SQLite has a single connection, so that
// writers of one process queue here and not at the file's lock. A database in
// memory has one connection for everything: finish reading rows before the next
// query.
type DB struct {
	*sql.DB
	// Dialect is the kind of database.
	Dialect Dialect
	// Name is the file, or the DSN without its password. It is for logs: callers of
	// a service must not read it.
	Name string

	writer *sql.DB
	rests  bool // Close leaves the file so that it opens read-only
}

// Option changes how a database is opened.
type Option func(*options)

type options struct {
	readOnly bool
	// immutable reads a file without locks and without a WAL; only with readOnly.
	immutable bool
	name      string
	before    func(context.Context, *DB) error
	vfs       string
	crashSafe bool
	busy      time.Duration // how long to wait for other processes
}

// ReadOnly opens an existing database as it is: no migration, no writing. The
// folder of a file need not be writable, unless the process that last wrote it
// was killed and its WAL is pending.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// Name sets the name of the table of schema versions, so that services can share
// one PostgreSQL database: "buffer" uses "buffer_schema_version".
func Name(service string) Option { return func(o *options) { o.name = service } }

// CrashSafe lets a commit of SQLite return before it is on disk: it survives a crash
// of the process, though not a power cut. For what can be made again.
func CrashSafe() Option { return func(o *options) { o.crashSafe = true } }

// Before runs a check on the opened database before its migrations; its error ends
// Open.
func Before(check func(context.Context, *DB) error) Option {
	return func(o *options) { o.before = check }
}

// VFS makes SQLite use the file system that is registered under a name with
// package vfs of the driver, for tests of power cuts.
func VFS(name string) Option { return func(o *options) { o.vfs = name } }

// Open opens the database at dsn and runs the goose migrations at the root of
// migrations, or in its folder "migrations"; nil means none.
//
// dsn is "postgres://...", "sqlite:PATH", PATH, or ":memory:". Open creates the
// folder of a file, and several processes may create one file at once. A commit is
// on disk when it returns, unless CrashSafe. Errors: ErrDataLoss for a damaged file,
// ErrDenied for one that cannot be written, ErrExhausted for a full disk,
// ErrUnavailable for a file that another process has locked for more than 10 s or a
// server that cannot be reached. With ReadOnly no migration runs: ErrNotFound for a
// missing file or missing tables, ErrPrecondition for tables of an older version.
func Open(ctx context.Context, dsn string, migrations fs.FS, opts ...Option) (*DB, error) {
	o := options{busy: busyTimeout}
	for _, opt := range opts {
		opt(&o)
	}
	if dsn == "" {
		return nil, fmt.Errorf("store: no DSN given; want a postgres:// URL, sqlite:PATH, :memory: or a path")
	}
	if onServer(dsn) {
		db, err := openPostgres(ctx, dsn, o)
		return prepared(ctx, db, err, migrations, o)
	}
	path := strings.TrimPrefix(dsn, "sqlite:")
	if path != ":memory:" {
		if err := prepareFile(path, o); err != nil {
			return nil, err
		}
		if !o.readOnly {
			release, err := lockOpening(ctx, path, o.busy)
			if err != nil {
				return nil, err
			}
			defer release()
		}
	}
	db, err := openSQLite(ctx, path, o)
	return prepared(ctx, db, err, migrations, o)
}

// prepared checks and migrates a database that was opened.
func prepared(ctx context.Context, db *DB, err error, migrations fs.FS, o options) (*DB, error) {
	if err != nil {
		return nil, err
	}
	if o.before != nil {
		if err := o.before(ctx, db); err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	if migrations != nil {
		work := migrate
		if o.readOnly {
			work = requireMigrated
		}
		if err := work(ctx, db, migrations, o.name); err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	return db, nil
}

func onServer(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// File returns the path of the file that dsn names; empty for a database on a
// server or in memory.
func File(dsn string) string {
	if onServer(dsn) || dsn == ":memory:" {
		return ""
	}
	return strings.TrimPrefix(dsn, "sqlite:")
}

// Writer returns the pool of ExecContext and BeginTx, to prepare statements that
// write.
func (db *DB) Writer() *sql.DB { return db.writer }

// ExecContext runs a statement on the writer. Errors are mapped by Err.
func (db *DB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := db.writer.ExecContext(ctx, query, args...)
	return res, db.Err(err)
}

// BeginTx starts a transaction on the writer, or on the readers' pool if it is
// read-only. Errors are mapped by Err.
func (db *DB) BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	pool := db.writer
	if opts != nil && opts.ReadOnly {
		pool = db.DB
	}
	tx, err := pool.BeginTx(ctx, opts)
	return tx, db.Err(err)
}

// Update runs fn in a transaction of the writer. It commits, or rolls back if fn
// fails. Errors are mapped by Err.
func (db *DB) Update(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		_ = tx.Rollback() // the cause is in err
		return db.Err(err)
	}
	return db.Err(tx.Commit())
}

// Close closes both pools. A file that was open for writing is left in a state in
// which it can be read from a folder that cannot be written.
func (db *DB) Close() error {
	err := db.DB.Close()
	if db.rests {
		db.rest()
	}
	if db.writer != db.DB {
		if werr := db.writer.Close(); err == nil {
			err = werr
		}
	}
	return err
}
