// Package slowreader ends streams that nobody reads. gRPC holds a Send back for as
// long as its peer does not read, and only the end of the handler frees it: so
// a stream is produced beside its handler, which one watchdog for all streams
// can end.
package slowreader

import (
	"sync"
	"sync/atomic"
	"time"
)

// Patience is how long a Send may be held back, where nothing else is said.
const Patience = 30 * time.Second

// looks is how often the watchdog looks at every stream within its patience. A
// stream ends at most one look late.
const looks = 8

// Watchdog ends the streams whose Send was held back for longer than its
// patience. Its goroutine is there while streams are.
type Watchdog struct {
	patience time.Duration

	mu   sync.Mutex
	open map[*sending]struct{} // guarded by mu
	quit chan struct{}         // guarded by mu; nil while no stream is open
}

// New returns a watchdog; 0 means Patience.
func New(patience time.Duration) *Watchdog {
	if patience <= 0 {
		patience = Patience
	}
	return &Watchdog{patience: patience, open: map[*sending]struct{}{}}
}

func (w *Watchdog) watch(s *sending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[s] = struct{}{}
	if w.quit == nil {
		w.quit = make(chan struct{})
		go w.patrol(w.quit)
	}
}

func (w *Watchdog) leave(s *sending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, s)
	if len(w.open) == 0 {
		close(w.quit)
		w.quit = nil
	}
}

func (w *Watchdog) patrol(quit <-chan struct{}) {
	ticker := time.NewTicker(w.patience / looks)
	defer ticker.Stop()
	for {
		select {
		case <-quit:
			return
		case now := <-ticker.C:
			w.mu.Lock()
			for s := range w.open {
				s.look(now, w.patience)
			}
			w.mu.Unlock()
		}
	}
}

// sending counts the beginnings and ends of the Sends of one stream: the count
// is odd while one is going on, and ended when no more may.
type sending struct {
	count atomic.Int64
	cut   chan struct{} // closed when the watchdog has ended it

	seen  int64     // at the watchdog's last look
	since time.Time // when the watchdog first saw that
}

const ended = -1

// begin reports that a Send may go on.
func (s *sending) begin() bool {
	n := s.count.Load()
	return n != ended && s.count.CompareAndSwap(n, n+1)
}

// end reports that the stream goes on after a Send.
func (s *sending) end() bool {
	n := s.count.Load()
	return n != ended && s.count.CompareAndSwap(n, n+1)
}

// stop forbids further Sends and reports whether one is going on, or was when
// the watchdog ended the stream.
func (s *sending) stop() (held bool) {
	n := s.count.Swap(ended)
	return n == ended || n%2 == 1
}

// look ends a stream whose Send is the same as a patience ago.
func (s *sending) look(now time.Time, patience time.Duration) {
	n := s.count.Load()
	if n == ended || n%2 == 0 || n != s.seen {
		s.seen, s.since = n, now
		return
	}
	if now.Sub(s.since) >= patience && s.count.CompareAndSwap(n, ended) {
		close(s.cut)
	}
}
