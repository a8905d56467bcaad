package errs

import (
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// remote is an error that a called service returned.
type remote struct {
	sentinel   error // general, or one with a reason
	status     *status.Status
	ours       bool // the status has an ErrorInfo of this project
	info       *errdetails.ErrorInfo
	violations Violations
	delay      time.Duration
}

// FromStatus turns a status error received from a server back into the
// vocabulary: errors.Is finds the sentinel, errors.As finds Violations and
// Behind, RetryDelay the time of a RetryInfo. A status whose code has no
// sentinel is returned as is.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	sentinel := sentinelOf(st.Code())
	if sentinel == nil {
		return err
	}
	r := &remote{sentinel: sentinel, status: st}
	for _, detail := range st.Details() {
		r.read(detail)
	}
	return r
}

func (r *remote) read(detail any) {
	switch d := detail.(type) {
	case *errdetails.BadRequest:
		for _, v := range d.GetFieldViolations() {
			r.violations = append(r.violations, Violation{Field: v.GetField(), Message: v.GetDescription()})
		}
	case *errdetails.RetryInfo:
		r.delay = d.GetRetryDelay().AsDuration()
	case *errdetails.ErrorInfo:
		if d.GetDomain() != Domain {
			return
		}
		r.ours, r.info = true, d
		if known := reasons[d.GetReason()]; known != nil && known.general == r.sentinel {
			r.sentinel = known
		}
	}
}

// Error is the server's message; it ends with the words of the sentinel.
func (r *remote) Error() string {
	if r.violations != nil || endsWith(r.status.Message(), r.sentinel) {
		return r.status.Message()
	}
	return r.status.Message() + ": " + r.sentinel.Error()
}

// public is the text for the caller of this process, which called another.
func (r *remote) public() string {
	text := statusText(r.status, r.ours)
	if len(r.violations) > 0 {
		return "a call to another service was refused: " + text
	}
	return text
}

// class leaves the violations out: their fields are those of the message that
// was sent to the called service, which the caller of this one did not write.
func (r *remote) class() class {
	c, _ := sentinelClass(r.sentinel)
	if r.ours && r.info.GetReason() == streamNotRead {
		c.reason, c.metadata = streamNotRead, r.info.GetMetadata()
	}
	return c
}

func (r *remote) Unwrap() error              { return r.sentinel }
func (r *remote) GRPCStatus() *status.Status { return r.status }
func (r *remote) retryDelay() time.Duration  { return r.delay }

// As finds Violations and Behind.
func (r *remote) As(target any) bool {
	switch t := target.(type) {
	case *Violations:
		if len(r.violations) > 0 {
			*t = r.violations
			return true
		}
	case *Behind:
		after, err := strconv.ParseInt(r.info.GetMetadata()[afterSequence], 10, 64)
		if r.info.GetReason() == streamNotRead && err == nil {
			t.After = after
			return true
		}
	}
	return false
}
