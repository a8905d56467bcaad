package trainer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/serve"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// fakeBuffer is a buffer that can only draw.
type fakeBuffer struct {
	bufferv1.PreferenceBufferServiceClient
	sample func(context.Context, *bufferv1.SampleRequest) (*bufferv1.SampleResponse, error)
}

func (f *fakeBuffer) Sample(ctx context.Context, req *bufferv1.SampleRequest, _ ...grpc.CallOption) (*bufferv1.SampleResponse, error) {
	return f.sample(ctx, req)
}

// someone is a buffer of a person who wants silence at work, and to hear
// something while reading.
func someone() *fakeBuffer {
	return &fakeBuffer{sample: func(_ context.Context, req *bufferv1.SampleRequest) (*bufferv1.SampleResponse, error) {
		resp := &bufferv1.SampleResponse{Population: 1000, Digest: fmt.Sprintf("digest of %s day %d", req.GetRunId(), req.GetThroughDay())}
		for i := range req.GetCount() {
			resp.Pairs = append(resp.Pairs, pairAt(req.GetRunId(), i))
		}
		return resp, nil
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
	// stop ends it as a crash would: jobs in hand stay leased.
	stop func()
}

func start(t testing.TB, cfg trainer.Config, buffer bufferv1.PreferenceBufferServiceClient) *service {
	t.Helper()
	s, err := trainer.New(cfg, buffer)
	require.NoError(t, err)
	server, err := serve.New(serve.Config{Name: "trainer"}, s)
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
	return &service{TrainerServiceClient: trainerv1.NewTrainerServiceClient(conn), worker: trainerv1.NewWorkerServiceClient(conn), stop: stop}
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

func (s *service) lease(t testing.TB, worker string) *trainerv1.LeaseJobResponse {
	t.Helper()
	resp, err := s.worker.LeaseJob(context.Background(), &trainerv1.LeaseJobRequest{Worker: worker, LeaseSeconds: 60})
	require.NoError(t, err)
	return resp
}

func (s *service) complete(job string, token int64, weights []byte, kind string) (*trainerv1.Job, error) {
	resp, err := s.worker.CompleteJob(context.Background(), &trainerv1.CompleteJobRequest{
		JobId: job, Token: token, Weights: weights, Policy: kind, Metrics: &trainerv1.Metrics{Loss: 0.5, Margin: 0.2, Accuracy: 0.8, Pairs: 200, Updates: 100},
	})
	return resp.GetJob(), err
}
