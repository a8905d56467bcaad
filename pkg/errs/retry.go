package errs

import (
	"context"
	"errors"
	"time"
)

// IsTransient reports whether a retry of what failed with err may succeed: a service
// or a database did not answer, did not answer in time, was stopped meanwhile, or
// asks for a retry (RetryAfter).
func IsTransient(err error) bool {
	for _, kind := range []error{ErrUnavailable, ErrDeadline, ErrCanceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return true
		}
	}
	_, asked := RetryDelay(err)
	return asked
}

// RetryAfter says that a retry of the call that failed with err is sensible, at
// the earliest after d (> 0). It travels as google.rpc.RetryInfo. It does not
// change the sentinel of err; a nil err stays nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil || d <= 0 {
		return err
	}
	return &retryable{error: err, delay: d}
}

// RetryDelay returns the time that RetryAfter or the RetryInfo of a server set;
// false where there is none.
func RetryDelay(err error) (time.Duration, bool) {
	var r interface{ retryDelay() time.Duration }
	if !errors.As(err, &r) || r.retryDelay() <= 0 {
		return 0, false
	}
	return r.retryDelay(), true
}

type retryable struct {
	error
	delay time.Duration
}

func (r *retryable) Unwrap() error             { return r.error }
func (r *retryable) retryDelay() time.Duration { return r.delay }
