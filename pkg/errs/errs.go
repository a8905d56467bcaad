// Package errs is the one vocabulary of errors. Business code wraps a sentinel
// with %w; interceptors turn it into a gRPC status and back, so that errors.Is
// holds on both sides of the wire. Business code never builds a status.
//
// An error has two texts: Text, complete, for whoever runs the server, and
// Public, which leaves out paths, SQL and addresses, for whoever calls it.
package errs

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The general sentinels. Each maps to the gRPC code of the same name; ErrBehind
// maps to ABORTED, ErrInvalid to INVALID_ARGUMENT. The first one in an error's
// tree decides its code; see ToStatus.
var (
	ErrInvalid      = errors.New("invalid argument")
	ErrNotFound     = errors.New("not found")
	ErrExists       = errors.New("already exists")
	ErrPrecondition = errors.New("failed precondition")
	ErrUnavailable  = errors.New("unavailable")
	ErrDataLoss     = errors.New("data loss")
	ErrExhausted    = errors.New("resource exhausted")
	ErrDenied       = errors.New("permission denied")
	ErrUnauthorized = errors.New("unauthenticated")
	ErrCanceled     = errors.New("canceled")
	ErrDeadline     = errors.New("deadline exceeded")
	ErrBehind       = errors.New("aborted")
	ErrInternal     = errors.New("internal error")
)

// Violation names a field at fault.
type Violation struct {
	// Field is the path of the field as the caller wrote it, e.g.
	// "persona.rubric.timing".
	Field string
	// Message says what was found and what is allowed.
	Message string
}

// Violations is an ErrInvalid that lists every field at fault. Over the wire it
// is a google.rpc.BadRequest.
type Violations []Violation

// Error joins the faults.
func (v Violations) Error() string {
	parts := make([]string, len(v))
	for i, one := range v {
		parts[i] = one.Field + ": " + one.Message
	}
	return strings.Join(parts, "; ")
}

// Is reports that Violations are an ErrInvalid.
func (v Violations) Is(target error) bool { return target == ErrInvalid }

// OrNil returns v as an error, or nil when it is empty.
func (v Violations) OrNil() error {
	if len(v) == 0 {
		return nil
	}
	return v
}

// Add appends a fault.
func (v *Violations) Add(field, format string, args ...any) {
	*v = append(*v, Violation{Field: field, Message: fmt.Sprintf(format, args...)})
}

// Take appends the faults of an error and returns nil. An error that has none is
// returned as it is.
func (v *Violations) Take(err error) error {
	var found Violations
	if !errors.As(err, &found) {
		return err
	}
	*v = append(*v, found...)
	return nil
}

// In puts a place, a file for instance, before the message of each fault of
// Violations, and before any other error. It returns nil for nil.
func In(place string, err error) error {
	var found Violations
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &found):
		return fmt.Errorf("%s: %w", place, err)
	}
	out := make(Violations, len(found))
	for i, v := range found {
		out[i] = Violation{Field: v.Field, Message: place + ": " + v.Message}
	}
	return out
}

// Behind is an ErrBehind: a server ended a stream because its client read too
// slowly. It says where to resume. It travels as ABORTED with a
// google.rpc.ErrorInfo of reason STREAM_NOT_READ, whose metadata has
// after_sequence.
type Behind struct {
	// After is the sequence number of the last entry handed to the stream: resume
	// after it. The stream may still deliver one entry more than that.
	After int64
}

// Error says where to resume.
func (b Behind) Error() string {
	return fmt.Sprintf("the stream was read too slowly; watch again from after_sequence %d", b.After)
}

// Is reports that Behind is an ErrBehind.
func (b Behind) Is(target error) bool { return target == ErrBehind }

// FromContext returns why a context is done, as ErrDeadline or ErrCanceled; the
// error is the context's own as well. It returns nil while ctx is not done.
func FromContext(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &contextError{cause: err, sentinel: ErrDeadline}
	default:
		return &contextError{cause: err, sentinel: ErrCanceled}
	}
}

type contextError struct{ cause, sentinel error }

func (c *contextError) Error() string   { return c.sentinel.Error() }
func (c *contextError) Unwrap() []error { return []error{c.cause, c.sentinel} }

// Invalid returns an ErrInvalid about one field.
func Invalid(field, format string, args ...any) error {
	return Violations{{Field: field, Message: fmt.Sprintf(format, args...)}}
}
