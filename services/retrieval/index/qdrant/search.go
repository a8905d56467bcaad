package qdrant

import (
	"context"
	"fmt"

	"github.com/qdrant/go-client/qdrant"

	"github.com/propersim/propersim/pkg/errs"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/index"
)

// margin is the number of points that the first query fetches beyond the limit.
const margin = 32

// rounding bounds the difference between the server's score of a point and ours:
// both are sums of at most a few thousand products of 24-bit numbers.
const rounding = 1e-4

// Search implements index.Index. The server finds candidates by an exact search.
// They are scored again by index.Score, and more are fetched until no missing
// point can belong to the hits. So the hits equal those of the embedded index bit
// by bit, ties included.
func (x *Index) Search(ctx context.Context, tenant string, vector []float32, limit int, before *int64) ([]*retrievalv1.Hit, error) {
	ctx, cancel, err := x.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	for fetch := limit + margin; ; fetch *= 4 {
		found, err := x.query(ctx, tenant, vector, fetch, before)
		if err != nil {
			return nil, err
		}
		top, err := rescore(found, vector, limit, before)
		if err != nil {
			return nil, err
		}
		floor, full := top.Floor()
		if len(found) < fetch || full && found[len(found)-1].GetScore() < floor-rounding {
			return top.Hits(), nil
		}
	}
}

func (x *Index) query(ctx context.Context, tenant string, vector []float32, limit int, before *int64) ([]*qdrant.ScoredPoint, error) {
	filter := within(tenant)
	if before != nil { // rescore removes the points at the bound itself
		filter = within(tenant, qdrant.NewRange(fieldPosition, &qdrant.Range{Lte: new(float64(*before))}))
	}
	found, err := x.client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: x.collection,
		Query:          qdrant.NewQueryDense(vector),
		Filter:         filter,
		Limit:          new(uint64(limit)),
		Params:         &qdrant.SearchParams{Exact: new(true)},
		WithPayload:    qdrant.NewWithPayload(true),
		WithVectors:    qdrant.NewWithVectors(true),
	})
	return found, x.fault(err)
}

func rescore(found []*qdrant.ScoredPoint, vector []float32, limit int, before *int64) (*index.Top, error) {
	top := index.NewTop(limit)
	for _, f := range found {
		p, err := point(f.GetPayload())
		if err != nil {
			return nil, err
		}
		if before != nil && p.GetPosition() >= *before {
			continue
		}
		stored := f.GetVectors().GetVector().GetDenseVector().GetData()
		if len(stored) != len(vector) {
			return nil, fmt.Errorf("qdrant: point %q has %d dimensions, want %d: %w", p.GetKey(), len(stored), len(vector), errs.ErrDataLoss)
		}
		top.Offer(index.Score(vector, stored), p)
	}
	return top, nil
}
