package qdrant

import (
	"errors"
	"fmt"
	"time"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/errs"
)

// fault maps an error of the Qdrant server to one of pkg/errs. ErrUnavailable
// alone is transient.
func (x *Index) fault(err error) error {
	if err == nil {
		return nil
	}
	var limited *qdrant.QdrantResourceExhaustedError
	if errors.As(err, &limited) { // a limit of requests per minute
		refused := x.named("accepts no more requests for now", limited, errs.ErrUnavailable)
		return errs.RetryAfter(refused, time.Duration(limited.RetryAfterS)*time.Second)
	}
	var kind error
	switch code := grpcCode(err); code {
	case codes.Unavailable:
		return x.named("cannot be reached", err, errs.ErrUnavailable)
	case codes.Aborted:
		kind = errs.ErrUnavailable
	case codes.NotFound: // somebody removed the collection: the next request creates it
		x.ready.Store(false)
		kind = errs.ErrUnavailable
	case codes.DeadlineExceeded:
		kind = errs.ErrDeadline
	case codes.Canceled:
		kind = errs.ErrCanceled
	case codes.Unauthenticated, codes.PermissionDenied:
		return x.refused(err)
	case codes.ResourceExhausted:
		kind = errs.ErrExhausted
	case codes.DataLoss:
		kind = errs.ErrDataLoss
	default:
		kind = errs.ErrInternal
	}
	return x.named("refused a request", err, kind)
}

// named says what the server did. A caller of the service reads neither its
// address nor its own words.
func (x *Index) named(what string, cause, kind error) error {
	return errs.WithPublic(fmt.Errorf("qdrant at %s %s: %v: %w", x.address, what, cause, kind), "qdrant %s", what)
}

// refused says which setting to correct when the server rejects the API key. It
// is always an ErrDenied: ErrUnauthorized would blame the caller's own token.
func (x *Index) refused(err error) error {
	what := "refuses the API key: check the API key (qdrant.api_key or qdrant.api_key_file) against the server's service.api_key"
	if !x.keyed {
		what = "asks for an API key and none is set: check the API key (qdrant.api_key or qdrant.api_key_file)"
	}
	return x.named(what, err, errs.ErrDenied)
}

// grpcCode finds the code of a status inside the client's own error type.
func grpcCode(err error) codes.Code {
	var wrapped interface{ GRPCStatus() *status.Status }
	if errors.As(err, &wrapped) {
		return wrapped.GRPCStatus().Code()
	}
	return status.FromContextError(err).Code()
}
