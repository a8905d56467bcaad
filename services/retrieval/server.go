// Package retrieval serves texts found again by meaning: an embedder and a
// vector index behind the RetrievalService contract. It keeps no state that the
// journal could not rebuild.
package retrieval

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/prom"
	"github.com/propersim/propersim/pkg/errs"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/index"
)

// Server implements RetrievalService.
type Server struct {
	retrievalv1.UnimplementedRetrievalServiceServer
	embedder *embed.Hashing
	index    index.Index
	ops      operations
	embed    prometheus.Observer
}

// New makes the service. It returns Violations that name each setting at fault.
// A Qdrant server is first asked at the first request.
func New(cfg Config) (*Server, error) {
	embedder, x, err := cfg.open()
	if err != nil {
		return nil, err
	}
	m := prom.Maker{Registry: cfg.Metrics}
	s := &Server{embedder: embedder, index: x, ops: newOperations(&m, cfg.driver()), embed: newEmbedSeconds(&m)}
	if m.Err != nil {
		return nil, errors.Join(m.Err, x.Close())
	}
	return s, nil
}

// Register adds the service to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) { retrievalv1.RegisterRetrievalServiceServer(r, s) }

// Run blocks until ctx is done: the service does nothing of its own accord.
func (s *Server) Run(ctx context.Context) error {
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
	vectors := s.vectors(texts...)
	_, err := do(ctx, s.ops.upsert, func() (struct{}, error) {
		return struct{}{}, s.index.Upsert(ctx, req.GetTenant(), req.GetPoints(), vectors)
	})
	if err != nil {
		return nil, err
	}
	return &retrievalv1.UpsertResponse{}, nil
}

// Search implements RetrievalService.
func (s *Server) Search(ctx context.Context, req *retrievalv1.SearchRequest) (*retrievalv1.SearchResponse, error) {
	vector := s.vectors(req.GetText())[0]
	hits, err := do(ctx, s.ops.search, func() ([]*retrievalv1.Hit, error) {
		return s.index.Search(ctx, req.GetTenant(), vector, int(req.GetLimit()), req.Before)
	})
	if err != nil {
		return nil, err
	}
	count, err := s.count(ctx, req.GetTenant())
	if err != nil {
		return nil, err
	}
	return &retrievalv1.SearchResponse{Hits: hits, Count: count}, nil
}

// Delete implements RetrievalService.
func (s *Server) Delete(ctx context.Context, req *retrievalv1.DeleteRequest) (*retrievalv1.DeleteResponse, error) {
	keys := req.GetKeys()
	switch {
	case len(keys) > 0 && req.GetAll():
		return nil, errs.Invalid("all", "is set beside %d keys, want either keys or all", len(keys))
	case len(keys) == 0 && !req.GetAll():
		return nil, errs.Invalid("keys", "is empty, want at least one, or all set to true")
	}
	deleted, err := do(ctx, s.ops.delete, func() (int64, error) {
		if req.GetAll() {
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
	return &retrievalv1.CountResponse{Count: n}, nil
}

func (s *Server) count(ctx context.Context, tenant string) (int64, error) {
	return do(ctx, s.ops.count, func() (int64, error) { return s.index.Count(ctx, tenant) })
}

// Embed implements RetrievalService.
func (s *Server) Embed(_ context.Context, req *retrievalv1.EmbedRequest) (*retrievalv1.EmbedResponse, error) {
	vectors := make([]*retrievalv1.Vector, len(req.GetTexts()))
	for i, vector := range s.vectors(req.GetTexts()...) {
		vectors[i] = &retrievalv1.Vector{Values: vector}
	}
	return &retrievalv1.EmbedResponse{Vectors: vectors, Model: s.embedder.Model()}, nil
}

// vectors embeds the texts of one request.
func (s *Server) vectors(texts ...string) [][]float32 {
	began := time.Now()
	out := make([][]float32, len(texts))
	for i, text := range texts {
		out[i] = s.embedder.Embed(text)
	}
	s.embed.Observe(time.Since(began).Seconds())
	return out
}
