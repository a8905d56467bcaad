// Package memory is the embedded vector index: an exact scan over vectors in
// memory. It writes nothing to disk; the points can be rebuilt from the journal.
package memory

import (
	"context"
	"slices"
	"sync"

	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/index"
)

// Index is an index.Index in memory. Its methods return no errors.
type Index struct {
	mu      sync.RWMutex
	tenants map[string]*tenant // guarded by mu
}

var _ index.Index = (*Index)(nil)

// New returns an empty index.
func New() *Index { return &Index{tenants: map[string]*tenant{}} }

// tenant has the points of one tenant in rows; the vector of row i is
// vectors[i*dimensions : (i+1)*dimensions].
type tenant struct {
	mu         sync.RWMutex
	dimensions int
	rows       map[string]int // by key; guarded by mu, as are the next three
	points     []*retrievalv1.Point
	positions  []int64
	vectors    []float32
}

// Check implements index.Index.
func (x *Index) Check(context.Context) error { return nil }

// Upsert implements index.Index.
func (x *Index) Upsert(_ context.Context, name string, points []*retrievalv1.Point, vectors [][]float32) error {
	if len(points) == 0 {
		return nil
	}
	t := x.tenant(name)
	if t == nil {
		t = x.create(name, len(vectors[0]))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, p := range points {
		t.put(p, vectors[i])
	}
	return nil
}

func (t *tenant) put(p *retrievalv1.Point, vector []float32) {
	if row, ok := t.rows[p.GetKey()]; ok {
		t.points[row], t.positions[row] = p, p.GetPosition()
		copy(t.row(row), vector)
		return
	}
	t.rows[p.GetKey()] = len(t.points)
	t.points = append(t.points, p)
	t.positions = append(t.positions, p.GetPosition())
	t.vectors = append(t.vectors, vector...)
}

func (t *tenant) row(i int) []float32 {
	return t.vectors[i*t.dimensions : (i+1)*t.dimensions : (i+1)*t.dimensions]
}

// Search implements index.Index.
func (x *Index) Search(_ context.Context, name string, vector []float32, limit int, before *int64) ([]*retrievalv1.Hit, error) {
	t := x.tenant(name)
	if t == nil {
		return nil, nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	top := index.NewTop(limit)
	for i, position := range t.positions {
		if before != nil && position >= *before {
			continue
		}
		score := index.Score(vector, t.row(i))
		if floor, full := top.Floor(); full && score < floor {
			continue
		}
		top.Offer(score, t.points[i])
	}
	return top.Hits(), nil
}

// Delete implements index.Index.
func (x *Index) Delete(_ context.Context, name string, keys []string) (int64, error) {
	t := x.tenant(name)
	if t == nil {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	deleted := int64(0)
	for _, key := range keys {
		if row, ok := t.rows[key]; ok {
			t.remove(row)
			deleted++
		}
	}
	return deleted, nil
}

// remove moves the last row into the place of the removed one.
func (t *tenant) remove(row int) {
	last := len(t.points) - 1
	delete(t.rows, t.points[row].GetKey())
	if row != last {
		t.points[row], t.positions[row] = t.points[last], t.positions[last]
		copy(t.row(row), t.row(last))
		t.rows[t.points[row].GetKey()] = row
	}
	t.points = slices.Delete(t.points, last, last+1)
	t.positions = t.positions[:last]
	t.vectors = t.vectors[:last*t.dimensions]
}

// DeleteTenant implements index.Index.
func (x *Index) DeleteTenant(_ context.Context, name string) (int64, error) {
	t := x.tenant(name)
	if t == nil {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	deleted := int64(len(t.points))
	t.rows, t.points, t.positions, t.vectors = map[string]int{}, nil, nil, nil
	return deleted, nil
}

// Count implements index.Index.
func (x *Index) Count(_ context.Context, name string) (int64, error) {
	t := x.tenant(name)
	if t == nil {
		return 0, nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return int64(len(t.points)), nil
}

// Close implements index.Index.
func (x *Index) Close() error { return nil }

func (x *Index) tenant(name string) *tenant {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tenants[name]
}

func (x *Index) create(name string, dimensions int) *tenant {
	x.mu.Lock()
	defer x.mu.Unlock()
	t, ok := x.tenants[name]
	if !ok {
		t = &tenant{dimensions: dimensions, rows: map[string]int{}}
		x.tenants[name] = t
	}
	return t
}
