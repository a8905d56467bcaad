package doctor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// gpuNode is a node and a trainer that answer what a test wants.
type gpuNode struct {
	trainerv1.UnimplementedNodeServiceServer
	trainerv1.UnimplementedWorkerServiceServer
	node    *trainerv1.ListAdaptersResponse
	workers []*trainerv1.Worker
}

func (g *gpuNode) Register(r grpc.ServiceRegistrar) {
	trainerv1.RegisterNodeServiceServer(r, g)
	trainerv1.RegisterWorkerServiceServer(r, g)
}

func (g *gpuNode) ListAdapters(context.Context, *trainerv1.ListAdaptersRequest) (*trainerv1.ListAdaptersResponse, error) {
	return g.node, nil
}

func (g *gpuNode) ListWorkers(context.Context, *trainerv1.ListWorkersRequest) (*trainerv1.ListWorkersResponse, error) {
	return &trainerv1.ListWorkersResponse{Workers: g.workers}, nil
}

// look returns what doctor gpu finds about the node and the workers.
func (g *gpuNode) look(t *testing.T) (node, workers Finding) {
	t.Helper()
	server, err := serve.New(serve.Config{Name: "node", Address: "127.0.0.1:0"}, g)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	c := config.Default()
	c.Connect.Trainer, c.Nodes = server.Addr(), server.Addr()
	c.Models.Roles[model.Assistant].Model = "llama"
	for _, f := range LookGPU(t.Context(), &c, GPU{Base: t.TempDir()}) {
		switch f.Check {
		case "node " + server.Addr():
			node = f
		case "workers":
			workers = f
		}
	}
	return node, workers
}

func TestANodeIsAskedWhatItDoes(t *testing.T) {
	for name, want := range map[string]struct {
		said   *trainerv1.ListAdaptersResponse
		status Status
		words  string
	}{
		"serves":        {&trainerv1.ListAdaptersResponse{Model: "llama", State: trainerv1.NodeState_NODE_STATE_SERVING, Adapters: []*trainerv1.LoadedAdapter{{Loaded: true}, {}}}, OK, "serves llama, 1 of 2 adapters"},
		"starts":        {&trainerv1.ListAdaptersResponse{Model: "llama", State: trainerv1.NodeState_NODE_STATE_STARTING, Fault: "connection refused"}, Warn, "connection refused"},
		"trains":        {&trainerv1.ListAdaptersResponse{Model: "llama", State: trainerv1.NodeState_NODE_STATE_TRAINING}, OK, "runs wait"},
		"fails":         {&trainerv1.ListAdaptersResponse{Model: "llama", State: trainerv1.NodeState_NODE_STATE_SERVING, Fault: "connection refused"}, Bad, "its model server fails: connection refused"},
		"another model": {&trainerv1.ListAdaptersResponse{Model: "qwen", State: trainerv1.NodeState_NODE_STATE_SERVING}, Bad, `models.roles.assistant.model is "llama"`},
	} {
		found, _ := (&gpuNode{node: want.said}).look(t)
		require.Equal(t, want.status, found.Status, "%s: %s", name, found.Detail)
		require.Contains(t, found.Detail, want.words, name)
	}
}

func TestWorkersAreThoseThatCanTrain(t *testing.T) {
	worker := func(change func(*trainerv1.Worker)) *trainerv1.Worker {
		w := &trainerv1.Worker{
			Name: "gpu-1", LastSeen: timestamppb.New(time.Now()),
			Capabilities: &trainerv1.WorkerCapabilities{Model: "llama", Quantization: "nf4", MaxRank: 16},
		}
		change(w)
		return w
	}
	serving := func(trains bool) *trainerv1.ListAdaptersResponse {
		return &trainerv1.ListAdaptersResponse{Model: "llama", State: trainerv1.NodeState_NODE_STATE_SERVING, WillTrain: trains}
	}
	for name, want := range map[string]struct {
		workers []*trainerv1.Worker
		turns   bool
		status  Status
		words   string
	}{
		"one":                  {[]*trainerv1.Worker{worker(func(*trainerv1.Worker) {})}, false, OK, "gpu-1 (llama in nf4, rank up to 16) called"},
		"none":                 {nil, false, Bad, "no worker has asked"},
		"of a node":            {nil, true, OK, "starts when its model server is idle"},
		"another model":        {[]*trainerv1.Worker{worker(func(w *trainerv1.Worker) { w.Capabilities.Model = "qwen" })}, false, Bad, `models.roles.assistant.model is "llama"`},
		"another quantization": {[]*trainerv1.Worker{worker(func(w *trainerv1.Worker) { w.Capabilities.Quantization = "none" })}, false, Bad, `trainer.lora.quantization is "nf4"`},
		"a lower rank":         {[]*trainerv1.Worker{worker(func(w *trainerv1.Worker) { w.Capabilities.MaxRank = 8 })}, false, Bad, "trainer.lora.rank is 16"},
		"gone":                 {[]*trainerv1.Worker{worker(func(w *trainerv1.Worker) { w.LastSeen = timestamppb.New(time.Now().Add(-2 * time.Hour)) })}, false, Bad, "over an hour"},
	} {
		_, found := (&gpuNode{node: serving(want.turns), workers: want.workers}).look(t)
		require.Equal(t, want.status, found.Status, "%s: %s", name, found.Detail)
		require.Contains(t, found.Detail, want.words, name)
	}
}
