package journal

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
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
	timings   []*simv1.CallTiming
	prompts   []prompt
	done      chan error // nil where nobody waits; one place
	barrier   bool       // no entry: only waits for those before it
}

// statements are the prepared statements of a commit.
type statements struct {
	many, one *sql.Stmt              // insert entries
	timing    *sql.Stmt              // inserts a timing
	tokens    [len(fences)]*sql.Stmt // read the tokens of so many runs
}

// fences are the numbers of runs whose tokens one statement reads. A batch of
// fewer runs repeats one of them.
var fences = [...]int{1, 8, 16, 32, 64, largest}

const entryColumns = 7

func prepare(ctx context.Context, db *store.DB) (statements, error) {
	var s statements
	var err error
	put := func(at **sql.Stmt, query string) {
		if err == nil {
			*at, err = db.Writer().PrepareContext(ctx, query)
		}
	}
	put(&s.many, insertQuery(rowsPerInsert))
	put(&s.one, insertQuery(1))
	put(&s.timing, timingQuery)
	for i, runs := range fences {
		put(&s.tokens[i], tokensQuery(runs, db.Dialect))
	}
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

// tokensQuery reads the fencing tokens of runs. On PostgreSQL it locks their
// rows until the end of the transaction, in ascending order, so that nobody
// takes a run over between the check and the commit. A writing transaction of
// SQLite is alone anyway.
func tokensQuery(runs int, dialect store.Dialect) string {
	q := "SELECT run, token FROM standings WHERE run IN ($1"
	for i := 2; i <= runs; i++ {
		q += ", $" + strconv.Itoa(i)
	}
	q += ")"
	if dialect == store.Postgres {
		q += " ORDER BY run FOR SHARE"
	}
	return q
}

// writer is the one goroutine that writes entries, and what it reuses.
type writer struct {
	*Journal
	number int64    // of the batch, 1-based
	chains []*Chain // with entries in the batch
	held   []*submission
	args   []any
}

// write takes what is waiting, commits it in one transaction, and answers
// everybody who waits.
func (j *Journal) write() {
	defer close(j.stopped)
	w := &writer{Journal: j}
	batch, good := make([]*submission, 0, largest), make([]*submission, 0, largest)
	for first := range j.submissions {
		batch = j.gather(append(batch[:0], first))
		good = good[:0]
		for _, s := range batch {
			if !s.barrier && s.chain.admit(s) == nil {
				good = append(good, s)
			}
		}
		if err := w.commit(good); err != nil {
			for _, s := range good {
				s.chain.fail(err)
			}
		}
		for _, s := range batch {
			s.answer(s.chain.broken)
		}
		clear(batch)
		clear(good)
	}
}

// gather takes what is waiting, and gives half of the other runs a moment to
// bring theirs, since a transaction costs the same for one entry as for many.
func (j *Journal) gather(batch []*submission) []*submission {
	target := min(int(j.chains.Load())/2, largest/4)
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

// commit writes entries in one transaction, without those of runs whose lease is
// lost: their chains fail. It is not bound to a caller: an entry that was handed
// in is written even if its run is paused meanwhile.
func (w *writer) commit(batch []*submission) error {
	if len(batch) == 0 {
		return nil
	}
	ctx, began := context.Background(), time.Now()
	w.collect(batch)
	lost := map[*Chain]bool(nil)
	err := w.db.Update(ctx, func(tx *sql.Tx) error {
		var err error
		if lost, err = w.check(ctx, tx); err != nil {
			return err
		}
		held := batch
		if len(lost) > 0 {
			held = w.held[:0]
			for _, s := range batch {
				if !lost[s.chain] {
					held = append(held, s)
				}
			}
			w.held = held
		}
		if err := w.insert(ctx, tx, held); err != nil {
			return err
		}
		if err := w.insertTimings(ctx, tx, held); err != nil {
			return err
		}
		return insertPrompts(ctx, tx, held)
	})
	for chain := range lost {
		chain.fail(chain.lease.lost())
	}
	clear(w.held)
	w.seconds.Observe(time.Since(began).Seconds())
	w.size.Observe(float64(len(batch)))
	return err
}

// collect finds the chains that have entries in a batch.
func (w *writer) collect(batch []*submission) {
	w.number++
	clear(w.chains)
	w.chains = w.chains[:0]
	for _, s := range batch {
		if s.chain.batch != w.number {
			s.chain.batch = w.number
			w.chains = append(w.chains, s.chain)
		}
	}
}

// check compares the tokens of the batch's chains with those of the database,
// and returns the chains whose lease is lost; nil for none.
func (w *writer) check(ctx context.Context, tx *sql.Tx) (map[*Chain]bool, error) {
	at := 0
	for fences[at] < len(w.chains) {
		at++
	}
	w.args = w.args[:0]
	for i := range fences[at] {
		w.args = append(w.args, w.chains[min(i, len(w.chains)-1)].lease.number)
	}
	rows, err := tx.StmtContext(ctx, w.statements.tokens[at]).QueryContext(ctx, w.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	valid := 0
	for rows.Next() {
		var run, token int64
		if err := rows.Scan(&run, &token); err != nil {
			return nil, err
		}
		for _, c := range w.chains {
			if c.lease.number == run && c.lease.token == token {
				c.batch = -w.number
				valid++
			}
		}
	}
	if err := rows.Err(); err != nil || valid == len(w.chains) {
		return nil, err
	}
	lost := map[*Chain]bool{}
	for _, c := range w.chains {
		if c.batch != -w.number {
			lost[c] = true
		}
	}
	return lost, rows.Close()
}

func (w *writer) insert(ctx context.Context, tx *sql.Tx, batch []*submission) error {
	var one, many *sql.Stmt
	for at := 0; at < len(batch); {
		var statement *sql.Stmt
		n := 1
		if len(batch)-at >= rowsPerInsert {
			n = rowsPerInsert
			if many == nil {
				many = tx.StmtContext(ctx, w.statements.many)
			}
			statement = many
		} else {
			if one == nil {
				one = tx.StmtContext(ctx, w.statements.one)
			}
			statement = one
		}
		w.args = w.args[:0]
		for _, s := range batch[at : at+n] {
			w.args = append(w.args, s.chain.lease.number, s.sequence, s.night, s.step, s.day, s.body, s.hash)
		}
		if _, err := statement.ExecContext(ctx, w.args...); err != nil {
			if store.IsUnique(err) {
				return fmt.Errorf("the journal already has entry %d of run %s, or one beside it: %w", batch[at].sequence, batch[at].chain.lease.run, errs.ErrPrecondition)
			}
			return err
		}
		at += n
	}
	return nil
}

func (s *submission) answer(err error) {
	if s.done != nil {
		s.done <- err
	}
}
