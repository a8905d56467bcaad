package qdrant

import (
	"context"
	"fmt"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"

	"github.com/propersim/propersim/pkg/errs"
)

// ensureCollection creates the collection and its payload indices at the first
// request, and after a failure at the next one. Another process may do the same at
// the same time.
func (x *Index) ensureCollection(ctx context.Context) error {
	if x.ready.Load() {
		return nil
	}
	x.making.Lock()
	defer x.making.Unlock()
	if x.ready.Load() {
		return nil
	}
	exists, err := x.client.CollectionExists(ctx, x.collection)
	if err != nil {
		return x.fault(err)
	}
	if !exists {
		err := x.client.CreateCollection(ctx, &qdrant.CreateCollection{
			CollectionName: x.collection,
			// The vectors have length 1, so their dot product is the cosine. With Dot
			// the server keeps them bit by bit; with Cosine it would scale them again.
			VectorsConfig: qdrant.NewVectorsConfig(&qdrant.VectorParams{Size: uint64(x.dimensions), Distance: qdrant.Distance_Dot}),
		})
		if err != nil && !x.madeByAnother(ctx, err) {
			return x.fault(err)
		}
	}
	if err := x.checkVectors(ctx); err != nil {
		return err
	}
	if err := x.indexFields(ctx); err != nil {
		return x.fault(err)
	}
	x.ready.Store(true)
	return nil
}

// madeByAnother reports whether the creation failed only because another process
// was faster; servers report that with several codes.
func (x *Index) madeByAnother(ctx context.Context, err error) bool {
	switch grpcCode(err) {
	case codes.AlreadyExists, codes.InvalidArgument, codes.Internal, codes.Aborted:
	default:
		return false
	}
	exists, err := x.client.CollectionExists(ctx, x.collection)
	return err == nil && exists
}

// checkVectors returns an ErrPrecondition for a collection with other vectors.
func (x *Index) checkVectors(ctx context.Context) error {
	info, err := x.client.GetCollectionInfo(ctx, x.collection)
	if err != nil {
		return x.fault(err)
	}
	params := info.GetConfig().GetParams().GetVectorsConfig().GetParams()
	if params.GetSize() != uint64(x.dimensions) || params.GetDistance() != qdrant.Distance_Dot {
		return fmt.Errorf("qdrant collection %s has vectors of %d dimensions compared by %v, want %d by %v; delete it, or set another prefix: %w", x.collection,
			params.GetSize(), params.GetDistance(), x.dimensions, qdrant.Distance_Dot, errs.ErrPrecondition)
	}
	return nil
}

// indexFields creates the payload indices; the server ignores existing ones.
func (x *Index) indexFields(ctx context.Context) error {
	_, err := x.client.CreateFieldIndex(ctx, &qdrant.CreateFieldIndexCollection{
		CollectionName: x.collection, Wait: new(true), FieldName: fieldTenant,
		FieldType:        qdrant.FieldType_FieldTypeKeyword.Enum(),
		FieldIndexParams: qdrant.NewPayloadIndexParamsKeyword(&qdrant.KeywordIndexParams{IsTenant: new(true)}),
	})
	if err != nil {
		return err
	}
	_, err = x.client.CreateFieldIndex(ctx, &qdrant.CreateFieldIndexCollection{
		CollectionName: x.collection, Wait: new(true), FieldName: fieldPosition,
		FieldType:        qdrant.FieldType_FieldTypeInteger.Enum(),
		FieldIndexParams: qdrant.NewPayloadIndexParamsInt(&qdrant.IntegerIndexParams{Lookup: new(false), Range: new(true)}),
	})
	return err
}
