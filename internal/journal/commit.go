package journal

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
)

// Limits of a group commit.
const (
	// largest is the greatest number of entries in one transaction.
	largest = 256
	// rowsPerInsert is how many entries one statement inserts.
	rowsPerInsert = 8
	// patience is how long the writer waits for entries of other runs. It costs
	// time only where the machine is idle anyway.
	patience = 200 * time.Microsecond
)

// submission is an entry on its way into the journal.
type submission struct {
	chain     *Chain
	sequence  int64
	night     int64
	step, day int64
	body      []byte
	hash      []byte
	latencies []float64
	done      chan error // nil where nobody waits; one place
	barrier   bool       // no entry: only waits for those before it
}

// activity counts the chains that may bring entries at any time.
type activity struct{ chains atomic.Int32 }

// statements are the prepared inserts, by their number of rows.
type statements struct{ many, one *sql.Stmt }

const entryColumns = 7

func prepare(ctx context.Context, db *store.DB) (statements, error) {
	var s statements
	var err error
	if s.many, err = db.Writer().PrepareContext(ctx, insertQuery(rowsPerInsert)); err != nil {
		return s, db.Err(err)
	}
	s.one, err = db.Writer().PrepareContext(ctx, insertQuery(1))
	return s, db.Err(err)
}

func insertQuery(rows int) string {
	var q strings.Builder
	q.WriteString("INSERT INTO entries (run, sequence, night, step, day, body, hash) VALUES ")
	for i := range rows * entryColumns {
		switch {
		case i == 0:
			q.WriteString("(")
		case i%entryColumns == 0:
			q.WriteString("), (")
		default:
			q.WriteString(", ")
		}
		q.WriteString("$" + strconv.Itoa(i+1))
	}
	return q.String() + ")"
}

// write is the one goroutine that writes entries: it takes what is waiting,
// commits it in one transaction, and tells everybody.
func (j *Journal) write() {
	defer close(j.stopped)
	batch, good := make([]*submission, 0, largest), make([]*submission, 0, largest)
	args := make([]any, 0, rowsPerInsert*entryColumns)
	for first := range j.submissions {
		batch = j.gather(append(batch[:0], first))
		good = good[:0]
		for _, s := range batch {
			if !s.barrier && s.chain.admit(s) == nil {
				good = append(good, s)
			}
		}
		if err := j.commit(good, args); err != nil {
			for _, s := range good {
				s.chain.fail(err)
			}
		}
		for _, s := range batch {
			s.tell(s.chain.broken)
		}
		clear(batch)
		clear(good)
	}
}

// gather takes what is waiting, and gives half of the other runs a moment to
// bring theirs, since a transaction costs the same for one entry as for many.
func (j *Journal) gather(batch []*submission) []*submission {
	target := min(int(j.active.chains.Load())/2, largest/4)
	var timeout <-chan time.Time
	for len(batch) < largest {
		select {
		case s, ok := <-j.submissions:
			if !ok {
				return batch
			}
			batch = append(batch, s)
			continue
		default:
		}
		if len(batch) >= target {
			return batch
		}
		if timeout == nil {
			timer := time.NewTimer(patience)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case s, ok := <-j.submissions:
			if !ok {
				return batch
			}
			batch = append(batch, s)
		case <-timeout:
			return batch
		}
	}
	return batch
}

// commit writes entries in one transaction. It is not bound to a caller: an
// entry that was handed in is written even if its run is paused meanwhile.
func (j *Journal) commit(batch []*submission, args []any) error {
	if len(batch) == 0 {
		return nil
	}
	ctx, began := context.Background(), time.Now()
	err := j.db.Update(ctx, func(tx *sql.Tx) error {
		one, many := tx.StmtContext(ctx, j.statements.one), tx.StmtContext(ctx, j.statements.many)
		for at := 0; at < len(batch); {
			statement, n := one, 1
			if len(batch)-at >= rowsPerInsert {
				statement, n = many, rowsPerInsert
			}
			args = args[:0]
			for _, s := range batch[at : at+n] {
				args = append(args, s.chain.number, s.sequence, s.night, s.step, s.day, s.body, s.hash)
			}
			if _, err := statement.ExecContext(ctx, args...); err != nil {
				if store.IsUnique(err) {
					return fmt.Errorf("the journal already has entry %d of run %s, or one beside it: another process writes it: %w", batch[at].sequence, batch[at].chain.id, errs.ErrPrecondition)
				}
				return err
			}
			at += n
		}
		return insertLatencies(ctx, tx, batch)
	})
	j.seconds.Observe(time.Since(began).Seconds())
	j.size.Observe(float64(len(batch)))
	return err
}

func insertLatencies(ctx context.Context, tx *sql.Tx, batch []*submission) error {
	for _, s := range batch {
		for position, ms := range s.latencies {
			_, err := tx.ExecContext(ctx, "INSERT INTO calls (run, sequence, position, latency_ms) VALUES ($1, $2, $3, $4)", s.chain.number, s.sequence, position, ms)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *submission) tell(err error) {
	if s.done != nil {
		s.done <- err
	}
}
