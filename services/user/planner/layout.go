package planner

import (
	"slices"
	"sort"

	"github.com/propersim/propersim/pkg/activity"
)

// layout is a day under construction: blocks in order, without overlap, within
// [from, to).
type layout struct {
	from, to int
	blocks   []block
}

// paint adds a block and cuts what it overlaps. A block that would cover another
// one entirely is moved behind that one.
func (l *layout) paint(b block) {
	for moved := true; moved; {
		moved = false
		for _, old := range l.blocks {
			buried := b.from <= old.from+shortest-1 && b.to >= old.to-shortest+1
			if buried {
				b.from, b.to = old.to, old.to+(b.to-b.from)
				moved = true
			}
		}
	}
	b = l.within(b)
	if b.to-b.from < shortest {
		return
	}
	var out []block
	for _, old := range l.blocks {
		left, right := old, old
		left.to, right.from = min(old.to, b.from), max(old.from, b.to)
		if left.to-left.from >= shortest {
			out = append(out, left)
		}
		if right.to-right.from >= shortest {
			out = append(out, right)
		}
	}
	l.blocks = append(out, b)
	l.sort()
}

// within cuts a block to the time awake. A block of which less than a task would be
// left is moved instead: who gets up late on a day still keeps what belongs to the
// morning.
func (l *layout) within(b block) block {
	lasts := b.to - b.from
	cut := b
	cut.from, cut.to = max(b.from, l.from), min(b.to, l.to)
	if cut.to-cut.from >= shortest || lasts < shortest {
		return cut
	}
	if b.from < l.from {
		b.from, b.to = l.from, min(l.to, l.from+lasts)
	} else {
		b.from, b.to = max(l.from, l.to-lasts), l.to
	}
	return b
}

func (l *layout) sort() {
	sort.Slice(l.blocks, func(i, k int) bool { return l.blocks[i].from < l.blocks[k].from })
}

// insert adds a block into a gap.
func (l *layout) insert(b block) {
	l.blocks = append(l.blocks, b)
	l.sort()
}

// gaps returns the unplanned stretches of at least the shortest task.
func (l *layout) gaps() []block {
	var out []block
	at := l.from
	for _, b := range append(slices.Clone(l.blocks), block{from: l.to, to: l.to}) {
		if b.from-at >= shortest {
			out = append(out, block{from: at, to: b.from})
		}
		at = max(at, b.to)
	}
	return out
}

// gap returns the first gap and the kind before it.
func (l *layout) gap() (gap block, before activity.Kind, ok bool) {
	gaps := l.gaps()
	if len(gaps) == 0 {
		return gap, "", false
	}
	for _, b := range l.blocks {
		if b.to <= gaps[0].from {
			before = b.kind
		}
	}
	return gaps[0], before, true
}

// offer adds a block of lasts seconds at from, or in the nearest gap at most within
// seconds away. It shortens the block to fit the gap, down to the shortest task,
// and adds none if there is no gap.
func (l *layout) offer(kind activity.Kind, from, lasts, within int) {
	best := block{}
	bestAway := within + 1
	for _, gap := range l.gaps() {
		fits := min(lasts, gap.to-gap.from)
		at := min(max(from, gap.from), gap.to-fits)
		away := max(at-from, from-at)
		if away < bestAway {
			best, bestAway = block{from: at, to: at + fits, kind: kind, fixed: true}, away
		}
	}
	if best.to > best.from {
		l.insert(best)
	}
}

// closeGaps gives each gap that is too short for a task to the block before it,
// and one at the beginning of the day to the block after it.
func (l *layout) closeGaps() {
	if len(l.blocks) == 0 {
		l.blocks = []block{{from: l.from, to: l.to, kind: activity.Relaxing}}
	}
	l.blocks[0].from = l.from
	for i := range l.blocks {
		end := l.to
		if i+1 < len(l.blocks) {
			end = l.blocks[i+1].from
		}
		l.blocks[i].to = end
	}
}
