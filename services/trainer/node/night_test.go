package node_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/artifact/artifacttest"
	"github.com/propersim/propersim/pkg/serve"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
	"github.com/propersim/propersim/services/trainer/node"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// onePair is a buffer with one pair.
type onePair struct {
	bufferv1.PreferenceBufferServiceClient
}

type sampled struct {
	grpc.ClientStream
	parts []*bufferv1.SampleResponse
}

func (s *sampled) Recv() (*bufferv1.SampleResponse, error) {
	if len(s.parts) == 0 {
		return nil, io.EOF
	}
	next := s.parts[0]
	s.parts = s.parts[1:]
	return next, nil
}

const pairsDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func (onePair) Sample(context.Context, *bufferv1.SampleRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[bufferv1.SampleResponse], error) {
	return &sampled{parts: []*bufferv1.SampleResponse{
		{Part: &bufferv1.SampleResponse_Header{Header: &bufferv1.SampleHeader{Count: 1, Digest: pairsDigest}}},
		{Part: &bufferv1.SampleResponse_Batch{Batch: &bufferv1.PairBatch{Pairs: []*bufferv1.PreferencePair{{RunId: "r"}}}}},
	}}, nil
}

// cluster is a coordinator with two nodes and no worker but the test.
type cluster struct {
	trainerv1.TrainerServiceClient
	workers trainerv1.WorkerServiceClient
	servers [2]*vllmtest.Server
	agents  [2]trainerv1.NodeServiceClient
	nodes   [2]*node.Agent
	trainer *trainer.Server
}

// late is a trainer that the nodes may call before it is there.
type late struct {
	trainerv1.TrainerServiceClient
	lists atomic.Int32 // calls of ListJobs
}

func (l *late) ListJobs(ctx context.Context, req *trainerv1.ListJobsRequest, opts ...grpc.CallOption) (*trainerv1.ListJobsResponse, error) {
	l.lists.Add(1)
	return l.TrainerServiceClient.ListJobs(ctx, req, opts...)
}

func startCluster(t *testing.T, cfg trainer.Config) *cluster {
	t.Helper()
	c, from := &cluster{}, &late{}
	var nodes trainer.Nodes
	for i := range c.servers {
		c.servers[i] = vllmtest.New("tiny")
		t.Cleanup(c.servers[i].Close)
		agent, err := node.New(node.Config{Dir: t.TempDir(), Upstream: c.servers[i].URL, Model: "tiny"}, from)
		require.NoError(t, err)
		c.nodes[i] = agent
		c.agents[i] = trainerv1.NewNodeServiceClient(serving(t, "node", agent))
		nodes = append(nodes, c.agents[i])
	}
	cfg.Loader = nodes
	s, err := trainer.New(cfg, onePair{})
	require.NoError(t, err)
	c.trainer = s
	conn := serving(t, "trainer", s)
	c.TrainerServiceClient, c.workers = trainerv1.NewTrainerServiceClient(conn), trainerv1.NewWorkerServiceClient(conn)
	from.TrainerServiceClient = c.TrainerServiceClient
	// Last: a coordinator that continues a night calls the agents, and they call it.
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, s.Close())
	})
	return c
}

var _ serve.Registrar = (*node.Agent)(nil)

// night submits a job and hands in an adapter for it.
func (c *cluster) night(t *testing.T, day int32, x float32) *trainerv1.Job {
	t.Helper()
	return c.nightWith(t, day, x, func(*trainerv1.CompleteJobHeader) {})
}

// nightWith is night with a header that edit has changed.
func (c *cluster) nightWith(t *testing.T, day int32, x float32, edit func(*trainerv1.CompleteJobHeader)) *trainerv1.Job {
	t.Helper()
	submitted := c.submit(t, day)
	held := lease(t, c.workers, 0)
	require.Equal(t, submitted.GetId(), held.GetJob().GetId())
	return handIn(t, c.workers, held, x, edit)
}

// submit submits the job of a night.
func (c *cluster) submit(t *testing.T, day int32) *trainerv1.Job {
	t.Helper()
	submitted, err := c.SubmitJob(t.Context(), &trainerv1.SubmitJobRequest{
		RunId: "ada", Day: day, Executor: trainerv1.Executor_EXECUTOR_WORKER, Hyperparameters: &trainerv1.Hyperparameters{
			Beta: 0.1, Epochs: 2, LearningRate: 5e-5, BatchSize: 4, Pairs: 200, Reference: trainerv1.Reference_REFERENCE_BASE,
			Lora: &trainerv1.Lora{Model: "tiny", Rank: 2, Alpha: 4, TargetModules: artifacttest.Modules},
		},
	})
	require.NoError(t, err)
	return submitted.GetJob()
}

// lease waits for a job as a worker does.
func lease(t *testing.T, workers trainerv1.WorkerServiceClient, wait time.Duration) *trainerv1.LeaseJobResponse {
	t.Helper()
	held, err := workers.LeaseJob(t.Context(), &trainerv1.LeaseJobRequest{
		Worker: "gpu", Lease: durationpb.New(time.Minute), Wait: durationpb.New(wait),
		Capabilities: &trainerv1.WorkerCapabilities{Policies: []string{artifact.LoraPolicy}, Model: "tiny", Quantization: "nf4", MaxRank: 16},
	})
	require.NoError(t, err)
	return held
}

// handIn reads the pairs of a leased job and hands in an adapter.
func handIn(t *testing.T, workers trainerv1.WorkerServiceClient, held *trainerv1.LeaseJobResponse, x float32, edit func(*trainerv1.CompleteJobHeader)) *trainerv1.Job {
	t.Helper()
	ctx := t.Context()
	pairs, err := workers.StreamPairs(ctx, &trainerv1.StreamPairsRequest{JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken()})
	require.NoError(t, err)
	for err == nil {
		_, err = pairs.Recv()
	}
	require.ErrorIs(t, err, io.EOF)

	_, files := artifacttest.Lora(t, "tiny", held.GetJob().GetDay(), 2, x)
	header := &trainerv1.CompleteJobHeader{
		JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Policy: artifact.LoraPolicy, Model: "tiny", DataDigest: pairsDigest,
		Metrics: &trainerv1.TrainingMetrics{Loss: 0.5, Accuracy: 0.9},
	}
	edit(header)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header.Files = append(header.Files, artifact.Describe(name, files[name]))
	}
	stream, err := workers.CompleteJob(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Header{Header: header}}))
	require.NoError(t, artifact.Chunks(header.GetFiles(), files, func(chunk *trainerv1.ArtifactChunk) error {
		return stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Chunk{Chunk: chunk}})
	}))
	resp, err := stream.CloseAndRecv()
	require.NoError(t, err)
	return resp.GetJob()
}

// end waits for a job to be final.
func (c *cluster) end(t *testing.T, id string) *trainerv1.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := c.WatchJob(ctx, &trainerv1.WatchJobRequest{Id: id})
	require.NoError(t, err)
	var job *trainerv1.Job
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return job
		}
		require.NoError(t, err)
		job = resp.GetJob()
	}
}

func TestANightEndsOnEveryNode(t *testing.T) {
	c := startCluster(t, trainer.Config{DSN: ":memory:", AdapterDir: t.TempDir()})
	done := c.end(t, c.night(t, 1, 0.5).GetId())
	require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, done.GetState(), done.GetReason())
	require.Equal(t, "d001-"+done.GetAdapter()[:16], done.GetServedModel(), "nothing of the run is in the name")
	for _, server := range c.servers {
		require.Equal(t, []string{done.GetServedModel()}, server.Loaded())
	}
}

func TestANodeThatIsDownDelaysTheNight(t *testing.T) {
	c := startCluster(t, trainer.Config{DSN: ":memory:", AdapterDir: t.TempDir()})
	c.servers[1].Fail(func(string) int { return 503 })
	job := c.night(t, 1, 0.5)
	require.Eventually(t, func() bool { return len(c.servers[0].Loads()) == 1 }, time.Minute, time.Millisecond)
	got, err := c.GetJob(t.Context(), &trainerv1.GetJobRequest{Id: job.GetId()})
	require.NoError(t, err)
	require.Equal(t, trainerv1.JobState_JOB_STATE_PUBLISHED, got.GetJob().GetState(), "loaded means on all nodes")
	c.servers[1].Fail(nil)
	require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, c.end(t, job.GetId()).GetState())
}

func TestAnAdapterWithoutEffectIsRejected(t *testing.T) {
	c := startCluster(t, trainer.Config{DSN: ":memory:", AdapterDir: t.TempDir()})
	first := c.end(t, c.night(t, 1, 0.5).GetId())
	for _, server := range c.servers[1:] { // on one node of two
		server.MakeInert(first.GetServedModel())
	}
	c.servers[1].Fail(func(path string) int {
		if path == "/v1/chat/completions" {
			return 503 // until the name of the next one is known
		}
		return 0
	})
	job := c.night(t, 2, 0.25)
	require.Eventually(t, func() bool { return len(c.servers[1].Loaded()) == 2 }, time.Minute, time.Millisecond)
	for _, name := range c.servers[1].Loaded() {
		c.servers[1].MakeInert(name)
	}
	c.servers[1].Fail(nil)
	done := c.end(t, job.GetId())
	require.Equal(t, trainerv1.JobState_JOB_STATE_REJECTED, done.GetState())
	require.Contains(t, done.GetReason(), "log-probabilities of the base")
}

// TestACoordinatorThatDiesWhileLoadingContinues stops the coordinator while a node
// is down, and starts it again.
func TestACoordinatorThatDiesWhileLoadingContinues(t *testing.T) {
	cfg := trainer.Config{DSN: filepath.Join(t.TempDir(), "trainer.db"), AdapterDir: t.TempDir()}
	var id string
	t.Run("before", func(t *testing.T) {
		c := startCluster(t, cfg)
		for _, server := range c.servers {
			server.Fail(func(string) int { return 503 })
		}
		id = c.night(t, 1, 0.5).GetId()
	})
	c := startCluster(t, cfg)
	done := c.end(t, id)
	require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, done.GetState(), done.GetReason())
	require.Equal(t, []string{done.GetServedModel()}, c.servers[0].Loaded())
}
