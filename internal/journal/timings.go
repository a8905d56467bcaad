package journal

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// NightTiming is the call id of a night's timing: the latency is that of the
// training, and waited the rest of the night.
const NightTiming = "night"

// Timing is what a call of an entry took.
type Timing struct {
	// Sequence is the sequence number of the entry.
	Sequence int64
	// CallTiming names the call by its id within the entry.
	*simv1.CallTiming
}

const timingQuery = "INSERT INTO calls (run, sequence, position, call_id, endpoint, waited_ns, latency_ns) VALUES ($1, $2, $3, $4, $5, $6, $7)"

func (w *writer) insertTimings(ctx context.Context, tx *sql.Tx, batch []*submission) error {
	var insert *sql.Stmt
	for _, s := range batch {
		if len(s.timings) > 0 && insert == nil {
			insert = tx.StmtContext(ctx, w.statements.timing)
		}
		for position, t := range s.timings {
			_, err := insert.ExecContext(ctx, s.chain.lease.number, s.sequence, position, t.GetCallId(), t.GetEndpoint(),
				t.GetWaited().AsDuration().Nanoseconds(), t.GetLatency().AsDuration().Nanoseconds())
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// timingsChunk is how many timings are read at a time.
const timingsChunk = 1024

// Timings yields what the calls of a run's entries after a sequence number took,
// in the order of the entries; 0 for all. It ends after the first error;
// ErrNotFound for an unknown run.
func (r *Reader) Timings(ctx context.Context, id string, after int64) iter.Seq2[Timing, error] {
	return func(yield func(Timing, error) bool) {
		number, err := r.number(ctx, id)
		if err != nil {
			yield(Timing{}, err)
			return
		}
		position := int64(-1)
		after++ // the place of the last timing: an entry and a position in it
		for {
			batch, last, err := r.timings(ctx, number, after, position)
			if err != nil {
				yield(Timing{}, err)
				return
			}
			for _, t := range batch {
				if !yield(t, nil) {
					return
				}
			}
			if len(batch) < timingsChunk {
				return
			}
			after, position = batch[len(batch)-1].Sequence, last
		}
	}
}

// timings reads a chunk of timings behind a position in an entry, and returns
// the position of the last one.
func (r *Reader) timings(ctx context.Context, number, sequence, position int64) ([]Timing, int64, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT sequence, position, call_id, endpoint, waited_ns, latency_ns FROM calls
		WHERE run = $1 AND (sequence, position) > ($2, $3) ORDER BY sequence, position LIMIT $4`, number, sequence, position, timingsChunk)
	if err != nil {
		return nil, 0, r.db.Err(err)
	}
	defer rows.Close()
	var out []Timing
	var last int64
	for rows.Next() {
		var waited, latency int64
		t := Timing{CallTiming: &simv1.CallTiming{}}
		if err := rows.Scan(&t.Sequence, &last, &t.CallId, &t.Endpoint, &waited, &latency); err != nil {
			return nil, 0, r.db.Err(err)
		}
		t.Waited, t.Latency = durationpb.New(time.Duration(waited)), durationpb.New(time.Duration(latency))
		out = append(out, t)
	}
	return out, last, r.db.Err(errors.Join(rows.Err(), rows.Close()))
}
