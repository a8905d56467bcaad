package environment

import (
	"context"
	"time"

	"google.golang.org/grpc"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// WatchRun implements RunService. It reads entries from the journal at the
// watcher's own pace: the run waits for nobody. The stream ends when the run is
// finished, failed or cancelled; its last message is the run. In entries mode
// the sequence of a run message may be ahead of the entries sent: watch again
// from that of the last entry.
func (s *Server) WatchRun(req *environmentv1.WatchRunRequest, stream grpc.ServerStreamingServer[environmentv1.WatchRunResponse]) error {
	r, err := s.run(req.GetId())
	if err != nil {
		return err
	}
	interval := time.Duration(req.GetIntervalMs()) * time.Millisecond
	if interval == 0 {
		interval = 200 * time.Millisecond
	}
	w := &watcher{stream: stream, sent: req.GetAfterSequence()}
	tick := interval
	if req.GetEntries() {
		tick = min(interval, liveness)
	}
	for {
		view, changed := r.news()
		if req.GetEntries() && view.GetProgress().GetSequence() > w.sent {
			if err := s.sendEntries(r.id, w); err != nil {
				return err
			}
		}
		if err := w.sendRun(view, interval); err != nil {
			return err
		}
		if over(view.GetState()) {
			return nil
		}
		if err := wait(stream.Context(), tick, changed); err != nil {
			return err
		}
	}
}

// liveness is how long an entry may take to reach a watcher.
const liveness = 20 * time.Millisecond

// watcher is one stream of news.
type watcher struct {
	stream grpc.ServerStreamingServer[environmentv1.WatchRunResponse]
	sent   int64              // sequence number of the last entry sent
	last   *environmentv1.Run // sent last
	at     time.Time          // when it was
}

// sendRun sends the run if it has changed: a new state at once, progress no
// sooner than an interval after the last.
func (w *watcher) sendRun(view *environmentv1.Run, interval time.Duration) error {
	if w.last != nil && w.last.GetState() == view.GetState() && w.last.GetReason() == view.GetReason() &&
		(w.last.GetProgress() == view.GetProgress() || time.Since(w.at) < interval) {
		return nil
	}
	w.last, w.at = view, time.Now()
	return w.stream.Send(&environmentv1.WatchRunResponse{
		Sequence: max(w.sent, view.GetProgress().GetSequence()), News: &environmentv1.WatchRunResponse_Run{Run: view},
	})
}

func (s *Server) sendEntries(id string, w *watcher) error {
	for entry, err := range s.journal.Entries(w.stream.Context(), id, w.sent) {
		if err != nil {
			return err
		}
		w.sent = entry.GetSequence()
		if err := w.stream.Send(&environmentv1.WatchRunResponse{Sequence: w.sent, News: &environmentv1.WatchRunResponse_Entry{Entry: entry}}); err != nil {
			return err
		}
	}
	return nil
}

// news returns the run and a channel that is closed at its next change of
// state. Progress has no such channel: watchers look at it in their own time.
func (r *run) news() (*environmentv1.Run, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.viewLocked(), r.changed
}

// wait returns after a time, at news, or with the context's error.
func wait(ctx context.Context, d time.Duration, news <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-news:
	}
	return nil
}
