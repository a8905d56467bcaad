package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strconv"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/propersim/propersim/pkg/errs"
)

// connections is the maximum number of connections to a PostgreSQL server,
// unless the DSN gives another one in the parameter poolSize.
const connections = 8

// poolSize is the parameter of a DSN that bounds the connections of the process,
// named as in pgxpool. A cluster with a process for each person needs few each.
const poolSize = "pool_max_conns"

// takePoolSize removes the parameter from u and returns its value. ErrInvalid
// for anything but 1 to 1000.
func takePoolSize(u *url.URL) (int, error) {
	q := u.Query()
	if !q.Has(poolSize) {
		return connections, nil
	}
	text := q.Get(poolSize)
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return 0, errs.Invalid(poolSize, "found %q in the DSN, want a number from 1 to 1000", text)
	}
	q.Del(poolSize)
	u.RawQuery = q.Encode()
	return n, nil
}

// A process that is stopped or cut off within a transaction keeps its locks. The
// server ends such a transaction after this time, in milliseconds, so that another
// process can take over.
const (
	idleInTransaction = "idle_in_transaction_session_timeout"
	idleLimit         = "5000"
)

func openPostgres(ctx context.Context, dsn string, o options) (*DB, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres DSN cannot be read: %w", errs.ErrInvalid) // err would repeat the password
	}
	size, err := takePoolSize(u)
	if err != nil {
		return nil, err
	}
	db := &DB{Dialect: Postgres, Name: u.Redacted()}
	q := u.Query()
	if !q.Has(idleInTransaction) {
		q.Set(idleInTransaction, idleLimit)
	}
	if o.readOnly {
		q.Set("default_transaction_read_only", "on")
	}
	u.RawQuery = q.Encode()
	pool, err := sql.Open("pgx", u.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %v: %w", db.Name, err, errs.ErrInvalid)
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	db.DB, db.writer = pool, pool
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, db.opening(err)
	}
	return db, nil
}
