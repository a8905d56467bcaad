package assistant_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/assistant"
)

// trainer is a trainer service that has adapters, as a client.
type trainer struct {
	trainerv1.TrainerServiceClient
	adapters  map[string][]*trainerv1.DownloadAdapterResponse // by id
	downloads int
}

func (d *trainer) DownloadAdapter(_ context.Context, req *trainerv1.DownloadAdapterRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[trainerv1.DownloadAdapterResponse], error) {
	d.downloads++
	found, ok := d.adapters[req.GetId()]
	if !ok {
		return nil, fmt.Errorf("adapter %q: %w", req.GetId(), errs.ErrNotFound)
	}
	return &download{rest: found}, nil
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

// publish adds an adapter with some weights and returns its id.
func (d *trainer) publish(t testing.TB, kind string, weights []byte) string {
	m := &trainerv1.Manifest{Policy: kind, Files: []*trainerv1.ArtifactFile{artifact.Describe(artifact.ModelFile, weights)}}
	id, err := artifact.ID(m)
	require.NoError(t, err)
	m.Id = id
	parts := []*trainerv1.DownloadAdapterResponse{{Part: &trainerv1.DownloadAdapterResponse_Manifest{Manifest: m}}}
	require.NoError(t, artifact.Chunks(m.GetFiles(), map[string][]byte{artifact.ModelFile: weights}, func(c *trainerv1.ArtifactChunk) error {
		parts = append(parts, &trainerv1.DownloadAdapterResponse{Part: &trainerv1.DownloadAdapterResponse_Chunk{Chunk: c}})
		return nil
	}))
	if d.adapters == nil {
		d.adapters = map[string][]*trainerv1.DownloadAdapterResponse{}
	}
	d.adapters[id] = parts
	return id
}

// TestADamagedAdapterIsRefused uses adapters that do not match their id or the
// policy: they change nothing.
func TestADamagedAdapterIsRefused(t *testing.T) {
	has, file := &trainer{}, weights(t)
	ids := map[string]error{
		has.publish(t, "lora/1", file):          errs.ErrInvalid,
		has.publish(t, policy.Name, file[:100]): errs.ErrInvalid,
		strings.Repeat("0", 64):                 errs.ErrNotFound,
	}
	short := has.publish(t, policy.Name, file)
	has.adapters[short][1].GetChunk().Data = file[:len(file)-1]
	ids[short] = errs.ErrDataLoss
	client := dialWith(t, assistant.Config{}, newRetrieval(), has)
	_, err := open(t, client, start("proper"))
	require.NoError(t, err)
	for id, want := range ids {
		_, err = client.UseAdapter(t.Context(), &assistantv1.UseAdapterRequest{RunId: "run", Adapter: &assistantv1.Adapter{Id: id}})
		require.ErrorIs(t, errs.FromStatus(err), want, id)
		response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 200, LastStep: -1, Observation: &simv1.Observation{Kind: "reading"}, Candidates: 1})
		require.NoError(t, err)
		require.Empty(t, response.GetAdapter(), "the base policy stays in force")
	}
}

// TestAnAdapterIsDownloadedOnce opens two runs with the same adapter, and one of
// them again.
func TestAnAdapterIsDownloadedOnce(t *testing.T) {
	has := &trainer{}
	id := has.publish(t, policy.Name, weights(t))
	client := dialWith(t, assistant.Config{}, newRetrieval(), has)
	for _, run := range []string{"one", "two", "one"} {
		opening := start("proper")
		opening.RunId, opening.Adapter = run, &assistantv1.Adapter{Id: id}
		_, err := open(t, client, opening)
		require.NoError(t, err)
	}
	require.Equal(t, 1, has.downloads)
}
