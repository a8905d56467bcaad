package trainer_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/serve"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// drawn is a whole draw of pairs.
type drawn struct {
	digest string
	pairs  []*bufferv1.PreferencePair
}

// fakeBuffer is a buffer that can only draw.
type fakeBuffer struct {
	bufferv1.PreferenceBufferServiceClient
	sample func(context.Context, *bufferv1.SampleRequest) (*drawn, error)
}

// parts is a stream of a draw in batches of 64 pairs.
type parts struct {
	grpc.ClientStream
	rest []*bufferv1.SampleResponse
}

func (p *parts) Recv() (*bufferv1.SampleResponse, error) {
	if len(p.rest) == 0 {
		return nil, io.EOF
	}
	next := p.rest[0]
	p.rest = p.rest[1:]
	return next, nil
}

func (f *fakeBuffer) Sample(ctx context.Context, req *bufferv1.SampleRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[bufferv1.SampleResponse], error) {
	d, err := f.sample(ctx, req)
	if err != nil {
		return nil, err
	}
	header := &bufferv1.SampleHeader{Count: int32(len(d.pairs)), Digest: d.digest, Population: 1000}
	out := &parts{rest: []*bufferv1.SampleResponse{{Part: &bufferv1.SampleResponse_Header{Header: header}}}}
	for some := range slices.Chunk(d.pairs, 64) {
		out.rest = append(out.rest, &bufferv1.SampleResponse{Part: &bufferv1.SampleResponse_Batch{Batch: &bufferv1.PairBatch{Pairs: some}}})
	}
	return out, nil
}

// digest is a digest that depends on the run and the day.
func digest(run string, day int32) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", run, day))
	return hex.EncodeToString(sum[:])
}

// someone is a buffer of a person who wants silence at work, and to hear
// something while reading.
func someone() *fakeBuffer {
	return &fakeBuffer{sample: func(_ context.Context, req *bufferv1.SampleRequest) (*drawn, error) {
		d := &drawn{digest: digest(req.GetRunId(), req.GetThroughDay())}
		for i := range req.GetCount() {
			d.pairs = append(d.pairs, pairAt(req.GetRunId(), i))
		}
		return d, nil
	}}
}

func pairAt(run string, step int32) *bufferv1.PreferencePair {
	moment := policy.Moment{MinuteOfDay: float64(step * 7 % 1440), Kind: activity.Reading, Actions: true, Given: true, SinceGiven: -1}
	silence := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
	speech := &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{
		Text: "Something", Topic: content.Topics()[int(step)%len(content.Topics())].ID, Tone: string(content.Tones()[0]),
	}}}
	pair := &bufferv1.PreferencePair{RunId: run, Step: step, Day: 1, Chosen: speech, Rejected: silence}
	if step%2 == 0 {
		moment.Kind = activity.Work
		pair.Chosen, pair.Rejected = silence, speech
	}
	pair.Prompt = &simv1.Prompt{Features: policy.Extract(&moment)}
	return pair
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// service is a trainer that is being served.
type service struct {
	trainerv1.TrainerServiceClient
	worker trainerv1.WorkerServiceClient
	// stop ends it as a crash would: leased jobs stay leased.
	stop func()
	// server is the trainer itself.
	server *trainer.Server
	// address is host:port; empty in memory.
	address string
}

func start(t testing.TB, cfg trainer.Config, buffer bufferv1.PreferenceBufferServiceClient) *service {
	t.Helper()
	return startWith(t, serve.Config{Name: "trainer"}, cfg, buffer)
}

func startWith(t testing.TB, how serve.Config, cfg trainer.Config, buffer bufferv1.PreferenceBufferServiceClient) *service {
	t.Helper()
	s, err := trainer.New(cfg, buffer)
	require.NoError(t, err)
	server, err := serve.New(how, s)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- server.Run(ctx) }()
	go func() { done <- s.Run(ctx) }()
	conn, err := server.Dial()
	require.NoError(t, err)
	var once sync.Once
	stop := func() {
		once.Do(func() {
			require.NoError(t, conn.Close())
			cancel()
			require.NoError(t, <-done)
			require.NoError(t, <-done)
			require.NoError(t, s.Close())
		})
	}
	t.Cleanup(stop)
	return &service{TrainerServiceClient: trainerv1.NewTrainerServiceClient(conn), worker: trainerv1.NewWorkerServiceClient(conn), stop: stop, address: server.Addr(), server: s}
}

func config(t testing.TB) trainer.Config {
	return trainer.Config{DSN: ":memory:", AdapterDir: t.TempDir()}
}

func night(run string, day int32, parent string) *trainerv1.SubmitJobRequest {
	return &trainerv1.SubmitJobRequest{
		RunId: run, Day: day, ParentAdapter: parent, Seed: 7, Executor: trainerv1.Executor_EXECUTOR_EMBEDDED,
		Hyperparameters: &trainerv1.Hyperparameters{
			Beta: 0.1, Epochs: 2, LearningRate: 0.05, BatchSize: 4, Pairs: 200, Reference: trainerv1.Reference_REFERENCE_BASE,
		},
	}
}

func forWorker(run string, day int32) *trainerv1.SubmitJobRequest {
	req := night(run, day, "")
	req.Executor = trainerv1.Executor_EXECUTOR_WORKER
	return req
}

func (s *service) submit(t testing.TB, req *trainerv1.SubmitJobRequest) *trainerv1.Job {
	t.Helper()
	resp, err := s.SubmitJob(context.Background(), req)
	require.NoError(t, err)
	return resp.GetJob()
}

func (s *service) job(t testing.TB, id string) *trainerv1.Job {
	t.Helper()
	resp, err := s.GetJob(context.Background(), &trainerv1.GetJobRequest{Id: id})
	require.NoError(t, err)
	return resp.GetJob()
}

// watch returns every state the job was seen in, and the job at its end.
func (s *service) watch(t testing.TB, id string) ([]trainerv1.JobState, *trainerv1.Job) {
	t.Helper()
	return s.watchFor(t, id, time.Minute)
}

func (s *service) watchFor(t testing.TB, id string, d time.Duration) ([]trainerv1.JobState, *trainerv1.Job) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	stream, err := s.WatchJob(ctx, &trainerv1.WatchJobRequest{Id: id})
	require.NoError(t, err)
	return rest(t, stream)
}

// rest returns what a stream has left.
func rest(t testing.TB, stream grpc.ServerStreamingClient[trainerv1.WatchJobResponse]) (states []trainerv1.JobState, job *trainerv1.Job) {
	t.Helper()
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return states, job
		}
		require.NoError(t, err)
		job = resp.GetJob()
		states = append(states, job.GetState())
	}
}

// train runs a night to its end.
func (s *service) train(t testing.TB, req *trainerv1.SubmitJobRequest) *trainerv1.Job {
	t.Helper()
	_, job := s.watch(t, s.submit(t, req).GetId())
	return proto.CloneOf(job)
}

// capable is what the workers of these tests can train.
func capable() *trainerv1.WorkerCapabilities {
	return &trainerv1.WorkerCapabilities{Policies: []string{policy.Name, trainer.LoraPolicy}, Model: "tiny", Quantization: "nf4", MaxRank: 16, Device: "a test"}
}

func (s *service) lease(t testing.TB, worker string) *trainerv1.LeaseJobResponse {
	t.Helper()
	resp, err := s.worker.LeaseJob(context.Background(), &trainerv1.LeaseJobRequest{Worker: worker, Lease: durationpb.New(time.Minute), Capabilities: capable()})
	require.NoError(t, err)
	return resp
}

// pairs streams the pairs of a leased job.
func (s *service) pairs(job string, token int64) (*drawn, error) {
	stream, err := s.worker.StreamPairs(context.Background(), &trainerv1.StreamPairsRequest{JobId: job, FencingToken: token})
	if err != nil {
		return nil, err
	}
	d := &drawn{}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return d, nil
		}
		if err != nil {
			return nil, err
		}
		if h := part.GetHeader(); h != nil {
			d.digest = h.GetDigest()
		}
		d.pairs = append(d.pairs, part.GetBatch().GetPairs()...)
	}
}

// handIn is what a worker hands in.
type handIn struct {
	policy  string
	model   string
	metrics *trainerv1.TrainingMetrics
	files   map[string][]byte
	// edit changes the messages before they are sent; nil leaves them.
	edit func([]*trainerv1.CompleteJobRequest) []*trainerv1.CompleteJobRequest
}

func logLinear(weights []byte) handIn {
	return handIn{policy: policy.Name, files: map[string][]byte{artifact.ModelFile: weights}}
}

// complete hands in a result for the pairs that StreamPairs gives.
func (s *service) complete(job string, token int64, in handIn) (*trainerv1.Job, error) {
	d, err := s.pairs(job, token)
	if err == nil {
		return s.upload(job, token, d.digest, in)
	}
	resp, err := s.GetJob(context.Background(), &trainerv1.GetJobRequest{Id: job})
	if err != nil {
		return nil, err
	}
	return s.upload(job, token, cmp.Or(resp.GetJob().GetDataDigest(), digest("none", 0)), in)
}

func (s *service) upload(job string, token int64, digest string, in handIn) (*trainerv1.Job, error) {
	if in.metrics == nil {
		in.metrics = &trainerv1.TrainingMetrics{Loss: 0.5, Margin: 0.2, Accuracy: 0.8, Pairs: 200, Updates: 100}
	}
	header := &trainerv1.CompleteJobHeader{JobId: job, FencingToken: token, Metrics: in.metrics, Policy: in.policy, Model: in.model, DataDigest: digest}
	for _, name := range slices.Sorted(maps.Keys(in.files)) {
		header.Files = append(header.Files, artifact.Describe(name, in.files[name]))
	}
	messages := []*trainerv1.CompleteJobRequest{{Part: &trainerv1.CompleteJobRequest_Header{Header: header}}}
	_ = artifact.Chunks(header.GetFiles(), in.files, func(c *trainerv1.ArtifactChunk) error { // fails only if this does
		messages = append(messages, &trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Chunk{Chunk: c}})
		return nil
	})
	if in.edit != nil {
		messages = in.edit(messages)
	}
	stream, err := s.worker.CompleteJob(context.Background())
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			break // the answer says why
		}
	}
	resp, err := stream.CloseAndRecv()
	return resp.GetJob(), err
}

// finish completes a job and waits for its end.
func (s *service) finish(t testing.TB, job string, token int64, in handIn) *trainerv1.Job {
	t.Helper()
	done, err := s.complete(job, token, in)
	require.NoError(t, err)
	require.GreaterOrEqual(t, done.GetState(), trained)
	_, done = s.watch(t, job)
	return done
}

// download returns the files of a published adapter.
func (s *service) download(id string) (*trainerv1.Manifest, map[string][]byte, error) {
	return artifact.Download(context.Background(), s, id, 1<<30)
}
