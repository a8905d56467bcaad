package conformance_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/conformance"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/serve"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/assistant"
	"github.com/propersim/propersim/services/environment/method"
	"github.com/propersim/propersim/services/retrieval"
)

// offered serves a service in memory, as the binary does, and connects to it.
func offered(t *testing.T, name string, service serve.Registrar) serve.Conn {
	t.Helper()
	server, err := serve.New(serve.Config{Name: name}, service)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	conn, err := server.Dial()
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// trainer has one adapter: the weights of the base policy.
type trainer struct {
	trainerv1.TrainerServiceClient
	parts []*trainerv1.DownloadAdapterResponse
	id    string
}

func newTrainer(t *testing.T) *trainer {
	t.Helper()
	weights := policy.Base().Weights()
	m := &trainerv1.Manifest{Policy: policy.Name, Files: []*trainerv1.ArtifactFile{artifact.Describe(artifact.ModelFile, weights)}}
	id, err := artifact.ID(m)
	require.NoError(t, err)
	m.Id = id
	chunk := &trainerv1.ArtifactChunk{File: artifact.ModelFile, Data: weights}
	return &trainer{id: id, parts: []*trainerv1.DownloadAdapterResponse{
		{Part: &trainerv1.DownloadAdapterResponse_Manifest{Manifest: m}}, {Part: &trainerv1.DownloadAdapterResponse_Chunk{Chunk: chunk}},
	}}
}

func (d *trainer) DownloadAdapter(_ context.Context, req *trainerv1.DownloadAdapterRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[trainerv1.DownloadAdapterResponse], error) {
	if req.GetId() != d.id {
		return nil, fmt.Errorf("adapter %q: %w", req.GetId(), errs.ErrNotFound)
	}
	return &download{rest: d.parts}, nil
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

// TestOurAssistantConforms checks every method that the program brings, as a
// deterministic server and with its similar moments, with and without an adapter.
func TestOurAssistantConforms(t *testing.T) {
	moments, err := retrieval.New(retrieval.Config{})
	require.NoError(t, err)
	adapters := newTrainer(t)
	ours, err := assistant.New(assistant.Config{}, retrievalv1.NewRetrievalServiceClient(offered(t, "retrieval", moments)), adapters)
	require.NoError(t, err)
	client := assistantv1.NewAssistantServiceClient(offered(t, "assistant", ours))
	check := func(opts conformance.Options) conformance.Trainable {
		opts.Deterministic, opts.Seed = true, 7
		report, err := conformance.Assistant(t.Context(), client, opts)
		require.NoError(t, err)
		require.True(t, report.OK(), text(t, report))
		require.Empty(t, with(report, conformance.Warn), text(t, report))
		return report.Trainable
	}
	for _, m := range method.All() {
		t.Run(m.GetName(), func(t *testing.T) {
			opts := conformance.Options{Method: m}
			switch m.GetTold() {
			case simv1.Told_TOLD_RATE:
				opts.ToldRate = 1
			case simv1.Told_TOLD_SPEC:
				opts.ToldSpec = wishes()
			}
			check(opts)
			if m.GetTrains() {
				opts.Adapter = &assistantv1.Adapter{Id: adapters.id}
				require.Equal(t, conformance.TrainableYes, check(opts))
			}
		})
	}
}

// wishes returns the preferences of a user who likes a book tip in the evening.
func wishes() *simv1.PreferenceSpec {
	return &simv1.PreferenceSpec{
		Frequency: &simv1.FrequencySpec{
			AtLeast: []*simv1.FrequencyBound{{Count: 2, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}},
			AtMost:  []*simv1.FrequencyBound{{Count: 4, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}},
		},
		Timing:        &simv1.TimingSpec{Receptive: []*simv1.MomentPattern{{Clock: &simv1.ClockInterval{FromMinute: 1080, ToMinute: 1320}}}},
		Content:       &simv1.ContentSpec{Liked: []*simv1.ContentRule{{Topics: []string{"books"}}}},
		Communication: &simv1.CommunicationSpec{Tones: []string{"calm"}},
	}
}
