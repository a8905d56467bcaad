package buffer_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store/storetest"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	"github.com/propersim/propersim/services/buffer"
)

func TestAppendIsIdempotentByRunAndStep(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "buffer") {
		t.Run(name, func(t *testing.T) {
			client, _ := start(t, dsn)
			require.Equal(t, 40, appendAll(t, client, pairsOf("a", 0, 40)...))
			require.Equal(t, 0, appendAll(t, client, pairsOf("a", 5, 25)...), "a repeat is a no-op")
			require.Equal(t, 5, appendAll(t, client, pairsOf("a", 35, 45)...), "what is new is stored")
			require.Equal(t, 2, appendAll(t, client, pair("b", 7), pair("a", 90), pair("a", 90), pair("b", 7)), "repeats within one request")

			count, err := client.Count(context.Background(), &bufferv1.CountRequest{RunId: "a"})
			require.NoError(t, err)
			require.EqualValues(t, 46, count.GetCount())
			require.EqualValues(t, 90, count.GetLastStep())
			count, err = client.Count(context.Background(), &bufferv1.CountRequest{RunId: "nobody"})
			require.NoError(t, err)
			require.EqualValues(t, 0, count.GetCount())
			require.EqualValues(t, -1, count.GetLastStep())
		})
	}
}

func TestAConflictStoresNothing(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "buffer") {
		t.Run(name, func(t *testing.T) {
			client, _ := start(t, dsn)
			appendAll(t, client, pairsOf("ada-proper", 0, 10)...)
			other := pair("ada-proper", 4)
			other.Adapter = "another"
			_, err := client.Append(context.Background(), &bufferv1.AppendRequest{Pairs: append(pairsOf("ada-proper", 10, 40), other)})
			require.ErrorIs(t, err, errs.ErrExists)
			require.ErrorContains(t, err, `"ada-proper"`)
			require.ErrorContains(t, err, "step 4")

			within := pair("ada-proper", 50)
			within.Adapter = "another"
			_, err = client.Append(context.Background(), &bufferv1.AppendRequest{Pairs: []*bufferv1.PreferencePair{pair("ada-proper", 50), within}})
			require.ErrorIs(t, err, errs.ErrExists, "within one request")
			require.Len(t, list(t, client, "ada-proper", -1), 10, "all or none")
		})
	}
}

func TestAPairMustShowAPreference(t *testing.T) {
	client, _ := start(t, ":memory:")
	tests := map[string]struct {
		change func(*bufferv1.PreferencePair)
		field  string
	}{
		"a tie":              {func(p *bufferv1.PreferencePair) { p.RejectedEvaluation.Total = new(int32(4)) }, "pairs[1].chosen_evaluation.total"},
		"the wrong way":      {func(p *bufferv1.PreferencePair) { p.ChosenEvaluation.Total = new(int32(0)) }, "pairs[1].chosen_evaluation.total"},
		"unjudged, chosen":   {func(p *bufferv1.PreferencePair) { p.ChosenEvaluation.Total = nil }, "pairs[1].chosen_evaluation.total"},
		"unjudged, rejected": {func(p *bufferv1.PreferencePair) { p.RejectedEvaluation.Total = nil }, "pairs[1].rejected_evaluation.total"},
		"no candidate":       {func(p *bufferv1.PreferencePair) { p.Chosen = nil }, "pairs[1].chosen"},
		"no run":             {func(p *bufferv1.PreferencePair) { p.RunId = "" }, "pairs[1].run_id"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bad := pair("a", 3)
			test.change(bad)
			_, err := client.Append(context.Background(), &bufferv1.AppendRequest{Pairs: []*bufferv1.PreferencePair{pair("a", 1), bad}})
			var faults errs.Violations
			require.True(t, errors.As(err, &faults), "%v", err)
			require.Equal(t, test.field, faults[0].Field)
			require.Empty(t, list(t, client, "a", -1))
		})
	}
}

func TestListIsInOrderOfSteps(t *testing.T) {
	client, _ := start(t, ":memory:")
	appendAll(t, client, pairsOf("a", 300, 900)...)
	appendAll(t, client, pairsOf("a", 0, 300)...)
	appendAll(t, client, pairsOf("b", 0, 10)...)
	all := list(t, client, "a", -1)
	require.Len(t, all, 900)
	for i, p := range all {
		require.True(t, proto.Equal(pair("a", int32(i)), p))
	}
	require.Len(t, list(t, client, "a", 255), 644)
	require.Empty(t, list(t, client, "a", 899))
	require.Empty(t, list(t, client, "nobody", -1))
}

func TestPairsOutliveTheProcess(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "deep", "buffer.db")
	client, stop := start(t, dsn)
	appendAll(t, client, pairsOf("a", 0, 30)...)
	before := sample(t, client, "a", 12, 5, 3)
	stop()
	client, _ = start(t, dsn)
	require.Len(t, list(t, client, "a", -1), 30)
	requireSame(t, before, sample(t, client, "a", 12, 5, 3))
}

func list(t testing.TB, client bufferv1.PreferenceBufferServiceClient, run string, after int32) []*bufferv1.PreferencePair {
	t.Helper()
	stream, err := client.List(context.Background(), &bufferv1.ListRequest{RunId: run, AfterStep: after})
	require.NoError(t, err)
	var out []*bufferv1.PreferencePair
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, resp.GetPair())
	}
}

func TestAReadOnlyBufferDrawsAndStoresNothing(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "buffer.db")
	_, err := buffer.New(buffer.Config{DSN: dsn, ReadOnly: true})
	require.ErrorIs(t, err, errs.ErrNotFound)
	writer, _ := start(t, dsn)
	appendAll(t, writer, pairsOf("a", 0, 10)...)
	reader, _ := startWith(t, buffer.Config{DSN: dsn, ReadOnly: true})
	require.Equal(t, list(t, writer, "a", -1), list(t, reader, "a", -1))
	_, err = reader.Append(context.Background(), &bufferv1.AppendRequest{Pairs: pairsOf("a", 10, 12)})
	require.ErrorIs(t, err, errs.ErrDenied)
	require.Len(t, list(t, writer, "a", -1), 10)
}
