package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/internal/prom"
	"github.com/propersim/propersim/pkg/store"
)

// Journal is a journal that is written. Several processes may write one journal
// at the same time, each the runs whose leases it has.
type Journal struct {
	*Reader
	submissions chan *submission
	stopped     chan struct{} // closed when the writer has ended
	statements  statements

	seconds, size prometheus.Observer // of a commit

	mu     sync.RWMutex // guards closed against senders
	closed bool
	chains atomic.Int32 // that may bring entries at any time
}

// New opens or makes a journal for writing and starts its writer. Every commit
// is on disk before it is acknowledged. Errors are those of store.Open, and
// ErrPrecondition for a journal of another format.
func New(ctx context.Context, dsn string) (*Journal, error) { return open(ctx, dsn) }

// open is New with more options for the database.
func open(ctx context.Context, dsn string, opts ...store.Option) (*Journal, error) {
	opts = append([]store.Option{store.Name("environment"), store.Before(checkFormat)}, opts...)
	db, err := store.Open(ctx, dsn, migrations, opts...)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{
		Reader:      &Reader{db: db},
		submissions: make(chan *submission, 4*largest),
		stopped:     make(chan struct{}),
	}
	if err := j.Measure(nil); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if j.statements, err = prepare(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), db.Close())
	}
	go j.write()
	return j, nil
}

// Measure registers the metrics of commits and of the database's connections.
// Call it before the first entry; nil registers nothing.
func (j *Journal) Measure(registry prometheus.Registerer) error {
	m := prom.Maker{Registry: registry}
	j.seconds = m.Histogram("journal_commit_seconds", "Wall time of one transaction of the journal.",
		[]float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .5, 2, 10}).WithLabelValues()
	j.size = m.Histogram("journal_commit_entries", "Entries in one transaction of the journal.",
		[]float64{1, 2, 4, 8, 16, 32, 64, 128, 256}).WithLabelValues()
	return errors.Join(m.Err, j.db.Measure(registry, "journal"))
}

// Close commits what is waiting and closes the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	close(j.submissions)
	j.mu.Unlock()
	<-j.stopped
	return j.db.Close()
}
