package watch

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Caps on what all watchers together are sent while runs are conducted here, so
// that watching cannot starve the simulation. BenchmarkWatchers measured 15 to
// 20 ms of CPU time a second for a thousand watchers that use up the caps, 1% of
// two cores. A new state is sent whatever the caps; without runs there are none.
const (
	entriesPerSecond  = 2000
	progressPerSecond = 500
)

const (
	// tick is the time between two rounds of the pacer, and the delay of a watcher
	// within the caps.
	tick = 20 * time.Millisecond
	// slowTick is the time between two rounds while the caps are used up: fewer and
	// larger rounds wake fewer goroutines and write more at once.
	slowTick = 5 * tick
	// quantum is how many entries a watcher is given before the next one's turn.
	quantum = 8
)

// pacer wakes the watchers that may be sent something, in turns. Its goroutine
// exists only while there are watchers.
type pacer struct {
	busy func() bool // reports that runs are conducted here

	mu                sync.Mutex
	ring              []*watcher // guarded by mu
	entryTurn         int        // place in the ring; guarded by mu
	progressTurn      int        // place in the ring; guarded by mu
	entries, progress *rate.Limiter
	scarce            bool          // the caps were used up in the last round; guarded by mu
	last              time.Time     // when the last round was; guarded by mu
	quit              chan struct{} // guarded by mu; nil without watchers
}

func newPacer(busy func() bool) *pacer {
	return &pacer{
		busy: busy,
		// A late tick makes up for at most a fifth of a second.
		entries:  rate.NewLimiter(entriesPerSecond, entriesPerSecond/5),
		progress: rate.NewLimiter(progressPerSecond, progressPerSecond/5),
	}
}

func (p *pacer) join(w *watcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring = append(p.ring, w)
	if p.quit == nil {
		p.quit = make(chan struct{})
		go p.run(p.quit)
	}
}

func (p *pacer) leave(w *watcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, one := range p.ring {
		if one == w {
			p.ring = append(p.ring[:i], p.ring[i+1:]...)
			break
		}
	}
	if len(p.ring) == 0 {
		close(p.quit)
		p.quit = nil
	}
}

func (p *pacer) run(quit <-chan struct{}) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-quit:
			return
		case now := <-ticker.C:
			p.round(now)
		}
	}
}

// round hands out what the caps allow at this moment.
func (p *pacer) round(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entries, progress, portion := math.MaxInt, math.MaxInt, pageEntries
	capped := p.busy()
	if capped && p.scarce && now.Sub(p.last) < slowTick-tick/2 {
		return
	}
	if capped {
		entries, progress, portion = int(p.entries.TokensAt(now)), int(p.progress.TokensAt(now)), quantum
	}
	shown := p.turns(&p.progressTurn, progress, func(w *watcher, _ int) int { return w.offerProgress(now) })
	handed := p.turns(&p.entryTurn, entries, func(w *watcher, left int) int { return w.offerEntries(min(portion, left)) })
	p.last, p.scarce = now, shown == progress || handed == entries
	if capped {
		p.progress.ReserveN(now, shown)
		p.entries.ReserveN(now, handed)
	}
	for _, w := range p.ring {
		w.give()
	}
}

// turns offers to one watcher after the other, beginning with the one whose
// turn it is, until the budget is used up or nobody wants more. It returns how
// much was taken.
func (p *pacer) turns(turn *int, budget int, offer func(w *watcher, left int) int) (used int) {
	for refused := 0; used < budget && refused < len(p.ring); *turn++ {
		if *turn >= len(p.ring) {
			*turn = 0
		}
		if n := offer(p.ring[*turn], budget-used); n > 0 {
			used, refused = used+n, 0
		} else {
			refused++
		}
	}
	return used
}
