// Package index is the vector index of the retrieval service: exact nearest
// neighbours by cosine within a tenant, behind one interface.
package index

import (
	"context"

	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
)

// MaxPosition bounds the position of a point and of a search, on both sides of 0:
// up to here a float64, which some servers compare by, is exact.
const MaxPosition = 1 << 53

// Index stores points with their vectors and finds the nearest. Every driver
// returns the same hits with the same scores in the same order; package indextest
// checks that. All vectors of an index have the same number of components.
// Positions are within MaxPosition of 0. Safe for concurrent use.
type Index interface {
	// Check reports whether the index can store the vectors that it was made for.
	// ErrPrecondition when it has vectors of another kind, ErrUnavailable when it
	// cannot be reached.
	Check(ctx context.Context) error
	// Upsert stores points with their vectors (one each, of length 1). It replaces
	// a point with the same key; of a key given twice the last one counts. On
	// return every point is searchable. The index keeps the points: the caller
	// must not change them afterwards.
	// ErrUnavailable when the index cannot be reached.
	Upsert(ctx context.Context, tenant string, points []*retrievalv1.Point, vectors [][]float32) error
	// Search returns at most limit points of the tenant, greatest cosine first
	// (Score), ties by ascending key. With before, it returns only points with a
	// lower position. The caller must not change the hits.
	// ErrUnavailable when the index cannot be reached.
	Search(ctx context.Context, tenant string, vector []float32, limit int, before *int64) ([]*retrievalv1.Hit, error)
	// Delete removes the points of the keys and returns how many there were.
	// ErrUnavailable when the index cannot be reached.
	Delete(ctx context.Context, tenant string, keys []string) (int64, error)
	// DeleteTenant removes every point of a tenant and returns how many there
	// were. ErrUnavailable when the index cannot be reached.
	DeleteTenant(ctx context.Context, tenant string) (int64, error)
	// Count returns how many points the tenant has.
	// ErrUnavailable when the index cannot be reached.
	Count(ctx context.Context, tenant string) (int64, error)
	// Close releases the index's resources.
	Close() error
}
