// Package index is the vector index of the retrieval service: exact nearest
// neighbours by cosine, tenant by tenant, behind one interface.
package index

import (
	"context"

	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
)

// Index stores points with their vectors and finds the nearest. Every driver
// gives the same hits with the same scores in the same order; package
// indextest holds them to it. Methods may be called concurrently.
type Index interface {
	// Upsert stores points with their vectors (one each, of length 1); a key
	// that is there already is replaced, and of a key given twice the last
	// counts. On return every point is searchable. The index keeps the points:
	// the caller must not change them any more.
	// ErrUnavailable when the index cannot be reached.
	Upsert(ctx context.Context, tenant string, points []*retrievalv1.Point, vectors [][]float32) error
	// Search returns at most limit points of the tenant, greatest cosine first
	// (Score), ties by ascending key. A before that is not nil leaves out every
	// point whose position is not below it. The hits must not be changed.
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
	// Close releases what the index holds.
	Close() error
}
