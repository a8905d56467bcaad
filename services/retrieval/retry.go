package retrieval

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/propersim/propersim/pkg/errs"
)

// Bounds of the retries of one operation: at most 4 attempts within half a second
// of pauses. They bridge a short fault of the index; when it is down for longer,
// the caller retries.
const (
	maxTries   = 4
	firstPause = 50 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// do measures an operation of the index and retries it after an ErrUnavailable.
// Every operation is idempotent, so a retry is safe. The end of ctx ends the
// retries.
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
