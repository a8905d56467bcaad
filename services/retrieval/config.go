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

// Names of the drivers.
const (
	// IndexEmbedded scans vectors in process.
	IndexEmbedded = "embedded"
	// IndexQdrant asks a Qdrant server.
	IndexQdrant = "qdrant"
	// EmbedderEmbedded hashes words in process.
	EmbedderEmbedded = "embedded"
)

// Config chooses the backends of the service. The zero value is all embedded.
type Config struct {
	// Embedder is "embedded"; empty means that.
	Embedder string
	// Dimensions of the embedded embedder, 8 to 1024; 0 means 64.
	Dimensions int
	// Index is "embedded" or "qdrant"; empty means "embedded".
	Index string
	// Qdrant is read when Index is "qdrant".
	Qdrant Qdrant
	// Metrics gets what the service counts; nil means nobody looks.
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

// open makes the backends, or returns Violations with every setting at fault.
func (c Config) open() (*embed.Hashing, index.Index, error) {
	var faults errs.Violations
	if c.Embedder != "" && c.Embedder != EmbedderEmbedded {
		faults.Add("embedder", "found %q, want %q", c.Embedder, EmbedderEmbedded)
	}
	embedder, err := embed.NewHashing(c.Dimensions)
	if err != nil {
		faults.Add("dimensions", "%v", err)
	}
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
