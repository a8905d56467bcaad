package trainer

import "sync"

// watchers are those who watch jobs. The zero value is ready.
type watchers struct {
	mu    sync.Mutex
	byJob map[string]map[*watcher]struct{} // guarded by mu
}

// watcher collects the states of one job until they are taken.
type watcher struct {
	mu     sync.Mutex
	queue  []snapshot    // guarded by mu
	signal chan struct{} // holds a token when the queue may not be empty
}

// watch begins to collect; stop ends it.
func (w *watchers) watch(id string) (one *watcher, stop func()) {
	one = &watcher{signal: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byJob == nil {
		w.byJob = map[string]map[*watcher]struct{}{}
	}
	if w.byJob[id] == nil {
		w.byJob[id] = map[*watcher]struct{}{}
	}
	w.byJob[id][one] = struct{}{}
	return one, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.byJob[id], one)
		if len(w.byJob[id]) == 0 {
			delete(w.byJob, id)
		}
	}
}

func (w *watchers) notify(id string, states []snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.byJob[id] {
		one.add(states)
	}
}

func (w *watcher) add(states []snapshot) {
	w.mu.Lock()
	w.queue = append(w.queue, states...)
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *watcher) take() []snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.queue
	w.queue = nil
	return taken
}

// signal wakes everybody who waits for it. The zero value is ready.
type signal struct {
	mu      sync.Mutex
	channel chan struct{} // guarded by mu; closed at the next notify
}

// wait returns a channel that is closed at the next notify. Get it before looking
// for work, so that no notify between the look and the wait is missed.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channel == nil {
		s.channel = make(chan struct{})
	}
	return s.channel
}

func (s *signal) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channel != nil {
		close(s.channel)
		s.channel = nil
	}
}
