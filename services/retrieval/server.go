// Package retrieval finds texts by meaning: an embedder and a vector index behind
// the RetrievalService contract. All of its state can be rebuilt from the journal.
package retrieval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/prom"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/index"
)

// Server implements RetrievalService.
type Server struct {
	retrievalv1.UnimplementedRetrievalServiceServer
	embedder embed.Embedder
	index    index.Index
	ops      operations
	embed    prometheus.Observer
	log      *zap.Logger
}

// New makes the service. It returns Violations that name each setting at fault.
// It does not contact a Qdrant server; Run and the first request do.
func New(cfg Config) (*Server, error) {
	embedder, x, err := cfg.open()
	if err != nil {
		return nil, err
	}
	m := prom.Maker{Registry: cfg.Metrics}
	s := &Server{embedder: embedder, index: x, ops: newOperations(&m, cfg.driver()), embed: newEmbedSeconds(&m), log: cfg.Logger}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if m.Err != nil {
		return nil, errors.Join(m.Err, x.Close())
	}
	return s, nil
}

// Register adds the service to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) { retrievalv1.RegisterRetrievalServiceServer(r, s) }

// Run checks that the index can store the vectors of the embedder, retries while
// the index cannot be reached, and blocks until ctx ends. It returns an
// errs.ErrPrecondition when the index was made for other vectors. Any other
// error of the check is logged: it may pass, and each request reports it too.
func (s *Server) Run(ctx context.Context) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.index.Check(ctx)
		if err != nil && !errors.Is(err, errs.ErrUnavailable) && !errors.Is(err, errs.ErrDeadline) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(0))
	if errors.Is(err, errs.ErrPrecondition) {
		return err
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the vector index could not be checked", zap.Error(err))
	}
	<-ctx.Done()
	return nil
}

// Close releases the index.
func (s *Server) Close() error { return s.index.Close() }

// Upsert implements RetrievalService.
func (s *Server) Upsert(ctx context.Context, req *retrievalv1.UpsertRequest) (*retrievalv1.UpsertResponse, error) {
	texts := make([]string, len(req.GetPoints()))
	for i, p := range req.GetPoints() {
		texts[i] = p.GetText()
	}
	vectors, effects, err := s.vectors(ctx, texts)
	if err != nil {
		return nil, err
	}
	_, err = do(ctx, s.ops.upsert, func() (struct{}, error) {
		return struct{}{}, s.index.Upsert(ctx, req.GetTenant(), req.GetPoints(), vectors)
	})
	if err != nil {
		return nil, err
	}
	return &retrievalv1.UpsertResponse{Calls: effects.Calls, Timings: effects.Timings}, nil
}

// Search implements RetrievalService.
func (s *Server) Search(ctx context.Context, req *retrievalv1.SearchRequest) (*retrievalv1.SearchResponse, error) {
	vectors, effects, err := s.vectors(ctx, []string{req.GetText()})
	if err != nil {
		return nil, err
	}
	hits, err := do(ctx, s.ops.search, func() ([]*retrievalv1.Hit, error) {
		return s.index.Search(ctx, req.GetTenant(), vectors[0], int(req.GetLimit()), req.Before)
	})
	if err != nil {
		return nil, err
	}
	count, err := s.count(ctx, req.GetTenant())
	if err != nil {
		return nil, err
	}
	return &retrievalv1.SearchResponse{Hits: hits, Count: count, Calls: effects.Calls, Timings: effects.Timings}, nil
}

// Delete implements RetrievalService.
func (s *Server) Delete(ctx context.Context, req *retrievalv1.DeleteRequest) (*retrievalv1.DeleteResponse, error) {
	keys := req.GetKeys()
	switch {
	case len(keys) > 0 && req.GetDeleteTenant():
		return nil, errs.Invalid("delete_tenant", "is set together with %d keys, want either keys or delete_tenant", len(keys))
	case len(keys) == 0 && !req.GetDeleteTenant():
		return nil, errs.Invalid("keys", "is empty, want at least one key, or delete_tenant set to true")
	}
	deleted, err := do(ctx, s.ops.delete, func() (int64, error) {
		if req.GetDeleteTenant() {
			return s.index.DeleteTenant(ctx, req.GetTenant())
		}
		return s.index.Delete(ctx, req.GetTenant(), keys)
	})
	if err != nil {
		return nil, err
	}
	return &retrievalv1.DeleteResponse{Deleted: deleted}, nil
}

// Count implements RetrievalService.
func (s *Server) Count(ctx context.Context, req *retrievalv1.CountRequest) (*retrievalv1.CountResponse, error) {
	n, err := s.count(ctx, req.GetTenant())
	if err != nil {
		return nil, err
	}
	return &retrievalv1.CountResponse{Count: n, Embedder: s.embedder.Backend()}, nil
}

func (s *Server) count(ctx context.Context, tenant string) (int64, error) {
	return do(ctx, s.ops.count, func() (int64, error) { return s.index.Count(ctx, tenant) })
}

// Embed implements RetrievalService.
func (s *Server) Embed(ctx context.Context, req *retrievalv1.EmbedRequest) (*retrievalv1.EmbedResponse, error) {
	embedded, effects, err := s.vectors(ctx, req.GetTexts())
	if err != nil {
		return nil, err
	}
	vectors := make([]*retrievalv1.Vector, len(embedded))
	for i, vector := range embedded {
		vectors[i] = &retrievalv1.Vector{Values: vector}
	}
	return &retrievalv1.EmbedResponse{
		Vectors: vectors, Model: s.embedder.Model(), Calls: effects.Calls, Timings: effects.Timings,
	}, nil
}

// vectors embeds the texts of one request. It returns an errs.ErrInternal when
// the embedder breaks its contract: the index must never get such a vector.
func (s *Server) vectors(ctx context.Context, texts []string) ([][]float32, role.Effects, error) {
	began := time.Now()
	vectors, effects, err := s.embedder.Embed(ctx, texts)
	s.embed.Observe(time.Since(began).Seconds())
	if err != nil {
		return nil, role.Effects{}, fmt.Errorf("embed with %s: %w", s.embedder.Model(), err)
	}
	if len(vectors) != len(texts) {
		return nil, role.Effects{}, fmt.Errorf("%s returned %d vectors for %d texts: %w", s.embedder.Model(), len(vectors), len(texts), errs.ErrInternal)
	}
	for i, vector := range vectors {
		if len(vector) != s.embedder.Dimensions() {
			return nil, role.Effects{}, fmt.Errorf("%s returned %d dimensions for text %d, want %d: %w",
				s.embedder.Model(), len(vector), i, s.embedder.Dimensions(), errs.ErrInternal)
		}
	}
	return vectors, effects, nil
}
