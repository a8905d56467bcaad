// Package journal keeps the runs of the environment and their hash chains: the
// only truth there is. One writer commits what all runs have waiting in one
// transaction; readers read beside it, a chunk at a time.
package journal

import (
	"context"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

//go:embed migrations/*.sql
var migrations embed.FS

// chunk is how many entries are read at a time: between two chunks nothing is
// held, so that a slow reader stops nobody.
const chunk = 256

// Reader reads a journal. It is safe for concurrent use.
type Reader struct{ db *store.DB }

// Open opens an existing journal for reading alone, also while a service
// writes it. Errors are those of store.Open; ErrNotFound for a PostgreSQL
// database that no journal was made in yet.
func Open(ctx context.Context, dsn string) (*Reader, error) {
	db, err := store.Open(ctx, dsn, nil, store.ReadOnly())
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if db.Dialect == store.Postgres {
		var made bool
		err := db.QueryRowContext(ctx, `SELECT to_regclass('runs') IS NOT NULL`).Scan(&made)
		if err == nil && !made {
			err = errs.ErrNotFound
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("journal: database %s holds none: %w", db.Name, db.Err(err)), db.Close())
		}
	}
	return &Reader{db: db}, nil
}

// Close closes the journal.
func (r *Reader) Close() error { return r.db.Close() }

// record is a run as it is stored.
type record struct {
	number  int64
	genesis genesis
	run     *environmentv1.Run
}

const runColumns = "number, id, config, persona, world, version, created_unix_ms, forked_from, forked_at_step, state, reason, progress"

func scanRun(scan func(...any) error) (*record, error) {
	rec := &record{run: &environmentv1.Run{Config: &environmentv1.RunConfig{}, Persona: &simv1.Persona{}, Progress: &environmentv1.Progress{}}}
	run, g := rec.run, &rec.genesis
	var progress []byte
	err := scan(&rec.number, &run.Id, &g.config, &g.persona, &g.world, &run.Version, &run.CreatedUnixMs,
		&run.ForkedFrom, &run.ForkedAtStep, (*int32)(&run.State), &run.Reason, &progress)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name    string
		data    []byte
		message proto.Message
	}{{"config", g.config, run.Config}, {"persona", g.persona, run.Persona}, {"progress", progress, run.Progress}} {
		if err := proto.Unmarshal(part.data, part.message); err != nil {
			return nil, fmt.Errorf("run %s: its %s cannot be read: %v: %w", run.Id, part.name, err, errs.ErrDataLoss)
		}
	}
	return rec, nil
}

// record returns a run by id without bringing its progress up to date.
func (r *Reader) record(ctx context.Context, id string) (*record, error) {
	row := r.db.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs WHERE id = $1", id)
	rec, err := scanRun(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("run %q: %w", id, errs.ErrNotFound)
	}
	return rec, r.db.Err(err)
}

// Run returns a run with its progress. ErrNotFound for an unknown id.
func (r *Reader) Run(ctx context.Context, id string) (*environmentv1.Run, error) {
	rec, err := r.record(ctx, id)
	if err != nil {
		return nil, err
	}
	return rec.run, r.catchUp(ctx, rec)
}

// Runs returns all runs in the order of their creation, each with its progress.
func (r *Reader) Runs(ctx context.Context) ([]*environmentv1.Run, error) {
	rows, err := r.db.QueryContext(ctx, "SELECT "+runColumns+" FROM runs ORDER BY number")
	if err != nil {
		return nil, r.db.Err(err)
	}
	defer rows.Close()
	var records []*record
	for rows.Next() {
		rec, err := scanRun(rows.Scan)
		if err != nil {
			return nil, r.db.Err(err)
		}
		records = append(records, rec)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, r.db.Err(err)
	}
	runs := make([]*environmentv1.Run, len(records))
	for i, rec := range records {
		if err := r.catchUp(ctx, rec); err != nil {
			return nil, err
		}
		runs[i] = rec.run
	}
	return runs, nil
}

// World returns the world a run was made with. ErrNotFound for an unknown id.
func (r *Reader) World(ctx context.Context, id string) (*simv1.World, error) {
	rec, err := r.record(ctx, id)
	if err != nil {
		return nil, err
	}
	world := &simv1.World{}
	if err := proto.Unmarshal(rec.genesis.world, world); err != nil {
		return nil, fmt.Errorf("run %s: its world cannot be read: %v: %w", id, err, errs.ErrDataLoss)
	}
	return world, nil
}

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
		for {
			batch, err := r.chunk(ctx, number, after)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range batch {
				if !yield(&batch[i], nil) {
					return
				}
			}
			if len(batch) < chunk {
				return
			}
			after = batch[len(batch)-1].sequence
		}
	}
}

func (r *Reader) chunk(ctx context.Context, number, after int64) ([]row, error) {
	rows, err := r.db.QueryContext(ctx, "SELECT sequence, step, day, night, body, hash FROM entries WHERE run = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
		number, after, chunk)
	if err != nil {
		return nil, r.db.Err(err)
	}
	defer rows.Close()
	batch := make([]row, 0, chunk)
	for rows.Next() {
		var w row
		var night int64
		if err := rows.Scan(&w.sequence, &w.step, &w.day, &night, &w.body, &w.hash); err != nil {
			return nil, r.db.Err(err)
		}
		w.night = night != 0
		batch = append(batch, w)
	}
	return batch, r.db.Err(errors.Join(rows.Err(), rows.Close()))
}

// Entries yields the entries of a run after a sequence number (0 for all) in
// order, decoded one at a time; what is committed meanwhile is included. It
// ends after the first error: ErrNotFound for an unknown run, ErrDataLoss for
// an entry that cannot be read. The chain is not checked; Verify does that.
func (r *Reader) Entries(ctx context.Context, id string, after int64) iter.Seq2[*environmentv1.Entry, error] {
	return func(yield func(*environmentv1.Entry, error) bool) {
		rec, err := r.record(ctx, id)
		if err != nil {
			yield(nil, err)
			return
		}
		for row, err := range r.rows(ctx, rec.number, after) {
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

// Step returns the entry of a step. ErrNotFound for an unknown run or a step
// that is not committed.
func (r *Reader) Step(ctx context.Context, id string, step int32) (*environmentv1.Entry, error) {
	rec, err := r.record(ctx, id)
	if err != nil {
		return nil, err
	}
	// A step stands behind the steps before it and at most one night a day.
	low := int64(step) + 1
	w := row{}
	err = r.db.QueryRowContext(ctx, "SELECT sequence, step, body, hash FROM entries WHERE run = $1 AND sequence >= $2 AND sequence <= $3 AND step = $4 AND night = 0",
		rec.number, low, low+int64(rec.run.GetConfig().GetDays()), step).Scan(&w.sequence, &w.step, &w.body, &w.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("step %d of run %s is not committed: %w", step, id, errs.ErrNotFound)
	}
	if err != nil {
		return nil, r.db.Err(err)
	}
	return w.entry(id)
}

// Latencies yields the wall time of the external calls of a run in
// milliseconds, in the order of the calls.
func (r *Reader) Latencies(ctx context.Context, id string) iter.Seq2[float64, error] {
	return func(yield func(float64, error) bool) {
		rec, err := r.record(ctx, id)
		if err != nil {
			yield(0, err)
			return
		}
		rows, err := r.db.QueryContext(ctx, "SELECT latency_ms FROM calls WHERE run = $1 ORDER BY sequence, position", rec.number)
		if err != nil {
			yield(0, r.db.Err(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var ms float64
			err := rows.Scan(&ms)
			if !yield(ms, r.db.Err(err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(0, r.db.Err(err))
		}
	}
}
