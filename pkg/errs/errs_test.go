package errs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestEverySentinelSurvivesTheWire(t *testing.T) {
	for _, g := range general {
		code, sentinel := g.code, g.sentinel
		err := ToStatus(fmt.Errorf("run %q: %w", "r1", sentinel))
		require.Equal(t, code, status.Code(err))
		back := FromStatus(err)
		require.ErrorIs(t, back, sentinel)
		require.Contains(t, back.Error(), `run "r1"`)
	}
}

func TestEveryReasonSurvivesTheWire(t *testing.T) {
	for name, sentinel := range reasons {
		err := ToStatus(fmt.Errorf("run %q: %w", "r1", sentinel))
		info := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
		require.Equal(t, name, info.GetReason())
		require.Equal(t, "propersim", info.GetDomain())
		back := FromStatus(err)
		require.ErrorIs(t, back, sentinel)
		require.ErrorIs(t, back, sentinel.general)
		require.Contains(t, back.Error(), `run "r1"`)
	}
}

func TestEveryReasonIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/errors.md")
	require.NoError(t, err)
	for name, sentinel := range reasons {
		require.Contains(t, string(doc), fmt.Sprintf("| `%s` | %s |", name, codeReason(status.Code(ToStatus(sentinel)))))
	}
	require.Contains(t, string(doc), streamNotRead)
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

func TestInNamesAPlaceInEveryFault(t *testing.T) {
	two := Violations{{Field: "a", Message: "found 1"}, {Field: "b", Message: "found 2"}}
	require.EqualError(t, In("one.yaml", two), "a: one.yaml: found 1; b: one.yaml: found 2")
	require.EqualError(t, two, "a: found 1; b: found 2", "the faults that were given stay as they are")
	require.ErrorIs(t, In("one.yaml", ErrNotFound), ErrNotFound)
	require.ErrorContains(t, In("one.yaml", ErrNotFound), "one.yaml: ")
	require.NoError(t, In("one.yaml", nil))
}

func TestTakeAppendsFaultsAndReturnsOtherErrors(t *testing.T) {
	var all Violations
	require.NoError(t, all.Take(nil))
	require.NoError(t, all.Take(fmt.Errorf("file: %w", Violations{{Field: "a", Message: "found 1"}})))
	require.NoError(t, all.Take(Violations{{Field: "b", Message: "found 2"}}))
	require.Equal(t, Violations{{Field: "a", Message: "found 1"}, {Field: "b", Message: "found 2"}}, all)
	require.ErrorIs(t, all.Take(ErrNotFound), ErrNotFound)
	require.Len(t, all, 2)
}

func TestWhereToResumeSurvivesTheWire(t *testing.T) {
	err := ToStatus(fmt.Errorf("watch: %w", Behind{After: 4032}))
	require.Equal(t, codes.Aborted, status.Code(err))
	details := status.Convert(err).Details()
	require.Equal(t, map[string]string{"after_sequence": "4032"}, details[0].(*errdetails.ErrorInfo).GetMetadata())
	back := FromStatus(err)
	require.ErrorIs(t, back, ErrBehind)
	var behind Behind
	require.ErrorAs(t, back, &behind)
	require.EqualValues(t, 4032, behind.After)
}

func TestAContextSaysWhyItIsDone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	require.NoError(t, FromContext(t.Context()))
	require.ErrorIs(t, FromContext(ctx), ErrDeadline)
	require.ErrorIs(t, FromContext(ctx), context.DeadlineExceeded)
	require.Equal(t, codes.DeadlineExceeded, status.Code(ToStatus(FromContext(ctx))))
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, FromContext(ctx), ErrCanceled)
	require.ErrorIs(t, FromContext(ctx), context.Canceled)
	require.Equal(t, codes.Canceled, status.Code(ToStatus(FromContext(ctx))))
}

func TestAnUnknownCauseStaysInside(t *testing.T) {
	err := ToStatus(errors.New("password=hunter2"))
	require.Equal(t, codes.Internal, status.Code(err))
	require.NotContains(t, err.Error(), "hunter2")
}
