package qdrant

import (
	"errors"
	"fmt"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/errs"
)

// fault maps an error of the server to pkg/errs. A retry makes sense only after an
// ErrUnavailable.
func (x *Index) fault(err error) error {
	if err == nil {
		return nil
	}
	var limited *qdrant.QdrantResourceExhaustedError
	if errors.As(err, &limited) { // a limit of requests per minute: transient
		return fmt.Errorf("qdrant at %s limits the rate of requests: %v: %w", x.address, limited, errs.ErrUnavailable)
	}
	var kind error
	switch code := grpcCode(err); code {
	case codes.Unavailable:
		return fmt.Errorf("qdrant at %s cannot be reached: %v: %w", x.address, err, errs.ErrUnavailable)
	case codes.Aborted:
		kind = errs.ErrUnavailable
	case codes.NotFound: // somebody deleted the collection: the next request creates it again
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
	return fmt.Errorf("qdrant at %s: %v: %w", x.address, err, kind)
}

// refused says what to correct when the server refuses access. It is always an
// ErrDenied: an ErrUnauthorized would blame the caller's own token.
func (x *Index) refused(err error) error {
	what := "refuses the API key: check the API key (qdrant.api_key or qdrant.api_key_file) against the server's service.api_key"
	if !x.keyed {
		what = "asks for an API key and none is set: check the API key (qdrant.api_key or qdrant.api_key_file)"
	}
	return fmt.Errorf("qdrant at %s %s: %v: %w", x.address, what, err, errs.ErrDenied)
}

// grpcCode finds the code of a status inside the client's own error type.
func grpcCode(err error) codes.Code {
	var wrapped interface{ GRPCStatus() *status.Status }
	if errors.As(err, &wrapped) {
		return wrapped.GRPCStatus().Code()
	}
	return status.FromContextError(err).Code()
}
