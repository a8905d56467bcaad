package errs

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestTheFirstSentinelDecidesTheCode(t *testing.T) {
	notFound := fmt.Errorf("parent: %w", ErrNotFound)
	for name, c := range map[string]struct {
		err  error
		code codes.Code
	}{
		"joined":                       {errors.Join(ErrUnavailable, ErrPrecondition), codes.Unavailable},
		"joined the other way":         {errors.Join(ErrPrecondition, ErrUnavailable), codes.FailedPrecondition},
		"joined, both wrapped":         {errors.Join(notFound, fmt.Errorf("x: %w", ErrDenied)), codes.NotFound},
		"a cause and a bare sentinel":  {fmt.Errorf("read: %w: %w", notFound, ErrDataLoss), codes.DataLoss},
		"a plain cause and a sentinel": {fmt.Errorf("read: %w: %w", errors.New("eof"), ErrDataLoss), codes.DataLoss},
		"deep in the second":           {errors.Join(errors.New("x"), fmt.Errorf("y: %w", notFound)), codes.NotFound},
		"a foreign status":             {fmt.Errorf("x: %w", status.Error(codes.Unimplemented, "no")), codes.Unimplemented},
	} {
		for range 50 { // a map's order would differ
			require.Equal(t, c.code, status.Code(ToStatus(c.err)), name)
		}
	}
}

func TestAnotherServicesFieldsAreNotTheCallers(t *testing.T) {
	received := FromStatus(ToStatus(Invalid("id", "is empty")))
	var found Violations
	require.ErrorAs(t, received, &found, "the caller itself reads them")

	st := status.Convert(ToStatus(fmt.Errorf("persona: %w", received)))
	require.Equal(t, codes.InvalidArgument, st.Code())
	require.Equal(t, "persona: a call to another service was refused: id: is empty", st.Message())
	require.Nil(t, detail[*errdetails.BadRequest](st))

	rooted := status.Convert(ToStatus(Under("persona", received)))
	require.Equal(t, "persona.id", detail[*errdetails.BadRequest](rooted).GetFieldViolations()[0].GetField())
	require.ErrorIs(t, Under("persona", ErrNotFound), ErrNotFound)
}

func TestATimeToRetrySurvivesTheWire(t *testing.T) {
	require.NoError(t, RetryAfter(nil, time.Second))
	_, ok := RetryDelay(FromStatus(ToStatus(ErrBudgetSpent)))
	require.False(t, ok)
	err := FromStatus(ToStatus(fmt.Errorf("model: %w", RetryAfter(fmt.Errorf("429: %w", ErrExhausted), 1500*time.Millisecond))))
	require.ErrorIs(t, err, ErrExhausted)
	again := FromStatus(ToStatus(fmt.Errorf("assistant: %w", err))) // through a second service
	for _, e := range []error{err, again} {
		delay, ok := RetryDelay(e)
		require.True(t, ok)
		require.Equal(t, 1500*time.Millisecond, delay)
	}
}

// detail returns the first detail of a type, or its zero value.
func detail[T any](st *status.Status) T {
	for _, d := range st.Details() {
		if found, ok := d.(T); ok {
			return found
		}
	}
	var none T
	return none
}
