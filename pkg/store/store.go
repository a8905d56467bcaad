// Package store opens the database of a service: SQLite in a file or in memory,
// or PostgreSQL, by DSN. It brings the tables up to date and gives every fault
// of a database a name from pkg/errs.
//
// A query is written once for both:
//   - placeholders are $1, $2, ... and first appear in ascending order, because
//     SQLite numbers named parameters by their first appearance;
//   - types are BIGINT, DOUBLE PRECISION, TEXT and BYTEA. SQLite gives BYTEA a
//     numeric affinity, which leaves bytes alone;
//   - INSERT ... ON CONFLICT and RETURNING work in both.
package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strings"
)

// Dialect is the kind of database behind a DB.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// DB is an open database. The embedded pool is for reading; ExecContext and
// BeginTx of a DB go to the writer, of which SQLite has a single connection, so
// that writers of one process queue here and not at the file's lock. In memory
// there is one connection for everything: finish reading rows before the next
// query.
type DB struct {
	*sql.DB
	// Dialect tells which kind it is.
	Dialect Dialect
	// Name is the file, or the DSN without its password: for messages.
	Name string

	writer *sql.DB
	rests  bool // Close leaves the file so that it opens read-only
}

// Option changes how a database is opened.
type Option func(*options)

type options struct {
	fullSync bool
	readOnly bool
	// immutable reads a file without locks and without a WAL; only with readOnly.
	immutable bool
	name      string
	before    func(context.Context, *DB) error
	vfs       string
}

// FullSync makes a commit of SQLite return only when it is on disk (synchronous
// FULL). Without it a power cut, though not a crash, may take the last commits.
func FullSync() Option { return func(o *options) { o.fullSync = true } }

// ReadOnly opens an existing database as it is: no migration, no writing. The
// folder of a file need not be writable, unless the process that last wrote it
// was killed and its WAL is pending.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// Name gives the table of schema versions a name of its own, so that services
// can share one PostgreSQL database: "buffer" keeps "buffer_schema_version".
func Name(service string) Option { return func(o *options) { o.name = service } }

// Before runs a check on the opened database before its tables are brought up to
// date; its error ends Open.
func Before(check func(context.Context, *DB) error) Option {
	return func(o *options) { o.before = check }
}

// VFS makes SQLite use the file system that is registered under a name with
// package vfs of the driver, for tests of power cuts.
func VFS(name string) Option { return func(o *options) { o.vfs = name } }

// Open opens the database at dsn and brings its tables up to date by the goose
// migrations at the root of migrations, or in its folder "migrations". nil
// means none.
//
// dsn is "postgres://...", "sqlite:PATH", PATH, or ":memory:". The folder of a
// file is made. Errors: ErrDataLoss for a damaged file, ErrDenied for one that
// may not be written, ErrExhausted for a full disk, ErrUnavailable for one that
// is locked or a server that is away, ErrNotFound for a missing file when
// ReadOnly.
func Open(ctx context.Context, dsn string, migrations fs.FS, opts ...Option) (*DB, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if dsn == "" {
		return nil, fmt.Errorf("store: no DSN given; want a postgres:// URL, sqlite:PATH, :memory: or a path")
	}
	var db *DB
	var err error
	if onServer(dsn) {
		db, err = openPostgres(ctx, dsn, o)
	} else {
		db, err = openSQLite(ctx, strings.TrimPrefix(dsn, "sqlite:"), o)
	}
	if err != nil {
		return nil, err
	}
	if o.before != nil {
		if err := o.before(ctx, db); err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	if migrations != nil && !o.readOnly {
		if err := migrate(ctx, db, migrations, o.name); err != nil {
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

// Writer is the pool behind ExecContext and BeginTx, for preparing statements
// that write.
func (db *DB) Writer() *sql.DB { return db.writer }

// ExecContext runs a statement on the writer. Errors are as Err gives them.
func (db *DB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := db.writer.ExecContext(ctx, query, args...)
	return res, db.Err(err)
}

// BeginTx starts a transaction on the writer, or on the readers' pool when it
// is a read-only one. Errors are as Err gives them.
func (db *DB) BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	pool := db.writer
	if opts != nil && opts.ReadOnly {
		pool = db.DB
	}
	tx, err := pool.BeginTx(ctx, opts)
	return tx, db.Err(err)
}

// Update runs fn in a transaction of the writer and commits it, or rolls it
// back when fn fails. Errors are as Err gives them.
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
