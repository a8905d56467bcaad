package retrieval

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/services/retrieval/index"
	"github.com/propersim/propersim/services/retrieval/index/memory"
)

// checked is an index whose Check is a function.
type checked struct {
	index.Index
	check func() error
}

func (c *checked) Check(context.Context) error { return c.check() }

// TestRunChecksTheIndexAtTheStart checks that an index with other vectors ends the
// service, and that the check is retried while the index cannot be reached.
func TestRunChecksTheIndexAtTheStart(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	asked := 0
	s.index = &checked{Index: memory.New(), check: func() error {
		asked++
		if asked == 1 {
			return fmt.Errorf("no connection: %w", errs.ErrUnavailable)
		}
		return fmt.Errorf("48 dimensions, want 64: %w", errs.ErrPrecondition)
	}}
	require.ErrorIs(t, s.Run(t.Context()), errs.ErrPrecondition)
	require.Equal(t, 2, asked)

	ctx, cancel := context.WithCancel(t.Context())
	s.index = &checked{Index: memory.New(), check: func() error {
		cancel()
		return fmt.Errorf("wrong key: %w", errs.ErrDenied)
	}}
	require.NoError(t, s.Run(ctx), "each request reports it; the service keeps running until it is stopped")
}
