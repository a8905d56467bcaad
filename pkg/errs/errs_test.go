package errs

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestEverySentinelSurvivesTheWire(t *testing.T) {
	for code, sentinel := range byCode {
		err := ToStatus(fmt.Errorf("run %q: %w", "r1", sentinel))
		require.Equal(t, code, status.Code(err))
		back := FromStatus(err)
		require.ErrorIs(t, back, sentinel)
		require.Contains(t, back.Error(), `run "r1"`)
	}
}

func TestViolationsSurviveTheWire(t *testing.T) {
	var v Violations
	require.NoError(t, v.OrNil())
	v.Add("persona.age", "found %d, want 1 to 120", 300)
	v.Add("persona.name", "is empty")
	err := ToStatus(fmt.Errorf("create: %w", v.OrNil()))
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	back := FromStatus(err)
	require.ErrorIs(t, back, ErrInvalid)
	var got Violations
	require.True(t, errors.As(back, &got))
	require.Equal(t, v, got)
}

func TestAnUnknownCauseIsNotTold(t *testing.T) {
	err := ToStatus(errors.New("password=hunter2"))
	require.Equal(t, codes.Internal, status.Code(err))
	require.NotContains(t, err.Error(), "hunter2")
}
