package environment

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/slowreader"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// WatchRun implements RunService. It reads entries from the journal at the
// watcher's own pace, within the caps on all watchers together: the run waits
// for nobody. A new state is sent at once. The stream ends when the run is
// finished, failed or cancelled and, in entries mode, all its entries are sent;
// its last message is the run. In entries mode the sequence of a run message may
// be ahead of the entries sent: watch again from that of the last entry.
//
// Errors: ErrNotFound for an unknown run; errs.Behind, with the place to go on
// from, for a stream that nobody read for Config.WatchPatience; ErrCanceled and
// ErrDeadline for a caller that left.
func (s *Server) WatchRun(req *environmentv1.WatchRunRequest, stream grpc.ServerStreamingServer[environmentv1.WatchRunResponse]) error {
	r, err := s.run(req.GetId())
	if err != nil {
		return err
	}
	w := newWatcher(s, r, req)
	s.metrics.watchers.Inc()
	defer s.metrics.watchers.Dec()
	s.pacer.join(w)
	defer s.pacer.leave(w)
	err = slowreader.Serve(s.watchdog, stream, func(send func(*environmentv1.WatchRunResponse) error) error {
		return w.follow(stream.Context(), send)
	})
	if errors.Is(err, slowreader.ErrUnread) {
		s.metrics.watchersCut.Inc()
		return errs.Behind{After: w.sent.Load()}
	}
	return err
}

// watcher is one stream of news. It sleeps until the run has a new state, or
// until the pacer permits it to send.
type watcher struct {
	server  *Server
	run     *run
	entries bool

	sent    atomic.Int64                           // sequence number last handed to the stream
	shown   atomic.Pointer[environmentv1.Progress] // last handed to the stream
	permits chan permit                            // holds one
	busy    atomic.Bool                            // has a permit that is not used up

	interval time.Duration
	due      time.Time // of the next progress; the pacer's
	offered  permit    // the pacer's
}

// permit says what may be sent.
type permit struct {
	progress bool
	entries  int
}

func newWatcher(s *Server, r *run, req *environmentv1.WatchRunRequest) *watcher {
	w := &watcher{server: s, run: r, entries: req.GetEntries(), permits: make(chan permit, 1),
		interval: time.Duration(req.GetIntervalMs()) * time.Millisecond}
	if w.interval == 0 {
		w.interval = 200 * time.Millisecond
	}
	w.due = time.Now().Add(w.interval)
	w.sent.Store(req.GetAfterSequence())
	return w
}

// follow sends news until the run is over.
func (w *watcher) follow(ctx context.Context, send func(*environmentv1.WatchRunResponse) error) error {
	var last *environmentv1.Run
	show := func(view *environmentv1.Run) error {
		last = view
		w.shown.Store(view.GetProgress())
		sequence := max(w.sent.Load(), view.GetProgress().GetSequence())
		err := send(&environmentv1.WatchRunResponse{Sequence: sequence, News: &environmentv1.WatchRunResponse_Run{Run: view}})
		if err == nil && !w.entries {
			w.sent.Store(sequence)
		}
		return err
	}
	for {
		view, changed := w.run.news()
		caughtUp := !w.entries || w.sent.Load() >= view.GetProgress().GetSequence()
		ends := over(view.GetState()) && caughtUp
		if last.GetState() != view.GetState() || last.GetReason() != view.GetReason() || ends {
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
				if err := show(w.run.view()); err != nil {
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
		news, err := w.server.pages.after(ctx, w.run.id, w.sent.Load(), n)
		if err != nil || len(news) == 0 {
			return err
		}
		for _, one := range news {
			if err := send(one); err != nil {
				return err
			}
			w.sent.Add(1)
		}
		n -= len(news)
	}
	return nil
}

// offerProgress takes progress that is due, and reports how many messages that
// is.
func (w *watcher) offerProgress(now time.Time) int {
	if w.offered.progress || now.Before(w.due) || w.busy.Load() || w.run.progressNow() == w.shown.Load() {
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
	behind := w.run.progressNow().GetSequence() - w.sent.Load() - int64(w.offered.entries)
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

// news returns the run and a channel that is closed at its next change of
// state. Progress has no such channel: watchers look at it in their own time.
func (r *run) news() (*environmentv1.Run, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.viewLocked(), r.changed
}

// progressNow returns what the run has done so far.
func (r *run) progressNow() *environmentv1.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}
