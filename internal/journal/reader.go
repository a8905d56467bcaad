// Package journal keeps the runs of the environment and their hash chains: the
// only truth there is. One goroutine commits what all runs of a process have
// waiting in one transaction; a lease with a fencing token makes sure that a run
// has one writer; readers read beside it, a chunk at a time.
package journal

import (
	"context"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Reader reads a journal. It is safe for concurrent use.
type Reader struct{ db *store.DB }

// OpenReader opens an existing journal for reading only, also while a service
// writes it. It never creates a file that was not there. Errors are those of
// store.Open, ErrNotFound for a file that does not exist or a database without a
// journal, and ErrPrecondition for a journal of another format.
func OpenReader(ctx context.Context, dsn string) (*Reader, error) {
	db, err := store.Open(ctx, dsn, nil, store.ReadOnly(), store.Before(checkFormat))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	made, err := hasTable(ctx, db, "journal_format")
	if err == nil && !made {
		err = fmt.Errorf("database %s has no journal: %w", db.Name, errs.ErrNotFound)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), db.Close())
	}
	return &Reader{db: db}, nil
}

// Close closes the journal.
func (r *Reader) Close() error { return r.db.Close() }

// catchUp folds the entries after the checkpoint into the run's progress.
func (r *Reader) catchUp(ctx context.Context, rec *record) error {
	state := NewState(rec.run.GetConfig())
	state.hash = rec.genesis.hash()
	if p := rec.run.GetProgress(); p.GetSequence() > 0 {
		last, err := hex.DecodeString(p.GetHash())
		if err != nil || len(last) != len(state.hash) {
			return fmt.Errorf("run %s: its progress names no hash: %w", rec.run.GetId(), errs.ErrDataLoss)
		}
		state.Progress, state.hash = p, Hash(last)
	}
	for row, err := range r.rows(ctx, rec.number, state.Progress.GetSequence()) {
		if err != nil {
			return fmt.Errorf("run %s: %w", rec.run.GetId(), err)
		}
		body, err := row.decode(rec.run.GetId())
		if err != nil {
			return err
		}
		state.Apply(body)
		state.hash = Hash(row.hash)
	}
	rec.run.Progress = state.Snapshot()
	return nil
}

// row is an entry as it is stored.
type row struct {
	sequence, step, day int64
	night               bool
	body, hash          []byte
}

// name says which entry it is, as people count.
func (w *row) name(run string) string {
	if w.night {
		return fmt.Sprintf("the night after step %d of run %s", w.step, run)
	}
	return fmt.Sprintf("step %d of run %s", w.step, run)
}

func (w *row) decode(run string) (*environmentv1.EntryBody, error) {
	body := &environmentv1.EntryBody{}
	if err := proto.Unmarshal(w.body, body); err != nil {
		return nil, fmt.Errorf("%s: body cannot be read: %v: %w", w.name(run), err, errs.ErrDataLoss)
	}
	if len(w.hash) != len(Hash{}) || (body.GetStep() == nil && body.GetNight() == nil) {
		return nil, fmt.Errorf("%s: entry is damaged: %w", w.name(run), errs.ErrDataLoss)
	}
	return body, nil
}

// rows yields the entries of a run after a sequence number, read in chunks. A
// row is valid until the next one.
func (r *Reader) rows(ctx context.Context, number, after int64) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		for scan := newScan(r.db); ; {
			batch, more, err := scan.read(ctx, number, after, math.MaxInt64)
			if err != nil {
				yield(nil, r.db.Err(err))
				return
			}
			for i := range batch {
				if !yield(&batch[i], nil) {
					return
				}
			}
			if !more {
				return
			}
			after = batch[len(batch)-1].sequence
		}
	}
}

// Entries yields the entries of a run after a sequence number (0 for all) in
// order, decoded one at a time; what is committed meanwhile is included. It
// ends after the first error: ErrNotFound for an unknown run, ErrDataLoss for
// an entry that cannot be read. The chain is not checked; Verify does that.
func (r *Reader) Entries(ctx context.Context, id string, after int64) iter.Seq2[*environmentv1.Entry, error] {
	return func(yield func(*environmentv1.Entry, error) bool) {
		number, err := r.number(ctx, id)
		if err != nil {
			yield(nil, err)
			return
		}
		for row, err := range r.rows(ctx, number, after) {
			var entry *environmentv1.Entry
			if err == nil {
				entry, err = row.entry(id)
			}
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

func (w *row) entry(run string) (*environmentv1.Entry, error) {
	body, err := w.decode(run)
	if err != nil {
		return nil, err
	}
	return &environmentv1.Entry{Sequence: w.sequence, Hash: hex.EncodeToString(w.hash), Body: body}, nil
}

// stepQuery finds a step by its number: behind the steps before it and at most
// one night a day, so that few rows are looked at.
const stepQuery = "SELECT sequence, step, body, hash FROM entries WHERE run = $1 AND sequence > $2 AND step = $2 AND night = 0 ORDER BY sequence LIMIT 1"

// Step returns the entry of a step. ErrNotFound for an unknown run or a step
// that is not committed.
func (r *Reader) Step(ctx context.Context, id string, step int32) (*environmentv1.Entry, error) {
	number, err := r.number(ctx, id)
	if err != nil {
		return nil, err
	}
	w := row{}
	err = r.db.QueryRowContext(ctx, stepQuery, number, step).Scan(&w.sequence, &w.step, &w.body, &w.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("step %d of run %s is not committed: %w", step, id, errs.ErrNotFound)
	}
	if err != nil {
		return nil, r.db.Err(err)
	}
	return w.entry(id)
}
