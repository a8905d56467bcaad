package output

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/propersim/propersim/internal/outfile"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Pairs writes the preference pairs of runs to a file, as the buffer exports
// them. A pair of a step that several of the runs share, such as a fork and its
// parent, is written once, for the run that comes first: the file is one training
// set. all are the runs among which the ancestors of forks are found. It returns how
// many pairs the runs have.
func Pairs(ctx context.Context, buffer bufferv1.PreferenceBufferServiceClient, runs, all []*environmentv1.Run, format bufferv1.ExportFormat, path string) (int64, error) {
	req := &bufferv1.ExportRequest{Format: format, AfterSteps: Shared(runs, all)}
	count := int64(0)
	for _, run := range runs {
		got, err := buffer.Count(ctx, &bufferv1.CountRequest{RunId: run.GetId()})
		if err != nil {
			return 0, fmt.Errorf("export: %w", err)
		}
		count += got.GetCount()
		req.RunIds = append(req.RunIds, run.GetId())
	}
	return count, outfile.Replace(path, 0o644, func(w io.Writer) error { return exportPairs(ctx, buffer, req, w) })
}

func exportPairs(ctx context.Context, buffer bufferv1.PreferenceBufferServiceClient, req *bufferv1.ExportRequest, w io.Writer) error {
	if len(req.GetRunIds()) == 0 {
		return nil
	}
	stream, err := buffer.Export(ctx, req)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if _, err := w.Write(piece.GetChunk()); err != nil {
			return err
		}
	}
}
