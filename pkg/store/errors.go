package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sys/unix"

	"github.com/propersim/propersim/pkg/errs"
)

// Err maps a database error to one of pkg/errs, whose complete text names the
// database and whose public text does not. It returns nil, sql.ErrNoRows, errors
// that have a sentinel already, and errors it does not know as they are.
func (db *DB) Err(err error) error {
	if err == nil || hasSentinel(err) {
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
		return db.fault("cannot be reached", err, errs.ErrUnavailable)
	}
	return err
}

// opening maps an error of opening a database as Err does. What a PostgreSQL server
// says there and Err does not know is an ErrInternal: it is not about the DSN.
func (db *DB) opening(err error) error {
	err = db.Err(err)
	if err == nil || db.Dialect == SQLite || hasSentinel(err) {
		return err
	}
	return db.fault("cannot be opened", err, errs.ErrInternal)
}

// fault says what happened to the database.
func (db *DB) fault(what string, cause, kind error) error {
	return errs.WithPublic(fmt.Errorf("database %s %s: %v: %w", db.Name, what, cause, kind), "the database %s", what)
}

// lostConnection reports that a PostgreSQL server could not be reached, or that
// the connection broke before it answered: a commit in flight may have succeeded.
func lostConnection(err error) bool {
	var netErr net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.As(err, &netErr) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || // during a call
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err) // before it
}

func hasSentinel(err error) bool {
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
		return db.fault("has no space left on its disk", err, errs.ErrExhausted)
	case is(sqlite3.CORRUPT, sqlite3.NOTADB):
		return db.fault("is damaged", err, errs.ErrDataLoss)
	case is(sqlite3.READONLY, sqlite3.PERM, sqlite3.CANTOPEN, sqlite3.AUTH):
		return db.fault("cannot be opened or written (is its folder writable?)", err, errs.ErrDenied)
	case is(sqlite3.BUSY, sqlite3.LOCKED):
		return db.fault("is locked by another process, which may be stopped or hang within a transaction: let it continue, or end it", err, errs.ErrUnavailable)
	case is(sqlite3.IOERR):
		if free, known := freeBytes(db.Name); known && free < leastFree {
			return db.fault("has no space left on its disk", fmt.Errorf("%d KiB are free", free>>10), errs.ErrExhausted)
		}
		return db.fault("cannot be read or written", err, errs.ErrInternal)
	}
	return err
}

// leastFree is the space that SQLite needs at least to open a database in WAL mode, in
// bytes: the index of the WAL grows by 32 KiB. It reports its lack as any other error
// of the disk.
const leastFree = 64 << 10

// freeBytes returns how much space the disk of a file has for this process, and
// whether that is known.
func freeBytes(path string) (free uint64, known bool) {
	var disk unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &disk); err != nil {
		return 0, false
	}
	return disk.Bavail * uint64(disk.Bsize), true
}

// postgresErr reads the classes of SQLSTATE (PostgreSQL manual, appendix A).
func (db *DB) postgresErr(err error, pg *pgconn.PgError) error {
	var kind error
	switch {
	case pg.Code == "53100", pg.Code == "53200":
		kind = errs.ErrExhausted
	case pg.File == "dsm_impl.c": // shared memory that goes with a server which stops
		kind = errs.ErrUnavailable
	case strings.HasPrefix(pg.Code, "XX0"), pg.Code == "58P01":
		kind = errs.ErrDataLoss
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "53"),
		pg.Code == "40001", pg.Code == "40P01", pg.Code == "55P03", pg.Code == "25P03":
		kind = errs.ErrUnavailable
	case strings.HasPrefix(pg.Code, "28"), pg.Code == "42501", pg.Code == "25006":
		kind = errs.ErrDenied
	case pg.Code == "3D000":
		kind = errs.ErrNotFound
	default:
		return err
	}
	return db.fault("refused a statement", err, kind)
}

// IsUnique reports that an error is the violation of a unique key.
func IsUnique(err error) bool {
	if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) || errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY) {
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}
