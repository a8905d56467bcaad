package loglinear_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/assistant/loglinear"
	"github.com/propersim/propersim/services/assistant/policytest"
)

// trainer has one adapter: the base policy's own weights.
type trainer struct {
	trainerv1.TrainerServiceClient
	manifest *trainerv1.Manifest
	weights  []byte
}

func newTrainer(t *testing.T) *trainer {
	weights := policy.Base().Weights()
	m := &trainerv1.Manifest{Policy: policy.Name, Files: []*trainerv1.ArtifactFile{artifact.Describe(artifact.ModelFile, weights)}}
	id, err := artifact.ID(m)
	require.NoError(t, err)
	m.Id = id
	return &trainer{manifest: m, weights: weights}
}

func (d *trainer) DownloadAdapter(context.Context, *trainerv1.DownloadAdapterRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[trainerv1.DownloadAdapterResponse], error) {
	chunk := &trainerv1.ArtifactChunk{File: artifact.ModelFile, Data: d.weights}
	return &download{rest: []*trainerv1.DownloadAdapterResponse{
		{Part: &trainerv1.DownloadAdapterResponse_Manifest{Manifest: d.manifest}}, {Part: &trainerv1.DownloadAdapterResponse_Chunk{Chunk: chunk}},
	}}, nil
}

type download struct {
	grpc.ClientStream
	rest []*trainerv1.DownloadAdapterResponse
}

func (d *download) Recv() (*trainerv1.DownloadAdapterResponse, error) {
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	next := d.rest[0]
	d.rest = d.rest[1:]
	return next, nil
}

func TestItConforms(t *testing.T) {
	policytest.Run(t, func(t *testing.T) *policytest.Subject {
		from := newTrainer(t)
		p, err := loglinear.New(from)
		require.NoError(t, err)
		return &policytest.Subject{Policy: p, Fits: &assistantv1.Adapter{Id: from.manifest.GetId()}, Seeded: true}
	})
}

func TestItNeedsATrainer(t *testing.T) {
	_, err := loglinear.New(nil)
	require.ErrorIs(t, err, errs.ErrInvalid)
}
