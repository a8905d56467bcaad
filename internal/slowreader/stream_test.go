package slowreader_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/leaks"
	"github.com/propersim/propersim/internal/slowreader"
	"github.com/propersim/propersim/pkg/errs"
)

// stream blocks a Send as gRPC does: until the handler has returned.
type stream struct {
	grpc.ServerStream
	ctx      context.Context
	returned chan struct{}
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) Send(n *int) error {
	if *n < 3 {
		return nil
	}
	<-s.returned
	return errors.New("the stream is done")
}

// serve counts up to what the stream takes, and no further than limit. The stream
// may be left unread for so long.
func serve(ctx context.Context, patience time.Duration, limit int) error {
	s := &stream{ctx: ctx, returned: make(chan struct{})}
	defer close(s.returned)
	return slowreader.Serve(slowreader.New(patience), s, func(send func(*int) error) error {
		for n := range limit {
			if err := send(&n); err != nil {
				return err
			}
		}
		if limit == 1 {
			<-ctx.Done()
			return errors.New("its answer is not used")
		}
		return nil
	})
}

func TestAStreamThatIsReadEndsAsItsProducerDoes(t *testing.T) {
	defer leaks.None(t)
	require.NoError(t, serve(t.Context(), time.Minute, 3))
}

func TestAStreamThatNobodyReadsEnds(t *testing.T) {
	defer leaks.None(t)
	require.ErrorIs(t, serve(t.Context(), 40*time.Millisecond, 9), slowreader.ErrUnread)
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	defer leaks.None(t)
	for name, limit := range map[string]int{"waiting for news": 1, "blocked": 9} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		require.ErrorIs(t, serve(ctx, time.Minute, limit), errs.ErrDeadline, name)
		cancel()
	}
}

func TestAPanicReachesTheHandler(t *testing.T) {
	s := &stream{ctx: t.Context()}
	require.Panics(t, func() {
		_ = slowreader.Serve(slowreader.New(0), s, func(func(*int) error) error { panic("bug") })
	})
}
