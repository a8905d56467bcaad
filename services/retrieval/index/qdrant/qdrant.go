// Package qdrant is the vector index on a Qdrant server. There is one collection
// for each embedding model; the tenant is an indexed payload field that every
// filter contains.
package qdrant

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qdrant/go-client/qdrant"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/propersim/propersim/pkg/errs"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	"github.com/propersim/propersim/services/retrieval/index"
)

// DefaultTimeout bounds a request that has no earlier deadline.
const DefaultTimeout = 10 * time.Second

// piece is the number of points of one write: with the largest texts, payloads and
// vectors it stays far below the 32 MiB that a server accepts by default.
const piece = 256

// reconnect says when the client connects again after a failure: after at most 2 s,
// and an attempt may take as long.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
	MinConnectTimeout: 2 * time.Second,
}

// maxAnswer bounds an answer of the server in bytes: a thousand points with the
// largest vectors and payloads.
const maxAnswer = 128 << 20

// Config says which server and which collection.
type Config struct {
	// Address is host:port of the server's gRPC endpoint.
	Address string
	// APIKey is sent with every request; empty means none.
	APIKey string
	// TLS turns on transport security.
	TLS bool
	// Timeout of one request; 0 means DefaultTimeout.
	Timeout time.Duration
	// Prefix of the collection's name; empty means "propersim".
	Prefix string
	// Model is the embedding model; the collection is named after it.
	Model string
	// Dimensions of the model's vectors.
	Dimensions int
	// Logger may be nil.
	Logger *zap.Logger
}

// Index is an index.Index on a Qdrant server.
type Index struct {
	client     *qdrant.Client
	address    string
	keyed      bool // requests carry an API key
	collection string
	dimensions int
	timeout    time.Duration

	making sync.Mutex  // serializes the search for the collection and its creation
	ready  atomic.Bool // the collection and its payload indices exist
}

var _ index.Index = (*Index)(nil)

// New returns an index. It does not contact the server. It returns an ErrInvalid
// for an address that is not host:port.
func New(cfg Config) (*Index, error) {
	host, portText, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return nil, errs.Invalid("qdrant.address", "found %q, want host:port: %v", cfg.Address, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, errs.Invalid("qdrant.address", "found port %q, want a number up to 65535", portText)
	}
	options := []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)), grpc.WithConnectParams(reconnect),
	}
	if cfg.APIKey != "" {
		options = append(options, grpc.WithPerRPCCredentials(apiKey(cfg.APIKey)))
	}
	warn(cfg.Logger, cfg, host)
	client, err := qdrant.NewClient(&qdrant.Config{
		Host: host, Port: int(port), UseTLS: cfg.TLS, PoolSize: 1, SkipCompatibilityCheck: true, GrpcOptions: options,
	})
	if err != nil {
		return nil, errs.Invalid("qdrant", "%v", err)
	}
	x := &Index{client: client, address: cfg.Address, keyed: cfg.APIKey != "", dimensions: cfg.Dimensions, timeout: cfg.Timeout}
	x.collection = collectionName(cfg.Prefix, cfg.Model)
	if x.timeout == 0 {
		x.timeout = DefaultTimeout
	}
	return x, nil
}

// collectionName turns "hash-64/1" into "propersim-hash-64-1": letters, digits and
// dashes are safe in every version of the server.
func collectionName(prefix, model string) string {
	if prefix == "" {
		prefix = "propersim"
	}
	return prefix + "-" + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, model)
}

// Check implements index.Index. It creates the collection where there is none.
func (x *Index) Check(ctx context.Context) error {
	_, cancel, err := x.begin(ctx)
	if err != nil {
		return err
	}
	cancel()
	return nil
}

// Upsert implements index.Index. Points are written in pieces; each is searchable
// before the next one is written. After an error the first pieces may be there,
// and the same call again completes the write.
func (x *Index) Upsert(ctx context.Context, tenant string, points []*retrievalv1.Point, vectors [][]float32) error {
	for part := range slices.Chunk(records(tenant, points, vectors), piece) {
		if err := x.write(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (x *Index) write(ctx context.Context, points []*qdrant.PointStruct) error {
	ctx, cancel, err := x.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	_, err = x.client.Upsert(ctx, &qdrant.UpsertPoints{CollectionName: x.collection, Wait: new(true), Points: points})
	return x.fault(err)
}

// Delete implements index.Index. It counts just before it deletes.
func (x *Index) Delete(ctx context.Context, tenant string, keys []string) (int64, error) {
	ids := make([]*qdrant.PointId, len(keys))
	for i, key := range keys {
		ids[i] = pointID(tenant, key)
	}
	return x.remove(ctx, within(tenant, qdrant.NewHasID(ids...)))
}

// DeleteTenant implements index.Index. It counts just before it deletes.
func (x *Index) DeleteTenant(ctx context.Context, tenant string) (int64, error) {
	return x.remove(ctx, within(tenant))
}

func (x *Index) remove(ctx context.Context, filter *qdrant.Filter) (int64, error) {
	ctx, cancel, err := x.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	n, err := x.count(ctx, filter)
	if err != nil || n == 0 {
		return 0, err
	}
	_, err = x.client.Delete(ctx, &qdrant.DeletePoints{
		CollectionName: x.collection, Wait: new(true), Points: qdrant.NewPointsSelectorFilter(filter),
	})
	return n, x.fault(err)
}

// Count implements index.Index.
func (x *Index) Count(ctx context.Context, tenant string) (int64, error) {
	ctx, cancel, err := x.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	return x.count(ctx, within(tenant))
}

func (x *Index) count(ctx context.Context, filter *qdrant.Filter) (int64, error) {
	n, err := x.client.Count(ctx, &qdrant.CountPoints{CollectionName: x.collection, Filter: filter, Exact: new(true)})
	return int64(n), x.fault(err)
}

// Close implements index.Index.
func (x *Index) Close() error { return x.client.Close() }

// begin sets the deadline of a request and ensures that the collection exists.
func (x *Index) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	if err := x.ensureCollection(ctx); err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, cancel, nil
}
