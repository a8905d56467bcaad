package journal

import (
	"context"
	"database/sql"
	"errors"
)

// Limits of one chunk of entries: between two chunks nothing is held, so that a
// slow reader stops nobody, and large entries do not fill the memory.
const (
	chunkRows  = 256
	chunkBytes = 8 << 20
	firstRows  = 32 // of the first chunk, while the size of entries is not known
)

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scan reads the entries of a run in chunks.
type scan struct {
	from  querier
	limit int // rows of the next chunk
}

func newScan(from querier) *scan { return &scan{from: from, limit: firstRows} }

// read returns the next entries after a sequence number, up to another one, and
// whether there may be more. A chunk has at least one entry where there is one.
func (s *scan) read(ctx context.Context, number, after, last int64) ([]row, bool, error) {
	rows, err := s.from.QueryContext(ctx, "SELECT sequence, step, day, night, body, hash FROM entries WHERE run = $1 AND sequence > $2 AND sequence <= $3 ORDER BY sequence LIMIT $4",
		number, after, last, s.limit)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	batch, size := make([]row, 0, s.limit), 0
	for size < chunkBytes && rows.Next() {
		var w row
		var night int64
		if err := rows.Scan(&w.sequence, &w.step, &w.day, &night, &w.body, &w.hash); err != nil {
			return nil, false, err
		}
		w.night = night != 0
		size += len(w.body)
		batch = append(batch, w)
	}
	more := len(batch) == s.limit || size >= chunkBytes
	if len(batch) > 0 {
		s.limit = min(max(chunkBytes*len(batch)/max(size, 1), 1), chunkRows)
	}
	return batch, more, errors.Join(rows.Err(), rows.Close())
}
