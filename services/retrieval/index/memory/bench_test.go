package memory_test

import (
	"testing"

	"github.com/propersim/propersim/services/retrieval/index"
	"github.com/propersim/propersim/services/retrieval/index/indextest"
	"github.com/propersim/propersim/services/retrieval/index/memory"
)

// BenchmarkIndex has a target: a search with a p99 of 2 ms at 384 dimensions.
func BenchmarkIndex(b *testing.B) {
	indextest.Bench(b, func(*testing.B, int) index.Index { return memory.New() })
}
