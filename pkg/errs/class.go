package errs

import (
	"context"
	"errors"
	"strconv"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// general lists the general sentinels with their codes and the reason of their
// ErrorInfo.
var general = []struct {
	sentinel error
	code     codes.Code
	reason   string
}{
	{ErrInvalid, codes.InvalidArgument, "INVALID_ARGUMENT"},
	{ErrNotFound, codes.NotFound, "NOT_FOUND"},
	{ErrExists, codes.AlreadyExists, "ALREADY_EXISTS"},
	{ErrPrecondition, codes.FailedPrecondition, "FAILED_PRECONDITION"},
	{ErrUnavailable, codes.Unavailable, "UNAVAILABLE"},
	{ErrDataLoss, codes.DataLoss, "DATA_LOSS"},
	{ErrExhausted, codes.ResourceExhausted, "RESOURCE_EXHAUSTED"},
	{ErrDenied, codes.PermissionDenied, "PERMISSION_DENIED"},
	{ErrUnauthorized, codes.Unauthenticated, "UNAUTHENTICATED"},
	{ErrCanceled, codes.Canceled, "CANCELED"},
	{ErrDeadline, codes.DeadlineExceeded, "DEADLINE_EXCEEDED"},
	{ErrBehind, codes.Aborted, "ABORTED"},
	{ErrInternal, codes.Internal, "INTERNAL"},
}

// sentinelOf returns the general sentinel of a code, nil for OK, UNKNOWN,
// OUT_OF_RANGE and UNIMPLEMENTED.
func sentinelOf(code codes.Code) error {
	for _, g := range general {
		if g.code == code {
			return g.sentinel
		}
	}
	return nil
}

// class is what a status says apart from its message.
type class struct {
	code       codes.Code
	reason     string
	metadata   map[string]string
	violations Violations
}

// resolve finds the first error in the tree of err that has a class: depth
// first and from left to right. Of several errors wrapped by one, those that are
// sentinels themselves come before what the others wrap, so that in
// fmt.Errorf("%w: %w", cause, ErrUnavailable) the author's word counts. The
// second result is false where nothing in the tree has a class.
func resolve(err error) (class, bool) {
	if c, ok := classOf(err); ok {
		return c, true
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if cause := wrapper.Unwrap(); cause != nil {
			return resolve(cause)
		}
	case interface{ Unwrap() []error }:
		causes := wrapper.Unwrap()
		for _, cause := range causes {
			if c, ok := sentinelClass(cause); ok {
				return c, true
			}
		}
		for _, cause := range causes {
			if c, ok := resolve(cause); ok {
				return c, true
			}
		}
	}
	return class{}, false
}

// classOf returns the class of err itself, whatever it wraps.
func classOf(err error) (class, bool) {
	if c, ok := sentinelClass(err); ok {
		return c, true
	}
	switch e := err.(type) {
	case Violations:
		return invalid(e), true
	case *protovalidate.ValidationError:
		return invalid(fromValidation(e)), true
	case Behind:
		metadata := map[string]string{afterSequence: strconv.FormatInt(e.After, 10)}
		return class{code: codes.Aborted, reason: streamNotRead, metadata: metadata}, true
	case *remote:
		return e.class(), true
	case interface{ GRPCStatus() *status.Status }:
		if st := e.GRPCStatus(); st != nil && st.Code() != codes.OK {
			return class{code: st.Code(), reason: codeReason(st.Code())}, true
		}
	}
	return class{}, false
}

// sentinelClass returns the class of a sentinel or of a context's error.
func sentinelClass(err error) (class, bool) {
	switch err {
	case context.Canceled:
		err = ErrCanceled
	case context.DeadlineExceeded:
		err = ErrDeadline
	}
	if r, ok := err.(*reason); ok {
		c, _ := sentinelClass(r.general)
		c.reason = r.name
		return c, true
	}
	for _, g := range general {
		if g.sentinel == err {
			return class{code: g.code, reason: g.reason}, true
		}
	}
	return class{}, false
}

func invalid(v Violations) class {
	return class{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", violations: v}
}

// codeReason returns the reason of a code that no sentinel refines.
func codeReason(code codes.Code) string {
	for _, g := range general {
		if g.code == code {
			return g.reason
		}
	}
	return "UNKNOWN"
}

func fromValidation(err *protovalidate.ValidationError) Violations {
	out := make(Violations, 0, len(err.Violations))
	for _, v := range err.Violations {
		out = append(out, Violation{Field: protovalidate.FieldPathString(v.Proto.GetField()), Message: v.Proto.GetMessage()})
	}
	return out
}

// Under returns the field violations in err, its own or those that a called
// service returned, with parent put before their field names: "rubric.timing"
// under "persona" is "persona.rubric.timing". Use it where the caller's message
// contains the message that was passed on. Any other error is returned as is.
func Under(parent string, err error) error {
	var found Violations
	if !errors.As(err, &found) {
		return err
	}
	out := make(Violations, len(found))
	for i, v := range found {
		out[i] = Violation{Field: parent + "." + v.Field, Message: v.Message}
	}
	return out
}
