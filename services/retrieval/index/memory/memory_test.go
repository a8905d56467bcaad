package memory_test

import (
	"testing"

	"github.com/propersim/propersim/services/retrieval/index"
	"github.com/propersim/propersim/services/retrieval/index/indextest"
	"github.com/propersim/propersim/services/retrieval/index/memory"
)

func TestConforms(t *testing.T) {
	indextest.Run(t, func(*testing.T) index.Index { return memory.New() })
}
