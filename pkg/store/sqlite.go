package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ncruces/go-sqlite3/driver"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/errs"
)

// readers is the maximum number of reading connections to a SQLite file. Each has
// a page cache of its own.
const readers = 4

func openSQLite(ctx context.Context, path string, o options) (*DB, error) {
	if path == ":memory:" {
		pool, err := driver.Open("file::memory:?_pragma=foreign_keys(1)&_txlock=immediate")
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		pool.SetMaxOpenConns(1)
		return &DB{DB: pool, writer: pool, Dialect: SQLite, Name: path}, nil
	}
	db, err := openFile(ctx, path, o)
	if !o.readOnly || !needsFolder(err) {
		return db, err
	}
	if pendingWAL(path) {
		return nil, fmt.Errorf("%s was not closed by the process that wrote it, and its folder cannot be written: copy the folder to a place that you can write, and read it there: %w", path, errs.ErrDenied)
	}
	o.immutable = true
	return openFile(ctx, path, o)
}

func openFile(ctx context.Context, path string, o options) (*DB, error) {
	db := &DB{Dialect: SQLite, Name: path, rests: !o.readOnly}
	var err error
	if db.writer, err = sqlitePool(path, o, 1); err != nil {
		return nil, db.Err(err)
	}
	// The writer comes first: it creates the file and turns the WAL on.
	if err := db.writer.PingContext(ctx); err != nil {
		_ = db.writer.Close()
		return nil, db.Err(err)
	}
	if db.DB, err = sqlitePool(path, o, readers); err != nil {
		_ = db.writer.Close()
		return nil, db.Err(err)
	}
	if _, err := db.DB.ExecContext(ctx, "SELECT count(*) FROM sqlite_schema"); err != nil {
		_ = db.Close()
		return nil, db.Err(err)
	}
	return db, nil
}

// needsFolder reports that a file in WAL mode could not be opened because its
// folder cannot be written: SQLite keeps two more files there while it is open.
func needsFolder(err error) bool { return errors.Is(err, errs.ErrDenied) }

// pendingWAL reports that transactions of a database are in its WAL only.
func pendingWAL(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// rest leaves a file that is closed in a state in which it opens read-only: not
// in WAL mode, for which SQLite must write to the folder. While another process
// has the file open it stays as it is, and the last one to close it does this.
func (db *DB) rest() {
	ctx := context.Background()
	// A process that opens the file at this moment leaves it at rest itself.
	release, err := lockOpening(ctx, db.Name, 0)
	if err != nil {
		return
	}
	defer release()
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	// It does not wait for the others: each of them does the same.
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err == nil {
		_, _ = conn.ExecContext(ctx, "PRAGMA journal_mode = DELETE")
	}
}

func prepareFile(path string, o options) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder, want a file: %w", path, errs.ErrInvalid)
	case err == nil:
		return nil
	case o.readOnly && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)):
		return fmt.Errorf("no database at %s: %w", path, errs.ErrNotFound)
	case o.readOnly:
		return fmt.Errorf("%s cannot be read: %v: %w", path, errors.Unwrap(err), errs.ErrDenied)
	}
	folder := filepath.Dir(path)
	if err := outfile.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("cannot create the folder of %s: %v: %w", path, err, errs.ErrDenied)
	}
	return nil
}

func sqlitePool(path string, o options, limit int) (*sql.DB, error) {
	q := url.Values{"_txlock": {"immediate"}}
	// busy_timeout comes first, so that the others wait for a lock as well.
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", o.busy.Milliseconds()))
	if o.immutable {
		q.Set("immutable", "1")
	}
	if o.readOnly {
		q.Set("mode", "ro")
		o.vfs = readOnlyVFS
		q.Set("_txlock", "deferred")
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Add("_pragma", "journal_mode(WAL)")
		if o.crashSafe {
			q.Add("_pragma", "synchronous(NORMAL)")
		} else {
			q.Add("_pragma", "synchronous(FULL)") // what a service acknowledges survives a power cut
		}
		q.Add("_pragma", "wal_autocheckpoint(4000)")
		q.Add("_pragma", "journal_size_limit(67108864)")
	}
	if o.vfs != "" {
		q.Set("vfs", o.vfs)
	}
	q.Add("_pragma", "foreign_keys(1)")
	q.Add("_pragma", "cache_size(-4000)")
	q.Add("_pragma", "temp_store(MEMORY)") // a container may have no folder for temporary files
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	pool, err := driver.Open("file:" + escaped + "?" + q.Encode())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(limit)
	pool.SetMaxIdleConns(limit)
	return pool, nil
}
