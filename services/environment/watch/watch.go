// Package watch streams what happens to runs to watchers. Each reads entries from
// the journal at its own pace, within caps on all watchers together, so that a
// run never waits for a watcher (pace.go); what many watchers read is read from
// the journal once (pages.go).
package watch

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/internal/prom"
	"github.com/propersim/propersim/internal/slowreader"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// Watchers are the watchers of a server. It is safe for concurrent use.
type Watchers struct {
	watchdog *slowreader.Watchdog
	pacer    *pacer
	pages    *pages
	open     prometheus.Gauge
	cut      prometheus.Counter
}

// New returns watchers of the runs of a journal. patience is how long one may
// leave its stream unread; 0 means 30 s. busy reports that runs are conducted
// here, so that watching must be capped. Errors are those of registering the
// metrics.
func New(j *journal.Journal, patience time.Duration, busy func() bool, registry prometheus.Registerer) (*Watchers, error) {
	pages, err := newPages(j)
	if err != nil {
		return nil, err
	}
	m := prom.Maker{Registry: registry}
	return &Watchers{
		watchdog: slowreader.New(patience), pacer: newPacer(busy), pages: pages,
		open: m.Gauge("watchers", "Streams of WatchRun that are open.").WithLabelValues(),
		cut:  m.Counter("watchers_cut_total", "Streams of WatchRun that ended because nobody read them.").WithLabelValues(),
	}, m.Err
}

// Serve streams a run until it is finished, failed or cancelled and, in entries
// mode, all its entries are sent; the last message is the run. A new state is
// sent at once. In entries mode the sequence of a run message may be ahead of the
// entries sent: watch again from that of the last entry.
//
// Errors: errs.Behind, with the place to watch again from, for a stream that
// nobody read for so long; ErrCanceled and ErrDeadline for a caller that left.
func (w *Watchers) Serve(r *live.Run, req *environmentv1.WatchRunRequest, stream grpc.ServerStreamingServer[environmentv1.WatchRunResponse]) error {
	one := newWatcher(w.pages, r, req)
	w.open.Inc()
	defer w.open.Dec()
	w.pacer.join(one)
	defer w.pacer.leave(one)
	err := slowreader.Serve(w.watchdog, stream, func(send func(*environmentv1.WatchRunResponse) error) error {
		return one.follow(stream.Context(), send)
	})
	if errors.Is(err, slowreader.ErrUnread) {
		w.cut.Inc()
		return errs.Behind{After: one.sent.Load()}
	}
	return err
}

// Sent returns how many streams are open, and the sum of the sequence numbers
// that were last handed to them.
func (w *Watchers) Sent() (streams int, sequences int64) {
	w.pacer.mu.Lock()
	defer w.pacer.mu.Unlock()
	for _, one := range w.pacer.ring {
		sequences += one.sent.Load()
	}
	return len(w.pacer.ring), sequences
}

// watcher is one stream. It sleeps until the run has a new state, or until the
// pacer permits it to send.
type watcher struct {
	pages   *pages
	run     *live.Run
	entries bool

	sent    atomic.Int64                           // sequence number last handed to the stream
	shown   atomic.Pointer[environmentv1.Progress] // last handed to the stream
	permits chan permit                            // holds one
	busy    atomic.Bool                            // has a permit that is not used up

	interval time.Duration
	due      time.Time // of the next progress; owned by the pacer
	offered  permit    // owned by the pacer
}

// defaultInterval is the least time between two messages of progress, where the
// request says nothing.
const defaultInterval = 200 * time.Millisecond

// permit says what may be sent.
type permit struct {
	progress bool
	entries  int
}

func newWatcher(p *pages, r *live.Run, req *environmentv1.WatchRunRequest) *watcher {
	w := &watcher{pages: p, run: r, entries: req.GetEntries(), permits: make(chan permit, 1),
		interval: defaultInterval}
	if req.GetInterval() != nil {
		w.interval = req.GetInterval().AsDuration()
	}
	w.due = time.Now().Add(w.interval)
	w.sent.Store(req.GetAfterSequence())
	return w
}

// follow sends what happens until the run has ended.
func (w *watcher) follow(ctx context.Context, send func(*environmentv1.WatchRunResponse) error) error {
	var last *environmentv1.Run
	show := func(view *environmentv1.Run) error {
		last = view
		w.shown.Store(view.GetProgress())
		sequence := max(w.sent.Load(), view.GetProgress().GetSequence())
		err := send(&environmentv1.WatchRunResponse{Sequence: sequence, Event: &environmentv1.WatchRunResponse_Run{Run: view}})
		if err == nil && !w.entries {
			w.sent.Store(sequence)
		}
		return err
	}
	for {
		view, changed := w.run.News()
		caughtUp := !w.entries || w.sent.Load() >= view.GetProgress().GetSequence()
		ends := live.Ended(view.GetState()) && caughtUp
		if last.GetState() != view.GetState() || last.GetReason() != view.GetReason() || last.GetConductor().GetName() != view.GetConductor().GetName() || ends {
			if err := show(view); err != nil || ends {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errs.FromContext(ctx)
		case <-changed:
		case may := <-w.permits:
			if err := w.sendEntries(ctx, may.entries, send); err != nil {
				return err
			}
			if may.progress {
				if err := show(w.run.View()); err != nil {
					return err
				}
			}
			w.busy.Store(false)
		}
	}
}

// sendEntries sends up to n entries.
func (w *watcher) sendEntries(ctx context.Context, n int, send func(*environmentv1.WatchRunResponse) error) error {
	for n > 0 {
		events, err := w.pages.after(ctx, w.run.ID(), w.sent.Load(), n)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, one := range events {
			if err := send(one); err != nil {
				return err
			}
			w.sent.Add(1)
		}
		n -= len(events)
	}
	return nil
}

// offerProgress takes progress that is due, and reports how many messages that
// is.
func (w *watcher) offerProgress(now time.Time) int {
	if w.offered.progress || now.Before(w.due) || w.busy.Load() || w.run.Progress() == w.shown.Load() {
		return 0
	}
	w.offered.progress = true
	w.due = now.Add(w.interval)
	return 1
}

// offerEntries takes up to n entries, as far as they are committed and not sent,
// and returns how many.
func (w *watcher) offerEntries(n int) int {
	if !w.entries || w.busy.Load() {
		return 0
	}
	behind := w.run.Progress().GetSequence() - w.sent.Load() - int64(w.offered.entries)
	n = max(0, min(n, int(behind), pageEntries-w.offered.entries))
	w.offered.entries += n
	return n
}

// give wakes the watcher if something was offered to it.
func (w *watcher) give() {
	if w.offered == (permit{}) {
		return
	}
	w.busy.Store(true)
	w.permits <- w.offered // empty, as the watcher was not busy
	w.offered = permit{}
}
