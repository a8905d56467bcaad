package journal

import (
	"context"
	"fmt"
	"sync"

	"github.com/propersim/propersim/pkg/store"
)

// Journal is a journal that is written. One process may write it at a time.
type Journal struct {
	*Reader
	submissions chan *submission
	stopped     chan struct{} // closed when the writer has ended
	statements  statements

	mu     sync.RWMutex // guards closed against senders
	closed bool
	active activity
}

// New opens or makes a journal for writing and starts its writer. Every commit
// is on disk before it is acknowledged. Errors are those of store.Open.
func New(ctx context.Context, dsn string) (*Journal, error) {
	db, err := store.Open(ctx, dsn, migrations, store.FullSync(), store.Name("environment"))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{
		Reader:      &Reader{db: db},
		submissions: make(chan *submission, 4*largest),
		stopped:     make(chan struct{}),
	}
	if j.statements, err = prepare(ctx, db); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("journal: %w", err)
	}
	go j.write()
	return j, nil
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
