package store

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store/storetest"
)

// wire stands between a client and a server until it is cut.
type wire struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn // guarded by mu
}

func newWire(t *testing.T, to string) *wire {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: listener}
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		w.cut()
	})
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, near, far)
			w.mu.Unlock()
			go func() { _, _ = io.Copy(far, near) }()
			go func() { _, _ = io.Copy(near, far) }()
		}
	}()
	return w
}

// cut ends every connection there is; new ones are let through.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// A lost connection is ErrUnavailable at every moment of a transaction, so that
// a caller that retries succeeds once the server is back.
func TestALostServerIsUnavailable(t *testing.T) {
	at, err := url.Parse(storetest.Postgres(t, "lost"))
	require.NoError(t, err)
	w := newWire(t, at.Host)
	at.Host = w.listener.Addr().String()
	ctx := context.Background()
	db, err := Open(ctx, at.String(), nil)
	require.NoError(t, err)
	defer db.Close()
	ask := func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT 1")
		return err
	}
	for name, moment := range map[string]func(tx *sql.Tx) error{
		"before the first statement": func(tx *sql.Tx) error { w.cut(); return ask(tx) },
		"between two statements": func(tx *sql.Tx) error {
			if err := ask(tx); err != nil {
				return err
			}
			w.cut()
			_ = ask(tx) // notices it
			return ask(tx)
		},
		"before the commit": func(tx *sql.Tx) error { defer w.cut(); return ask(tx) },
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, db.Update(ctx, moment), errs.ErrUnavailable)
			require.NoError(t, db.Update(ctx, ask), "it is back")
		})
	}
}

// A transaction in which a process was stopped is ended by the server: it must
// not keep its locks. The process can repeat it.
func TestAnIdleTransactionIsUnavailable(t *testing.T) {
	at, err := url.Parse(storetest.Postgres(t, "store"))
	require.NoError(t, err)
	q := at.Query()
	q.Set(idleInTransaction, "50")
	at.RawQuery = q.Encode()
	ctx := context.Background()
	db, err := Open(ctx, at.String(), nil)
	require.NoError(t, err)
	defer db.Close()
	other, err := Open(ctx, storetest.Postgres(t, "store"), nil)
	require.NoError(t, err)
	defer other.Close()
	err = db.Update(ctx, func(tx *sql.Tx) error {
		var pid int
		if err := tx.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		for alive := 1; alive > 0; { // until the server has ended it
			if err := other.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid).Scan(&alive); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "SELECT 1")
		return err
	})
	require.ErrorIs(t, err, errs.ErrUnavailable)
	_, err = db.ExecContext(ctx, "SELECT 1")
	require.NoError(t, err)
}
