package index

import (
	"cmp"
	"container/heap"
	"slices"

	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
)

// Top keeps the best hits seen so far: greatest score first, ties by ascending
// key. The zero value keeps no hits; use NewTop.
type Top struct {
	limit int
	worst byWorst
}

// NewTop returns a Top that keeps at most limit hits; limit must be positive.
func NewTop(limit int) *Top { return &Top{limit: limit, worst: make(byWorst, 0, min(limit, 64))} }

// Offer considers a point.
func (t *Top) Offer(score float32, point *retrievalv1.Point) {
	if len(t.worst) < t.limit {
		heap.Push(&t.worst, candidate{score, point})
		return
	}
	if less(candidate{score, point}, t.worst[0]) {
		t.worst[0] = candidate{score, point}
		heap.Fix(&t.worst, 0)
	}
}

// Floor returns the score below which no further point enters, and false while
// fewer than limit points were offered.
func (t *Top) Floor() (float32, bool) {
	if len(t.worst) < t.limit {
		return 0, false
	}
	return t.worst[0].score, true
}

// Hits returns the kept hits, best first, and empties the Top.
func (t *Top) Hits() []*retrievalv1.Hit {
	slices.SortFunc(t.worst, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.point.GetKey(), b.point.GetKey()))
	})
	hits := make([]*retrievalv1.Hit, len(t.worst))
	for i, c := range t.worst {
		hits[i] = &retrievalv1.Hit{Point: c.point, Score: c.score}
	}
	t.worst = nil
	return hits
}

type candidate struct {
	score float32
	point *retrievalv1.Point
}

// less reports whether a ranks before b.
func less(a, b candidate) bool {
	if a.score != b.score {
		return a.score > b.score
	}
	return a.point.GetKey() < b.point.GetKey()
}

// byWorst is a heap with the worst candidate on top.
type byWorst []candidate

func (h byWorst) Len() int           { return len(h) }
func (h byWorst) Less(i, j int) bool { return less(h[j], h[i]) }
func (h byWorst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byWorst) Push(x any)        { *h = append(*h, x.(candidate)) }
func (h *byWorst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
