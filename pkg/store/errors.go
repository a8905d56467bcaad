package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ncruces/go-sqlite3"

	"github.com/propersim/propersim/pkg/errs"
)

// Err gives a database error its place in the vocabulary of pkg/errs and names
// the database. It passes on nil, sql.ErrNoRows, what already has a place, and
// what it does not know.
func (db *DB) Err(err error) error {
	if err == nil || placed(err) {
		return err
	}
	if db.Dialect == SQLite {
		return db.sqliteErr(err)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return db.postgresErr(err, pg)
	}
	if lostConnection(err) {
		return fmt.Errorf("database %s cannot be reached: %v: %w", db.Name, err, errs.ErrUnavailable)
	}
	return err
}

// lostConnection reports that a PostgreSQL server could not be reached, or went
// away before it answered. What was on its way may or may not be committed.
func lostConnection(err error) bool {
	var netErr net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.As(err, &netErr) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || // in the middle of a call
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err) // before one
}

func placed(err error) bool {
	for _, known := range []error{errs.ErrDataLoss, errs.ErrExhausted, errs.ErrUnavailable, errs.ErrDenied, errs.ErrInvalid,
		errs.ErrExists, errs.ErrNotFound, errs.ErrPrecondition, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func (db *DB) sqliteErr(err error) error {
	is := func(codes ...sqlite3.ErrorCode) bool {
		for _, code := range codes {
			if errors.Is(err, code) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), is(sqlite3.FULL):
		return fmt.Errorf("no space left for database %s: %v: %w", db.Name, err, errs.ErrExhausted)
	case is(sqlite3.CORRUPT, sqlite3.NOTADB):
		return fmt.Errorf("database %s is damaged: %v: %w", db.Name, err, errs.ErrDataLoss)
	case is(sqlite3.READONLY, sqlite3.PERM, sqlite3.CANTOPEN, sqlite3.AUTH):
		return fmt.Errorf("database %s cannot be opened or written (is its folder writable?): %v: %w", db.Name, err, errs.ErrDenied)
	case is(sqlite3.BUSY, sqlite3.LOCKED):
		return fmt.Errorf("database %s is locked by another process: %v: %w", db.Name, err, errs.ErrUnavailable)
	case is(sqlite3.IOERR):
		return fmt.Errorf("database %s cannot be read or written: %v: %w", db.Name, err, errs.ErrInternal)
	}
	return err
}

// postgresErr reads the classes of SQLSTATE (PostgreSQL manual, appendix A).
func (db *DB) postgresErr(err error, pg *pgconn.PgError) error {
	var kind error
	switch {
	case pg.Code == "53100", pg.Code == "53200":
		kind = errs.ErrExhausted
	case strings.HasPrefix(pg.Code, "XX0"), pg.Code == "58P01":
		kind = errs.ErrDataLoss
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "53"),
		pg.Code == "40001", pg.Code == "40P01", pg.Code == "55P03":
		kind = errs.ErrUnavailable
	case strings.HasPrefix(pg.Code, "28"), pg.Code == "42501", pg.Code == "25006":
		kind = errs.ErrDenied
	case pg.Code == "3D000":
		kind = errs.ErrNotFound
	default:
		return err
	}
	return fmt.Errorf("database %s: %v: %w", db.Name, err, kind)
}

// IsUnique reports that an error is the breach of a unique key.
func IsUnique(err error) bool {
	if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) || errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY) {
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}
