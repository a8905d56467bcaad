// Package slowreader ends gRPC streams whose peer does not read. A Send blocks
// while the peer's flow-control window is full, and only the end of the handler
// unblocks it. So a goroutine beside the handler produces the messages, and one
// watchdog for all streams can end the handler.
package slowreader

import (
	"sync"
	"sync/atomic"
	"time"
)

// Patience is how long a Send may be blocked by default.
const Patience = 30 * time.Second

// looks is how often the watchdog checks every stream within its patience: a
// stream ends late by at most one interval.
const looks = 8

// Watchdog ends the streams whose Send was blocked for longer than its patience.
// Its goroutine exists only while there are streams.
type Watchdog struct {
	patience time.Duration

	mu   sync.Mutex
	open map[*sending]struct{} // guarded by mu
	quit chan struct{}         // guarded by mu; nil while no stream is open
}

// New returns a watchdog; a patience of 0 means Patience.
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

// sending counts the beginnings and the ends of the Sends of one stream. The
// count is odd while a Send is in progress, and ended when no Send may follow.
type sending struct {
	count atomic.Int64
	cut   chan struct{} // closed when the watchdog has ended it

	seen  int64     // count at the watchdog's last look
	since time.Time // when the watchdog first saw that count
}

const ended = -1

// begin marks the beginning of a Send; false where the stream has ended.
func (s *sending) begin() bool {
	n := s.count.Load()
	return n != ended && s.count.CompareAndSwap(n, n+1)
}

// end marks the end of a Send; false where the stream has ended.
func (s *sending) end() bool {
	n := s.count.Load()
	return n != ended && s.count.CompareAndSwap(n, n+1)
}

// stop forbids further Sends. It reports whether one is in progress, or was when
// the watchdog ended the stream.
func (s *sending) stop() (held bool) {
	n := s.count.Swap(ended)
	return n == ended || n%2 == 1
}

// look ends a stream whose present Send has been in progress for the patience.
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
