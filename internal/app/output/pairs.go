package output

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/analysis/figures"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Written says what a file of preference pairs has.
type Written struct {
	// Pairs is how many pairs the file has.
	Pairs int64 `json:"written"`
	// WithoutPrompt is how many pairs were left out because no policy was given a
	// prompt for them, by method; nil for none. Nothing can be trained on them.
	WithoutPrompt map[string]int64 `json:"without_prompt,omitempty"`
}

// Pairs writes the preference pairs of runs to a file, as the buffer exports
// them. A pair of a step that several of the runs share, such as a fork and its
// parent, is written once, for the run that comes first: the file is one training
// set. all are the runs among which the ancestors of forks are found.
func Pairs(ctx context.Context, buffer bufferv1.PreferenceBufferServiceClient, runs, all []*environmentv1.Run, format bufferv1.ExportFormat, path string) (Written, error) {
	req := &bufferv1.ExportRequest{Format: format, AfterSteps: Shared(runs, all)}
	for _, run := range runs {
		req.RunIds = append(req.RunIds, run.GetId())
	}
	var end *bufferv1.ExportResponse
	err := outfile.Replace(path, 0o644, func(w io.Writer) (err error) {
		end, err = exportPairs(ctx, buffer, req, w)
		return err
	})
	if err != nil {
		return Written{}, err
	}
	out := Written{Pairs: end.GetWritten()}
	for _, run := range runs {
		if n := end.GetWithoutPrompt()[run.GetId()]; n > 0 {
			if out.WithoutPrompt == nil {
				out.WithoutPrompt = make(map[string]int64)
			}
			out.WithoutPrompt[figures.MethodName(run)] += n
		}
	}
	return out, nil
}

// exportPairs writes the file and returns the last response.
func exportPairs(ctx context.Context, buffer bufferv1.PreferenceBufferServiceClient, req *bufferv1.ExportRequest, w io.Writer) (end *bufferv1.ExportResponse, err error) {
	if len(req.GetRunIds()) == 0 {
		return nil, nil
	}
	stream, err := buffer.Export(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		if _, err := w.Write(piece.GetChunk()); err != nil {
			return nil, err
		}
		end = piece
	}
}
