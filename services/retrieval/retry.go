package retrieval

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/propersim/propersim/pkg/errs"
)

// Bounds of the retries of one operation: a hiccup of the index is mended here,
// an absence is for the caller to wait out. At most 4 tries within half a second
// of pauses.
const (
	maxTries   = 4
	firstPause = 50 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// do measures an operation of the index and tries it again after an error that
// says the index could not be reached. Every operation may be repeated: writing
// the same points twice changes nothing. A deadline ends the tries.
func do[T any](ctx context.Context, op operation, f func() (T, error)) (T, error) {
	began := time.Now()
	defer func() { op.seconds.Observe(time.Since(began).Seconds()) }()
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, maxPause
	out, err := backoff.Retry(ctx, func() (T, error) {
		out, err := f()
		if err != nil && !errors.Is(err, errs.ErrUnavailable) {
			err = backoff.Permanent(err)
		}
		return out, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(maxTries), backoff.WithNotify(func(error, time.Duration) { op.retries.Inc() }))
	if err != nil && !errors.Is(err, errs.ErrCanceled) {
		op.errors.Inc()
	}
	return out, err
}
