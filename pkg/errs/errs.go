// Package errs is the one vocabulary of errors. Business code wraps a sentinel
// with %w; interceptors turn it into a gRPC status and back, so that errors.Is
// holds on both sides of the wire. Business code never builds a status.
package errs

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The sentinels. Each maps to the gRPC code of the same name, ErrBehind to
// ABORTED.
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

// Violations is an ErrInvalid that lists each fault.
type Violations []Violation

// Error joins the faults.
func (v Violations) Error() string {
	parts := make([]string, len(v))
	for i, one := range v {
		parts[i] = one.Field + ": " + one.Message
	}
	return ErrInvalid.Error() + ": " + strings.Join(parts, "; ")
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

// Behind is an ErrBehind that says where a stream which nobody read can be
// taken up again. It travels as ABORTED with a google.rpc.ErrorInfo whose
// metadata has after_sequence.
type Behind struct {
	// After is the sequence number of the last entry handed to the stream: watch
	// again after it. The stream may hold one entry more than that.
	After int64
}

// Error says where to go on.
func (b Behind) Error() string {
	return fmt.Sprintf("nobody read the stream; watch again from after_sequence %d: %v", b.After, ErrBehind)
}

// Is reports that Behind is an ErrBehind.
func (b Behind) Is(target error) bool { return target == ErrBehind }

// FromContext returns why a context is done as ErrDeadline or ErrCanceled,
// which is the context's own error too; nil while it is not done.
func FromContext(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", err, ErrDeadline)
	default:
		return fmt.Errorf("%w: %w", err, ErrCanceled)
	}
}

// Invalid returns an ErrInvalid about one field.
func Invalid(field, format string, args ...any) error {
	return Violations{{Field: field, Message: fmt.Sprintf(format, args...)}}
}
