package output

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/propersim/propersim/internal/outfile"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

// Pairs writes the preference pairs of runs to a file, as the buffer exports
// them. It returns how many pairs there were.
func Pairs(ctx context.Context, buffer bufferv1.PreferenceBufferServiceClient, runs []string, format bufferv1.ExportFormat, path string) (int64, error) {
	count := int64(0)
	for _, run := range runs {
		got, err := buffer.Count(ctx, &bufferv1.CountRequest{RunId: run})
		if err != nil {
			return 0, fmt.Errorf("export: %w", err)
		}
		count += got.GetCount()
	}
	return count, outfile.Replace(path, 0o644, func(w io.Writer) error { return exportPairs(ctx, buffer, runs, format, w) })
}

func exportPairs(ctx context.Context, buffer bufferv1.PreferenceBufferServiceClient, runs []string, format bufferv1.ExportFormat, w io.Writer) error {
	if len(runs) == 0 {
		return nil
	}
	stream, err := buffer.Export(ctx, &bufferv1.ExportRequest{RunIds: runs, Format: format})
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
