package assistant_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

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
	adapters  map[string]*published
	downloads int
}

// published is what the trainer streams of an adapter.
type published struct {
	parts []*trainerv1.DownloadAdapterResponse
	err   error // instead of the end
}

func (d *trainer) DownloadAdapter(_ context.Context, req *trainerv1.DownloadAdapterRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[trainerv1.DownloadAdapterResponse], error) {
	d.downloads++
	found, ok := d.adapters[req.GetId()]
	if !ok {
		return nil, fmt.Errorf("adapter %q: %w", req.GetId(), errs.ErrNotFound)
	}
	return &download{rest: found.parts, err: found.err}, nil
}

type download struct {
	grpc.ClientStream
	rest []*trainerv1.DownloadAdapterResponse
	err  error
}

func (d *download) Recv() (*trainerv1.DownloadAdapterResponse, error) {
	if len(d.rest) == 0 {
		if d.err != nil {
			return nil, d.err
		}
		return nil, io.EOF
	}
	next := d.rest[0]
	d.rest = d.rest[1:]
	return next, nil
}

// publish cuts files into chunks of some bytes, as the trainer does.
func publish(id string, weights []byte, chunk int) *published {
	file := func(name string, content []byte) *trainerv1.ArtifactFile {
		sum := sha256.Sum256(content)
		return &trainerv1.ArtifactFile{Name: name, Size: int64(len(content)), Sha256: hex.EncodeToString(sum[:])}
	}
	config := []byte(`{"peft_type":"none"}`)
	out := &published{parts: []*trainerv1.DownloadAdapterResponse{{Part: &trainerv1.DownloadAdapterResponse_Manifest{Manifest: &trainerv1.Manifest{
		Id: id, Policy: policy.Name, Files: []*trainerv1.ArtifactFile{file("adapter_config.json", config), file("adapter_model.safetensors", weights)},
	}}}}}
	add := func(name string, content []byte) {
		for from := 0; from < len(content); from += chunk {
			out.parts = append(out.parts, &trainerv1.DownloadAdapterResponse{Part: &trainerv1.DownloadAdapterResponse_Chunk{Chunk: &trainerv1.ArtifactChunk{
				File: name, Offset: int64(from), Data: content[from:min(from+chunk, len(content))],
			}}})
		}
	}
	add("adapter_config.json", config)
	add("adapter_model.safetensors", weights)
	return out
}

func (p *published) manifest() *trainerv1.Manifest { return p.parts[0].GetManifest() }

func TestADamagedAdapterIsRefused(t *testing.T) {
	file := weights(t)
	other := publish("b", file, 1000)
	for name, test := range map[string]struct {
		spoil func(*published)
		want  error
	}{
		"of another id":             {func(p *published) { p.manifest().Id = "b" }, errs.ErrDataLoss},
		"without manifest":          {func(p *published) { p.parts = p.parts[1:] }, errs.ErrDataLoss},
		"of another policy":         {func(p *published) { p.manifest().Policy = "lora/1" }, errs.ErrInvalid},
		"without weights":           {func(p *published) { p.manifest().Files = p.manifest().GetFiles()[:1] }, errs.ErrInvalid},
		"too large":                 {func(p *published) { p.manifest().Files[1].Size = 1 << 40 }, errs.ErrInvalid},
		"a negative size":           {func(p *published) { p.manifest().Files[1].Size = -1 }, errs.ErrInvalid},
		"with another digest":       {func(p *published) { p.manifest().Files[1].Sha256 = p.manifest().GetFiles()[0].GetSha256() }, errs.ErrDataLoss},
		"that ends early":           {func(p *published) { p.parts = p.parts[:len(p.parts)-1] }, errs.ErrDataLoss},
		"with a chunk missing":      {func(p *published) { p.parts = append(p.parts[:3:3], p.parts[4:]...) }, errs.ErrDataLoss},
		"with a chunk twice":        {func(p *published) { p.parts = append(p.parts[:3:3], p.parts[2:]...) }, errs.ErrDataLoss},
		"with a chunk too many":     {func(p *published) { p.parts = append(p.parts, other.parts[len(other.parts)-1]) }, errs.ErrDataLoss},
		"with an empty chunk":       {func(p *published) { p.parts[2].GetChunk().Data = nil }, errs.ErrDataLoss},
		"from a trainer that fails": {func(p *published) { p.parts, p.err = p.parts[:3], fmt.Errorf("disk: %w", errs.ErrUnavailable) }, errs.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			bad := publish("a", file, 1000)
			test.spoil(bad)
			client := dialWith(t, assistant.Config{}, newRetrieval(), &trainer{adapters: map[string]*published{"a": bad}})
			_, err := open(t, client, start("proper"))
			require.NoError(t, err)
			_, err = client.UseAdapter(t.Context(), &assistantv1.UseAdapterRequest{RunId: "run", Adapter: &assistantv1.Adapter{Id: "a"}})
			require.ErrorIs(t, errs.FromStatus(err), test.want)
			response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 200, LastStep: -1, Observation: &simv1.Observation{Kind: "reading"}, Candidates: 1})
			require.NoError(t, err)
			require.Empty(t, response.GetAdapter(), "the base policy stays in force")
		})
	}
}

// TestAnAdapterIsDownloadedOnce opens two runs with the same adapter, and one of
// them again.
func TestAnAdapterIsDownloadedOnce(t *testing.T) {
	has := &trainer{adapters: map[string]*published{"a": publish("a", weights(t), 1000)}}
	client := dialWith(t, assistant.Config{}, newRetrieval(), has)
	for _, run := range []string{"one", "two", "one"} {
		opening := start("proper")
		opening.RunId, opening.Adapter = run, &assistantv1.Adapter{Id: "a"}
		_, err := open(t, client, opening)
		require.NoError(t, err)
	}
	require.Equal(t, 1, has.downloads)
}
