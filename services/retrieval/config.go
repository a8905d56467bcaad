package retrieval

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/services/retrieval/embed"
	"github.com/propersim/propersim/services/retrieval/index"
	"github.com/propersim/propersim/services/retrieval/index/memory"
	"github.com/propersim/propersim/services/retrieval/index/qdrant"
)

// Names of the index drivers.
const (
	// IndexEmbedded scans vectors in process.
	IndexEmbedded = "embedded"
	// IndexQdrant asks a Qdrant server.
	IndexQdrant = "qdrant"
)

// Config chooses the drivers of the service. The zero value is all embedded.
type Config struct {
	// Embedder makes the vectors; nil means the embedded one, embed.Hashing.
	Embedder embed.Embedder
	// Dimensions of the embedded embedder, 8 to 1024; 0 means 64. It must be 0
	// beside an Embedder.
	Dimensions int
	// Index is "embedded" or "qdrant"; empty means "embedded".
	Index string
	// Qdrant is read when Index is "qdrant".
	Qdrant Qdrant
	// Metrics gets the service's metrics; nil means none are collected.
	Metrics prometheus.Registerer
	// Logger may be nil.
	Logger *zap.Logger
}

// driver is the name of the index.
func (c Config) driver() string {
	if c.Index == "" {
		return IndexEmbedded
	}
	return c.Index
}

// Qdrant says where the Qdrant server is.
type Qdrant struct {
	// Address is host:port of its gRPC endpoint, e.g. "127.0.0.1:6334".
	Address string
	// APIKey is sent with every request; empty means none.
	APIKey string
	// TLS is required for an endpoint that is not local.
	TLS bool
	// Prefix of the names of collections; empty means "propersim".
	Prefix string
	// Timeout of a request; 0 means 10 seconds.
	Timeout time.Duration
}

// open makes the drivers, or returns Violations with every setting at fault.
func (c Config) open() (embed.Embedder, index.Index, error) {
	var faults errs.Violations
	embedder := c.embedder(&faults)
	if !slices.Contains([]string{IndexEmbedded, IndexQdrant}, c.driver()) {
		faults.Add("index", "found %q, want %q or %q", c.Index, IndexEmbedded, IndexQdrant)
	}
	if c.Index == IndexQdrant && c.Qdrant.Address == "" {
		faults.Add("qdrant.address", "is empty, want host:port of the server's gRPC endpoint")
	}
	if c.Qdrant.Timeout < 0 {
		faults.Add("qdrant.timeout", "found %v, want a positive duration", c.Qdrant.Timeout)
	}
	if err := faults.OrNil(); err != nil {
		return nil, nil, err
	}
	if c.Index != IndexQdrant {
		return embedder, memory.New(), nil
	}
	x, err := qdrant.New(qdrant.Config{
		Address: c.Qdrant.Address, APIKey: c.Qdrant.APIKey, TLS: c.Qdrant.TLS, Timeout: c.Qdrant.Timeout,
		Prefix: c.Qdrant.Prefix, Model: embedder.Model(), Dimensions: embedder.Dimensions(), Logger: c.Logger,
	})
	return embedder, x, err
}

func (c Config) embedder(faults *errs.Violations) embed.Embedder {
	if c.Embedder != nil {
		if c.Dimensions != 0 {
			faults.Add("dimensions", "found %d, want 0: the embedder %s decides", c.Dimensions, c.Embedder.Model())
		}
		return c.Embedder
	}
	hashing, err := embed.NewHashing(c.Dimensions)
	if err != nil {
		faults.Add("dimensions", "%v", err)
	}
	return hashing
}
