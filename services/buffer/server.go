// Package buffer keeps every preference pair of every run behind the
// PreferenceBufferService contract: append-only, unique by (run, step, index).
package buffer

import (
	"context"
	"errors"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/prom"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

// Config says where the pairs are kept.
type Config struct {
	// DSN is a path, "sqlite:PATH", "postgres://..." or ":memory:".
	DSN string
	// ReadOnly serves a database that exists as it is, also while another process
	// writes it. Append returns ErrDenied.
	ReadOnly bool
	// Metrics receives the counters of the service; nil means none are kept.
	Metrics prometheus.Registerer
}

// Server implements PreferenceBufferService.
type Server struct {
	bufferv1.UnimplementedPreferenceBufferServiceServer
	pairs         *pairs
	fresh, repeat prometheus.Counter // appended pairs
}

// New opens the store. Errors are those of store.Open; with ReadOnly, ErrNotFound
// where there is no database.
func New(cfg Config) (*Server, error) {
	p, err := openPairs(context.Background(), cfg.DSN, cfg.ReadOnly)
	if err != nil {
		return nil, err
	}
	m := prom.Maker{Registry: cfg.Metrics}
	appended := m.Counter("pairs_appended_total", "Pairs appended to the buffer; repeated ones were already stored.", "result")
	if err := errors.Join(m.Err, p.db.Measure(cfg.Metrics, "buffer")); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &Server{pairs: p, fresh: appended.WithLabelValues("new"), repeat: appended.WithLabelValues("repeated")}, nil
}

// Register adds the service to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	bufferv1.RegisterPreferenceBufferServiceServer(r, s)
}

// Run blocks until ctx is done: the service has no background work.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Close closes the store.
func (s *Server) Close() error { return s.pairs.Close() }

// Append implements PreferenceBufferService.
func (s *Server) Append(ctx context.Context, req *bufferv1.AppendRequest) (*bufferv1.AppendResponse, error) {
	if err := checkPairs(req.GetPairs()); err != nil {
		return nil, err
	}
	n, err := s.pairs.append(ctx, req.GetPairs())
	if err != nil {
		return nil, err
	}
	s.fresh.Add(float64(n))
	s.repeat.Add(float64(len(req.GetPairs()) - n))
	return &bufferv1.AppendResponse{Appended: int32(n)}, nil
}

// List implements PreferenceBufferService.
func (s *Server) List(req *bufferv1.ListRequest, stream grpc.ServerStreamingServer[bufferv1.ListResponse]) error {
	return s.pairs.each(stream.Context(), req.GetRunId(), req.GetAfterStep(), func(pair *bufferv1.PreferencePair) error {
		return stream.Send(&bufferv1.ListResponse{Pair: pair})
	})
}

// Count implements PreferenceBufferService.
func (s *Server) Count(ctx context.Context, req *bufferv1.CountRequest) (*bufferv1.CountResponse, error) {
	count, last, err := s.pairs.count(ctx, req.GetRunId())
	if err != nil {
		return nil, err
	}
	return &bufferv1.CountResponse{Count: count, LastStep: last}, nil
}

// Export implements PreferenceBufferService.
func (s *Server) Export(req *bufferv1.ExportRequest, stream grpc.ServerStreamingServer[bufferv1.ExportResponse]) error {
	file, err := newFile(req.GetFormat(), chunks{stream})
	if err != nil {
		return err
	}
	end := &bufferv1.ExportResponse{WithoutPrompt: make(map[string]int64)}
	for _, run := range req.GetRunIds() {
		after, some := req.GetAfterSteps()[run]
		if !some {
			after = -1
		}
		err := s.pairs.each(stream.Context(), run, after, func(p *bufferv1.PreferencePair) error {
			if len(p.GetPrompt().GetMessages()) == 0 {
				end.WithoutPrompt[run]++
				return nil
			}
			end.Written++
			return file.write(p)
		})
		if err != nil {
			return err
		}
	}
	if err := file.close(); err != nil {
		return err
	}
	return stream.Send(end)
}

// chunks sends what is written, a message per write.
type chunks struct {
	stream grpc.ServerStreamingServer[bufferv1.ExportResponse]
}

var _ io.Writer = chunks{}

// chunkBytes bounds a message, well below the message limit of a client.
const chunkBytes = 256 << 10

func (c chunks) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), chunkBytes)
		if err := c.stream.Send(&bufferv1.ExportResponse{Chunk: rest[:n]}); err != nil {
			return len(p) - len(rest), err
		}
		rest = rest[n:]
	}
	return len(p), nil
}
