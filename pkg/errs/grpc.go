package errs

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The ErrorInfo of a Behind.
const (
	streamNotRead = "STREAM_NOT_READ"
	afterSequence = "after_sequence"
)

// ToStatus turns an error into a gRPC status error. The first sentinel in the
// error's tree decides the code: depth first, from left to right, and of several
// errors wrapped by one, a bare sentinel before the sentinels inside its
// neighbours. The message is Public(err). The details are an ErrorInfo of this
// project with the reason, a BadRequest for Violations that this process found
// (those of a called service are part of the message; see Under), and a
// RetryInfo for RetryAfter.
//
// An error that wraps no sentinel becomes INTERNAL with no further text; the
// caller of ToStatus logs the cause.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	c, ok := resolve(err)
	if !ok {
		c = class{code: codes.Internal, reason: codeReason(codes.Internal)}
	}
	st, detailErr := status.New(c.code, Public(err)).WithDetails(c.details(err)...)
	if detailErr != nil { // only for code OK, which no class has
		return status.Error(c.code, Public(err))
	}
	return st.Err()
}

func (c class) details(err error) []protoadapt.MessageV1 {
	out := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: c.reason, Domain: Domain, Metadata: c.metadata}}
	if len(c.violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range c.violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Message})
		}
		out = append(out, bad)
	}
	if delay, ok := RetryDelay(err); ok {
		out = append(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	}
	return out
}
