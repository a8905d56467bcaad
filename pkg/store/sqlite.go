package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3/driver"

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
	if err := prepareFile(path, o); err != nil {
		return nil, err
	}
	db := &DB{Dialect: SQLite, Name: path}
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

func prepareFile(path string, o options) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder, want a file: %w", path, errs.ErrInvalid)
	case err == nil:
		return nil
	case o.readOnly && os.IsNotExist(err):
		return fmt.Errorf("no database at %s: %w", path, errs.ErrNotFound)
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("cannot create the folder of %s: %v: %w", path, err, errs.ErrDenied)
	}
	return nil
}

func sqlitePool(path string, o options, limit int) (*sql.DB, error) {
	sync := "NORMAL"
	if o.fullSync {
		sync = "FULL"
	}
	q := url.Values{"_txlock": {"immediate"}}
	// busy_timeout comes first, so that the others wait for a lock as well.
	q.Add("_pragma", "busy_timeout(10000)")
	if o.readOnly {
		q.Set("mode", "ro")
		q.Set("_txlock", "deferred")
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "synchronous("+sync+")")
		q.Add("_pragma", "wal_autocheckpoint(4000)")
		q.Add("_pragma", "journal_size_limit(67108864)")
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
