package model

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/propersim/propersim/pkg/errs"
)

// firstPause is the pause after the first failure of a replica in a row; after
// further ones it is probed every Deps.ProbeEvery.
const firstPause = time.Second

// shortRetryAfter is up to which Retry-After a single 429 among answers delays
// its own request alone. If it paused everything, an endpoint that refuses one
// request in ten for a second would do a quarter of its work.
const shortRetryAfter = time.Second

// lane schedules the requests to one replica of an endpoint: slots, a queue in
// simulated time, and pauses after failures.
type lane struct {
	endpoint   string
	conn       *connection
	max        int // slots
	rates      *rates
	probeEvery time.Duration
	gauges     laneGauges

	mu          sync.Mutex
	queue       waiters   // guarded by mu
	seq         uint64    // guarded by mu; orders waiters of the same simulated time
	limit       int       // guarded by mu; slots in use, halved under load
	inFlight    int       // guarded by mu
	failing     int       // guarded by mu; failures since the last success
	down        bool      // guarded by mu; one request at a time finds out whether it is back
	why         string    // guarded by mu; the last failure while failing
	pausedUntil time.Time // guarded by mu
	sent        uint64    // guarded by mu; requests so far
	lastFailed  uint64    // guarded by mu; sent at the last failure that counted
	halved      bool      // guarded by mu; ever
	lastHalved  uint64    // guarded by mu; sent at the last halving
	since       since     // guarded by mu; the last halving
	answered    bool      // guarded by mu; ever
	timer       *time.Timer
}

// since counts requests since the slots in use were halved last.
type since struct {
	sent     int
	refused  int // of those that were sent since then
	calm     int // answers after the last refusal
	answered int // answers after the slots in use last became more
}

// tooMany reports whether refusals are more than an endpoint's random ones, so
// that the slots should be halved again: at least one in five. Refusals arrive
// before the answers of their time, so that they are compared with what was sent.
func (s since) tooMany() bool { return s.sent >= 5 && 5*s.refused >= s.sent }

// rates are the limits of requests and tokens per minute of an endpoint.
type rates struct {
	mu               sync.Mutex
	requests, tokens *rate.Limiter // nil is no limit
}

func newRates(requests, tokens int) *rates {
	r := &rates{}
	if requests > 0 {
		// A burst of one second's worth keeps any minute within the limit.
		r.requests = rate.NewLimiter(rate.Limit(float64(requests)/60), max(1, requests/60))
	}
	if tokens > 0 {
		r.tokens = rate.NewLimiter(rate.Limit(float64(tokens)/60), max(1, tokens/10))
	}
	return r
}

// take takes one request of n tokens out of the limits and returns 0, or takes
// nothing and returns how long to wait.
func (r *rates) take(now time.Time, n int64) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var first *rate.Reservation
	if r.requests != nil {
		first = r.requests.ReserveN(now, 1)
		if wait := first.DelayFrom(now); wait > 0 {
			first.CancelAt(now)
			return wait
		}
	}
	if r.tokens != nil {
		second := r.tokens.ReserveN(now, int(min(n, int64(r.tokens.Burst()))))
		if wait := second.DelayFrom(now); wait > 0 {
			second.CancelAt(now)
			if first != nil {
				first.CancelAt(now)
			}
			return wait
		}
	}
	return 0
}

// waiter is a request that waits for a slot.
type waiter struct {
	at     int64 // simulated time of its run
	seq    uint64
	tokens int64
	index  int           // in the queue; -1 once it has a slot
	ready  chan struct{} // closed with the slot
	number uint64        // of the request, counted from 1; 0 until it has a slot
}

// waiters is a heap: the run that is behind goes first.
type waiters []*waiter

// Len implements sort.Interface.
func (q waiters) Len() int { return len(q) }

// Less implements sort.Interface.
func (q waiters) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].seq < q[j].seq
}

// Swap implements sort.Interface.
func (q waiters) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *waiters) Push(x any) {
	w := x.(*waiter)
	w.index = len(*q)
	*q = append(*q, w)
}

// Pop implements heap.Interface.
func (q *waiters) Pop() any {
	last := (*q)[len(*q)-1]
	last.index = -1
	*q = (*q)[:len(*q)-1]
	return last
}

// acquire waits for a slot. While the replica fails it waits for at most
// patience and then returns what it waits for as an *attemptError; an error of
// ctx otherwise.
func (l *lane) acquire(ctx context.Context, at, tokens int64, patience time.Duration) (*waiter, *attemptError, error) {
	w := &waiter{at: at, tokens: tokens, ready: make(chan struct{})}
	l.mu.Lock()
	l.seq++
	w.seq = l.seq
	heap.Push(&l.queue, w)
	l.pump()
	l.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-w.ready:
			return w, nil, nil
		case <-ctx.Done():
			l.leave(w)
			return nil, nil, errs.FromContext(ctx)
		case <-timer.C:
			if failed := l.giveUp(w); failed != nil {
				return nil, failed, nil
			}
			timer.Reset(patience)
		}
	}
}

// leave takes a waiter out of the queue, or gives back the slot that it has got
// at the same moment.
func (l *lane) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&l.queue, w.index)
	} else {
		l.inFlight--
	}
	l.pump()
}

// giveUp removes a waiter whose patience is over while the replica fails. It
// returns nil where the replica is merely busy.
func (l *lane) giveUp(w *waiter) *attemptError {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.index < 0 || l.failing == 0 {
		return nil
	}
	heap.Remove(&l.queue, w.index)
	return &attemptError{outcome: Unreachable, detail: l.why, retryAfter: max(0, time.Until(l.pausedUntil))}
}

// pump gives slots to those who wait. The caller holds l.mu.
func (l *lane) pump() {
	now := time.Now()
	for len(l.queue) > 0 {
		limit := l.limit
		if l.down {
			limit = 1
		}
		if wait := l.pausedUntil.Sub(now); wait > 0 {
			l.wakeIn(wait)
			break
		}
		if l.inFlight >= limit {
			break
		}
		if wait := l.rates.take(now, l.queue[0].tokens); wait > 0 {
			l.wakeIn(wait)
			break
		}
		w := heap.Pop(&l.queue).(*waiter)
		l.inFlight++
		l.sent++
		w.number = l.sent
		l.since.sent++
		close(w.ready)
	}
	l.gauges.set(len(l.queue), l.inFlight, l.limit, l.failing > 0)
}

// wakeIn runs pump again after a while. The caller holds l.mu.
func (l *lane) wakeIn(wait time.Duration) {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pump()
	})
}

// finish gives the slot back and draws the conclusions from how the request
// ended; nil is an answer. It returns the pause before the same request should
// be tried again.
func (l *lane) finish(w *waiter, failed *attemptError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	if failed == nil || !failed.outcome.IsTransient() {
		// Even a refusal is a sign of life. But a request that left before the failures
		// for which the others pause says nothing of now.
		if w.number > l.lastFailed || time.Now().After(l.pausedUntil) {
			l.failing, l.down, l.why = 0, false, ""
		}
		l.answered = l.answered || failed == nil
		l.grow()
	} else {
		l.failed(w, failed)
	}
	l.pump()
}

// grow counts an answer, and adds a slot to those in use after as many answers as
// there are slots: one for each round trip. The caller holds l.mu.
func (l *lane) grow() {
	l.since.calm++
	if l.since.answered++; l.since.answered >= l.limit {
		l.limit = min(l.max, l.limit+1)
		l.since.answered = 0
	}
}

// failed slows down after a transient failure. Requests that were under way
// together fail together and count once. The caller holds l.mu.
func (l *lane) failed(w *waiter, failed *attemptError) {
	now := time.Now()
	if l.failing == 0 || w.number > l.lastFailed {
		l.failing++
		l.lastFailed = l.sent
	}
	l.why = string(failed.outcome) + ": " + failed.detail
	busy := failed.outcome == RateLimited || failed.outcome == Overloaded
	if busy && w.number > l.lastHalved {
		// The first refusal after a calm time halves the slots. If each one did, an
		// endpoint that refuses one request in ten would be used by half.
		if l.since.refused++; !l.halved || l.since.calm >= l.max || l.since.tooMany() {
			l.limit = max(1, l.limit/2)
			l.halved, l.lastHalved, l.since = true, l.sent, since{}
		}
		l.since.calm = 0
	}
	// One failure among answers concerns its own request; two in a row, no
	// connection at all, or a long Retry-After concern the replica.
	if l.failing < 2 && failed.outcome != Unreachable && failed.retryAfter <= shortRetryAfter {
		return
	}
	// While others are under way, refusals mean that there are too many of them.
	if failed.outcome == RateLimited && l.inFlight > 0 && failed.retryAfter <= shortRetryAfter {
		return
	}
	l.down = failed.outcome != RateLimited
	pause := failed.retryAfter
	switch {
	case pause > 0:
	case l.failing < 2:
		pause = jitter(firstPause)
	default:
		pause = l.probeEvery
	}
	if until := now.Add(pause); until.After(l.pausedUntil) {
		l.pausedUntil = until
	}
}

// jitter spreads a pause over [d, 1.5d), so that many callers do not come back
// at the same moment.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/2+1) }

// state says whether the replica can be used, whether it ever answered, and why
// not.
func (l *lane) state() (up, answered bool, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.down, l.answered, l.why
}
