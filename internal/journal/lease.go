package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Defaults of leases: a run whose writer died is taken over within 30 s, and a
// writer may miss two renewals before it loses its runs.
const (
	// LeaseTTL is how long a lease lasts unless it is renewed.
	LeaseTTL = 20 * time.Second
	// LeaseRenewal is the time between two renewals.
	LeaseRenewal = 5 * time.Second
)

// Lease is the right to write one run. At most one lease of a run is valid at
// any time: each carries a fencing token, and every commit compares it with the
// database's inside the transaction. It is safe for concurrent use.
type Lease struct {
	journal *Journal
	run     string
	number  int64
	holder  string
	token   int64

	mu    sync.Mutex
	until time.Time              // guarded by mu
	wish  environmentv1.RunState // guarded by mu
}

// HeldError says that another process conducts a run. It is an
// ErrPrecondition.
type HeldError struct {
	// Run is the run's id.
	Run string
	// Holder is the name of the process that has the lease.
	Holder string
	// Until is when the lease expires unless it is renewed.
	Until time.Time
}

// Error names the holder and the time.
func (e *HeldError) Error() string {
	return fmt.Sprintf("run %s is conducted by %s, whose lease lasts until %s", e.Run, e.Holder, e.Until.UTC().Format(time.RFC3339))
}

// Unwrap returns ErrPrecondition.
func (e *HeldError) Unwrap() error { return errs.ErrPrecondition }

// nowMillis is the database's clock in milliseconds since 1970, so that the
// clocks of the processes that share a server need not agree.
func (r *Reader) nowMillis() string {
	if r.db.Dialect == store.Postgres {
		return "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"
	}
	return "CAST(unixepoch('subsec') * 1000 AS BIGINT)"
}

// Acquire takes the lease of a run for a holder (see NewHolder). A lease that
// has expired, that the holder itself has, or whose holder was a process of this
// machine that has ended, is taken over: the token grows, and the lease before
// is lost. Errors: HeldError while another process has it, ErrNotFound for an
// unknown run.
func (j *Journal) Acquire(ctx context.Context, run, holder string, ttl time.Duration) (*Lease, error) {
	number, err := j.number(ctx, run)
	if err != nil {
		return nil, err
	}
	l := &Lease{journal: j, run: run, number: number, holder: holder}
	// A second round follows the end of a lease that was found held.
	for range 2 {
		err := j.db.Update(ctx, func(tx *sql.Tx) error { return l.take(ctx, tx, ttl) })
		var held *HeldError
		if !errors.As(err, &held) {
			if err != nil {
				return nil, fmt.Errorf("lease of run %s: %w", run, err)
			}
			return l, nil
		}
		if ended, err := j.endIfGone(ctx, l, held); err != nil || !ended {
			return nil, errors.Join(held, err)
		}
	}
	return nil, fmt.Errorf("lease of run %s: other processes take it all the time: %w", run, errs.ErrUnavailable)
}

// take takes the lease if it is free; HeldError if not.
func (l *Lease) take(ctx context.Context, tx *sql.Tx, ttl time.Duration) error {
	now := l.journal.nowMillis()
	var until, wish int64
	err := tx.QueryRowContext(ctx, "UPDATE standings SET holder = $1, token = token + 1, ttl_ms = CAST($2 AS BIGINT), until_unix_ms = "+now+` + CAST($2 AS BIGINT)
		WHERE run = $3 AND (holder = $1 OR until_unix_ms <= `+now+") RETURNING token, until_unix_ms, wish",
		l.holder, max(ttl.Milliseconds(), 1), l.number).Scan(&l.token, &until, &wish)
	if errors.Is(err, sql.ErrNoRows) {
		held := &HeldError{Run: l.run}
		if err := tx.QueryRowContext(ctx, "SELECT holder, token, until_unix_ms FROM standings WHERE run = $1", l.number).Scan(&held.Holder, &l.token, &until); err != nil {
			return err
		}
		held.Until = time.UnixMilli(until)
		return held
	}
	if err != nil {
		return err
	}
	l.learn(until, wish)
	return nil
}

// endIfGone ends the lease that l found held, where its holder is a process of
// this machine that has ended. It reports whether the lease has ended.
func (j *Journal) endIfGone(ctx context.Context, l *Lease, held *HeldError) (bool, error) {
	if !gone(held.Holder) {
		return false, nil
	}
	_, err := j.db.ExecContext(ctx, "UPDATE standings SET until_unix_ms = 0 WHERE run = $1 AND token = $2 AND holder = $3", l.number, l.token, held.Holder)
	return err == nil, err
}

func (l *Lease) learn(until, wish int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until, l.wish = time.UnixMilli(until), environmentv1.RunState(wish)
}

// Run returns the id of the run.
func (l *Lease) Run() string { return l.run }

// Holder returns the name under which the lease was acquired.
func (l *Lease) Holder() string { return l.holder }

// Token returns the fencing token; it grows with every lease of the run.
func (l *Lease) Token() int64 { return l.token }

// Until returns when the lease expires by the database's clock, as of the last
// renewal.
func (l *Lease) Until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// Wish returns the state that another process asked for by Journal.Wish, as of
// the last renewal; unspecified for none.
func (l *Lease) Wish() environmentv1.RunState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wish
}

// Renew makes the lease last for its whole time again. A lease that has expired
// is renewed as well while nobody has taken it over. ErrLeaseLost otherwise.
func (l *Lease) Renew(ctx context.Context) error {
	lost, err := l.journal.RenewAll(ctx, []*Lease{l})
	if err == nil && len(lost) > 0 {
		err = l.lost()
	}
	return err
}

func (l *Lease) lost() error {
	return fmt.Errorf("run %s: %s no longer conducts it, another process took it over: %w", l.run, l.holder, errs.ErrLeaseLost)
}

// Release ends the lease. Nothing can be written under it afterwards, and others
// can acquire the run at once. Flush the chain before. A lease that was lost is
// a no-op.
func (l *Lease) Release(ctx context.Context) error {
	_, err := l.journal.db.ExecContext(ctx, "UPDATE standings SET holder = '', until_unix_ms = 0, token = token + 1 WHERE run = $1 AND token = $2", l.number, l.token)
	if err != nil {
		return fmt.Errorf("lease of run %s: %w", l.run, err)
	}
	return nil
}

// renewals is how many leases one statement renews.
const renewals = 128

// RenewAll renews leases like Renew, many in one statement, and returns those
// that are lost. After an error it is unknown which were renewed.
func (j *Journal) RenewAll(ctx context.Context, leases []*Lease) (lost []*Lease, err error) {
	for len(leases) > 0 {
		part := leases[:min(len(leases), renewals)]
		leases = leases[len(part):]
		renewed, err := j.renew(ctx, part)
		if err != nil {
			return nil, fmt.Errorf("renew leases: %w", err)
		}
		for _, l := range part {
			row, ok := renewed[l.number]
			if !ok || row.token != l.token {
				lost = append(lost, l)
				continue
			}
			l.learn(row.until, row.wish)
		}
	}
	return lost, nil
}

type renewal struct{ token, until, wish int64 }

func (j *Journal) renew(ctx context.Context, leases []*Lease) (map[int64]renewal, error) {
	var pairs strings.Builder
	args := make([]any, 0, 2*len(leases))
	for i, l := range leases {
		if i > 0 {
			pairs.WriteString(", ")
		}
		pairs.WriteString("(CAST($" + strconv.Itoa(2*i+1) + " AS BIGINT), CAST($" + strconv.Itoa(2*i+2) + " AS BIGINT))")
		args = append(args, l.number, l.token)
	}
	mine := "SELECT run FROM standings WHERE (run, token) IN (VALUES " + pairs.String() + ")"
	if j.db.Dialect == store.Postgres {
		mine += " ORDER BY run FOR UPDATE" // the order of every statement that locks several rows: no deadlocks
	}
	query := "UPDATE standings SET until_unix_ms = " + j.nowMillis() + " + ttl_ms WHERE run IN (" + mine + ") RETURNING run, token, until_unix_ms, wish"
	out := make(map[int64]renewal, len(leases))
	err := j.db.Update(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var run int64
			var r renewal
			if err := rows.Scan(&run, &r.token, &r.until, &r.wish); err != nil {
				return err
			}
			out[run] = r
		}
		return errors.Join(rows.Err(), rows.Close())
	})
	return out, err
}

// Wish asks the conductor of a run for a state, such as paused: its lease
// returns it after the next renewal. It reports false where nobody conducts the
// run; then acquire the lease and set the state. SetState ends the wish.
func (j *Journal) Wish(ctx context.Context, run string, state environmentv1.RunState) (bool, error) {
	number, err := j.number(ctx, run)
	if err != nil {
		return false, err
	}
	res, err := j.db.ExecContext(ctx, "UPDATE standings SET wish = $1 WHERE run = $2 AND until_unix_ms > "+j.nowMillis(), int64(state), number)
	if err != nil {
		return false, fmt.Errorf("run %s: %w", run, err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
