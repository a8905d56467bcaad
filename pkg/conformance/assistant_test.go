package conformance_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/conformance"
	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func text(t *testing.T, report *conformance.Report) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.WriteText(&b))
	return b.String()
}

// with returns the identifiers of the checks with a result.
func with(report *conformance.Report, result conformance.Result) []string {
	out := []string{}
	for _, c := range report.Checks {
		if c.Result == result {
			out = append(out, c.ID)
		}
	}
	return out
}

func TestAFaithfulServerConforms(t *testing.T) {
	for name, opts := range map[string]conformance.Options{
		"samples":  {Deterministic: true},
		"contrast": {Deterministic: true, Method: withContrast},
		"scores":   {Deterministic: true, Method: withScores},
		"fine":     {Deterministic: true, StepSeconds: 150, Steps: 400},
		"coarse":   {Deterministic: true, StepSeconds: 3600, Steps: 8},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := newDouble()
			report, err := conformance.Assistant(t.Context(), connect(t, server, true), opts)
			require.NoError(t, err)
			require.True(t, report.OK(), text(t, report))
			require.Empty(t, with(report, conformance.Fail))
			require.Empty(t, with(report, conformance.Warn), text(t, report))
			require.Equal(t, conformance.TrainableYes, report.Trainable)
		})
	}
}

// sampled answers like a sampled model: never twice the same.
func sampled(d *double, f *faithful) {
	var n atomic.Int32
	d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		resp, err := f.recommend(ctx, r)
		for _, c := range resp.GetCandidates() {
			c.Choice = &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: strings.Repeat("la ", int(n.Add(1))%200+1)}}
		}
		return resp, err
	}
}

func TestAnAssistantWithoutAdaptersIsNotTrainable(t *testing.T) {
	server, _ := newDouble()
	server.use = server.UnimplementedAssistantServiceServer.UseAdapter
	report, err := conformance.Assistant(t.Context(), connect(t, server, true), conformance.Options{})
	require.NoError(t, err)
	require.True(t, report.OK(), text(t, report))
	require.Equal(t, conformance.TrainableNo, report.Trainable)
	require.Contains(t, text(t, report), "Not trainable")
}

func TestAnAdapterOfItsOwnMustBeTaken(t *testing.T) {
	for name, c := range map[string]struct {
		adapter *assistantv1.Adapter
		ok      bool
	}{"invented": {nil, true}, "its own": {&assistantv1.Adapter{Id: "sha256:1"}, false}} {
		t.Run(name, func(t *testing.T) {
			server, _ := newDouble()
			server.use = func(context.Context, *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error) {
				return nil, status.Error(codes.InvalidArgument, "adapter: no weights")
			}
			report, err := conformance.Assistant(t.Context(), connect(t, server, true), conformance.Options{Adapter: c.adapter})
			require.NoError(t, err)
			require.Equal(t, c.ok, report.OK(), text(t, report))
			require.Equal(t, conformance.TrainableUnknown, report.Trainable)
		})
	}
}

func TestAnUnknownMethodSaysWhatToDo(t *testing.T) {
	server, good := newDouble()
	server.open = func(s opening) error {
		return good.open(&tapped{opening: s, recv: func(*assistantv1.OpenSessionRequest, error) (*assistantv1.OpenSessionRequest, error) {
			return nil, status.Error(codes.InvalidArgument, "method: found ar, want desk-break")
		}})
	}
	report, err := conformance.Assistant(t.Context(), connect(t, server, true), conformance.Options{})
	require.NoError(t, err)
	require.False(t, report.OK())
	require.Equal(t, []string{"session.open"}, with(report, conformance.Fail))
	require.Contains(t, text(t, report), "only its own methods")
}

func TestTheLimitLeavesAnIncompleteVerdict(t *testing.T) {
	server, good := newDouble()
	server.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		select {
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-time.After(100 * time.Millisecond):
			return good.recommend(ctx, r)
		}
	}
	began := time.Now()
	report, err := conformance.Assistant(t.Context(), connect(t, server, true), conformance.Options{Limit: 2 * time.Second})
	require.NoError(t, err)
	require.Less(t, time.Since(began), time.Minute)
	require.Equal(t, conformance.Incomplete, report.Verdict, text(t, report))
	require.False(t, report.OK())
	require.Empty(t, with(report, conformance.Fail), text(t, report))
}

func TestAServerThatNeverAnswersIsLeftInTime(t *testing.T) {
	server, _ := newDouble()
	server.open = func(s opening) error { <-s.Context().Done(); return io.ErrUnexpectedEOF }
	report, err := conformance.Assistant(t.Context(), connect(t, server, true), conformance.Options{Timeout: time.Second})
	require.NoError(t, err)
	require.Equal(t, conformance.DoesNotConform, report.Verdict)
	require.Contains(t, text(t, report), "DeadlineExceeded")
}

func TestNoReportWithoutAServer(t *testing.T) {
	server, _ := newDouble()
	server.forget = func(context.Context, *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
		return nil, status.Error(codes.Unavailable, "connection refused")
	}
	_, err := conformance.Assistant(t.Context(), connect(t, server, true), conformance.Options{Name: "127.0.0.1:1"})
	require.ErrorContains(t, err, "127.0.0.1:1 cannot be reached")
	require.Equal(t, codes.Unavailable, status.Code(errs.ToStatus(err)))

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	server, _ = newDouble()
	_, err = conformance.Assistant(cancelled, connect(t, server, true), conformance.Options{})
	require.ErrorIs(t, err, errs.ErrCanceled)
}

func TestImpossibleOptions(t *testing.T) {
	_, err := conformance.Assistant(t.Context(), nil, conformance.Options{Method: &simv1.Method{}, StepSeconds: 7, Steps: 2, Timeout: -1, Limit: -1})
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "method: ")
	for _, field := range []string{"step_seconds", "steps", "timeout", "limit"} {
		require.ErrorContains(t, err, field+": found")
	}
}

func TestJSONKeepsEveryCheck(t *testing.T) {
	server, _ := newDouble()
	report, err := conformance.Assistant(t.Context(), connect(t, server, true), conformance.Options{Name: "mine"})
	require.NoError(t, err)
	data, err := report.JSON()
	require.NoError(t, err)
	var back conformance.Report
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, report.Checks, back.Checks)
	require.Equal(t, conformance.Conforms, back.Verdict)
	require.Equal(t, "mine", back.Name)
	require.Equal(t, "samples", back.Scheme)
}
