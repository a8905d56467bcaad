package output

import (
	"context"
	"errors"
	"fmt"
	"io"

	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

// Pairs writes the preference pairs of runs to a file, as the buffer exports
// them.
func Pairs(ctx context.Context, buffer bufferv1.PreferenceBufferServiceClient, runs []string, format bufferv1.ExportFormat, path string) error {
	return Replace(path, func(w io.Writer) error {
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
	})
}
