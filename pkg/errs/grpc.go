package errs

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var byCode = map[codes.Code]error{
	codes.InvalidArgument:    ErrInvalid,
	codes.NotFound:           ErrNotFound,
	codes.AlreadyExists:      ErrExists,
	codes.FailedPrecondition: ErrPrecondition,
	codes.Unavailable:        ErrUnavailable,
	codes.DataLoss:           ErrDataLoss,
	codes.ResourceExhausted:  ErrExhausted,
	codes.PermissionDenied:   ErrDenied,
	codes.Unauthenticated:    ErrUnauthorized,
	codes.Canceled:           ErrCanceled,
	codes.DeadlineExceeded:   ErrDeadline,
	codes.Aborted:            ErrBehind,
	codes.Internal:           ErrInternal,
}

// ToStatus turns an error into a gRPC status error. An error that wraps no
// sentinel becomes Internal with a public message that says no more than that;
// the caller logs the cause.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	var violations Violations
	if !errors.As(err, &violations) {
		violations = fromValidation(err)
	}
	if len(violations) > 0 {
		return invalidStatus(violations)
	}
	var behind Behind
	if errors.As(err, &behind) {
		return behindStatus(behind)
	}
	if errors.Is(err, context.Canceled) {
		return status.Error(codes.Canceled, publicMessage(err, ErrCanceled))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return status.Error(codes.DeadlineExceeded, publicMessage(err, ErrDeadline))
	}
	var special *reason
	if errors.As(err, &special) {
		return reasonStatus(err, special)
	}
	for code, sentinel := range byCode {
		if errors.Is(err, sentinel) {
			return status.Error(code, publicMessage(err, sentinel))
		}
	}
	if st, ok := status.FromError(err); ok {
		return st.Err()
	}
	return status.Error(codes.Internal, ErrInternal.Error())
}

// publicMessage is the error's text without the sentinel's own words at its
// end, which the code already says.
func publicMessage(err, sentinel error) string {
	return strings.TrimSuffix(err.Error(), ": "+sentinel.Error())
}

func invalidStatus(violations Violations) error {
	details := &errdetails.BadRequest{}
	for _, v := range violations {
		details.FieldViolations = append(details.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: v.Field, Description: v.Message,
		})
	}
	message := strings.TrimPrefix(violations.Error(), ErrInvalid.Error()+": ")
	st, err := status.New(codes.InvalidArgument, message).WithDetails(details)
	if err != nil {
		return status.Error(codes.InvalidArgument, message)
	}
	return st.Err()
}

// reasonStatus has the code of the general sentinel and says the reason.
func reasonStatus(err error, r *reason) error {
	code := codes.Internal
	for c, sentinel := range byCode {
		if sentinel == r.general {
			code = c
		}
	}
	st, detailErr := status.New(code, publicMessage(err, r)).WithDetails(&errdetails.ErrorInfo{Reason: r.name, Domain: Domain})
	if detailErr != nil {
		return status.Error(code, publicMessage(err, r))
	}
	return st.Err()
}

// What the ErrorInfo of a Behind says.
const (
	behindReason  = "STREAM_NOT_READ"
	afterSequence = "after_sequence"
)

func behindStatus(b Behind) error {
	message := publicMessage(b, ErrBehind)
	st, err := status.New(codes.Aborted, message).WithDetails(&errdetails.ErrorInfo{
		Reason: behindReason, Domain: Domain, Metadata: map[string]string{afterSequence: strconv.FormatInt(b.After, 10)},
	})
	if err != nil {
		return status.Error(codes.Aborted, message)
	}
	return st.Err()
}

func fromValidation(err error) Violations {
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	var out Violations
	for _, v := range invalid.Violations {
		out = append(out, Violation{Field: protovalidate.FieldPathString(v.Proto.GetField()), Message: v.Proto.GetMessage()})
	}
	return out
}

// FromStatus turns a status error received from a server back into the
// vocabulary: errors.Is finds the sentinel, errors.As finds Violations and
// Behind.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, detail := range st.Details() {
		if known := fromDetail(detail); known != nil {
			return known
		}
	}
	sentinel, known := byCode[st.Code()]
	if !known {
		return err
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			if r := reasons[info.GetReason()]; r != nil && r.general == sentinel {
				sentinel = r
			}
		}
	}
	return &remote{sentinel: sentinel, message: st.Message(), status: st}
}

// fromDetail reads the details that this package writes; nil for any other.
func fromDetail(detail any) error {
	switch d := detail.(type) {
	case *errdetails.BadRequest:
		var violations Violations
		for _, v := range d.GetFieldViolations() {
			violations = append(violations, Violation{Field: v.GetField(), Message: v.GetDescription()})
		}
		return violations.OrNil()
	case *errdetails.ErrorInfo:
		after, err := strconv.ParseInt(d.GetMetadata()[afterSequence], 10, 64)
		if d.GetReason() == behindReason && err == nil {
			return Behind{After: after}
		}
	}
	return nil
}

// remote is an error that came over the wire.
type remote struct {
	sentinel error
	message  string
	status   *status.Status
}

func (r *remote) Error() string              { return r.message + ": " + r.sentinel.Error() }
func (r *remote) Unwrap() error              { return r.sentinel }
func (r *remote) GRPCStatus() *status.Status { return r.status }
