package buffer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	"github.com/propersim/propersim/services/buffer"
)

func export(t *testing.T, client bufferv1.PreferenceBufferServiceClient, format bufferv1.ExportFormat, runs ...string) []byte {
	t.Helper()
	file, _ := received(t, client, &bufferv1.ExportRequest{RunIds: runs, Format: format})
	return file
}

// received returns the file of an export and the last response, which has the counts.
func received(t *testing.T, client bufferv1.PreferenceBufferServiceClient, req *bufferv1.ExportRequest) (file []byte, last *bufferv1.ExportResponse) {
	t.Helper()
	stream, err := client.Export(t.Context(), req)
	require.NoError(t, err)
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return file, last
		}
		require.NoError(t, err)
		file, last = append(file, resp.GetChunk()...), resp
	}
}

func TestExportIsTRLsConversationalPreferenceFormat(t *testing.T) {
	client, _ := start(t, ":memory:")
	appendAll(t, client, pair("a", 7))
	line := export(t, client, bufferv1.ExportFormat_EXPORT_FORMAT_JSONL, "a")
	require.JSONEq(t, `{
		"prompt": [
			{"role": "system", "content": "You may speak or stay silent."},
			{"role": "user", "content": "Step 7: \"reading\" <on> the sofa"}
		],
		"chosen": [{"role": "assistant", "content": "{\"action\":\"abstain\"}"}],
		"rejected": [{"role": "assistant", "content": "{\"action\":\"recommend\",\"topic\":\"tea\",\"tone\":\"warm\",\"text\":\"Tea?\"}"}],
		"score_chosen": 4, "score_rejected": 3,
		"run_id": "a", "step": 7, "index": 0, "day": 1, "adapter": "base"
	}`, string(line))
	require.Contains(t, string(line), "<on>", "no escapes for web pages")
}

func TestBothFormatsHoldTheSameRows(t *testing.T) {
	client, _ := start(t, ":memory:")
	for from := int32(0); from < 5000; from += 1000 {
		appendAll(t, client, pairsOf("a", from, from+1000)...)
	}
	appendAll(t, client, pairsOf("b", 3, 6)...)

	var lines []buffer.Row
	scanner := bufio.NewScanner(bytes.NewReader(export(t, client, bufferv1.ExportFormat_EXPORT_FORMAT_JSONL, "b", "a")))
	for scanner.Scan() {
		var row buffer.Row
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&row))
		lines = append(lines, row)
	}
	require.Len(t, lines, 5003)
	require.Equal(t, "b", lines[0].RunID, "runs in the order asked for")
	require.EqualValues(t, 4999, lines[5002].Step)

	file := export(t, client, bufferv1.ExportFormat_EXPORT_FORMAT_PARQUET, "b", "a")
	rows, err := parquet.Read[buffer.Row](bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	require.Equal(t, lines, rows)
}

func TestAnExportLeavesOutTheStepsOfAnotherRun(t *testing.T) {
	client, _ := start(t, ":memory:")
	appendAll(t, client, pairsOf("a", 0, 6)...)
	appendAll(t, client, pairsOf("fork", 0, 9)...)
	lines, _ := received(t, client, &bufferv1.ExportRequest{
		RunIds: []string{"a", "fork"}, Format: bufferv1.ExportFormat_EXPORT_FORMAT_JSONL, AfterSteps: map[string]int32{"fork": 3},
	})
	require.Equal(t, 6+5, bytes.Count(lines, []byte("\n")))
	require.Contains(t, string(lines), `"run_id":"fork","step":4`)
	require.NotContains(t, string(lines), `"run_id":"fork","step":3`)
}

// TestAnExportLeavesOutPairsWithoutAPrompt: nothing can be trained on them. The last
// response says how many they are.
func TestAnExportLeavesOutPairsWithoutAPrompt(t *testing.T) {
	client, _ := start(t, ":memory:")
	without := pairsOf("constant", 0, 3)
	for _, p := range without[:2] {
		p.Prompt = nil
	}
	appendAll(t, client, without...)
	appendAll(t, client, pairsOf("a", 0, 4)...)
	lines, last := received(t, client, &bufferv1.ExportRequest{RunIds: []string{"constant", "a"}, Format: bufferv1.ExportFormat_EXPORT_FORMAT_JSONL})
	require.Equal(t, 1+4, bytes.Count(lines, []byte("\n")))
	require.NotContains(t, string(lines), `"prompt":[]`)
	require.EqualValues(t, 5, last.GetWritten())
	require.Equal(t, map[string]int64{"constant": 2}, last.GetWithoutPrompt())
}

func TestAnExportOfNothingIsAValidFile(t *testing.T) {
	client, _ := start(t, ":memory:")
	require.Empty(t, export(t, client, bufferv1.ExportFormat_EXPORT_FORMAT_JSONL, "nobody"))
	file := export(t, client, bufferv1.ExportFormat_EXPORT_FORMAT_PARQUET, "nobody")
	rows, err := parquet.Read[buffer.Row](bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	client, _ := start(t, ":memory:")
	stream, err := client.Export(context.Background(), &bufferv1.ExportRequest{RunIds: []string{"a"}})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.ErrorIs(t, err, errs.ErrInvalid)
}
