package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/propersim/propersim/pkg/errs"
)

// connections is the maximum number of connections to a PostgreSQL server.
const connections = 8

func openPostgres(ctx context.Context, dsn string, o options) (*DB, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres DSN cannot be read: %w", errs.ErrInvalid) // err would repeat the password
	}
	db := &DB{Dialect: Postgres, Name: u.Redacted()}
	if o.readOnly {
		q := u.Query()
		q.Set("default_transaction_read_only", "on")
		u.RawQuery = q.Encode()
	}
	pool, err := sql.Open("pgx", u.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %v: %w", db.Name, err, errs.ErrInvalid)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	db.DB, db.writer = pool, pool
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, db.Err(err)
	}
	return db, nil
}
