package trainer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

func timed(t *testing.T) (trainer.Config, *clock) {
	c := newClock()
	cfg := config(t)
	cfg.Clock = c.Now
	return cfg, c
}

func TestAWorkerTakesTheOldestJob(t *testing.T) {
	s := start(t, config(t), someone())
	require.Nil(t, s.lease(t, "gpu-1").GetJob(), "none yet")
	first, second := s.submit(t, forWorker("ben", 1)), s.submit(t, forWorker("ada", 1))
	one, two, three := s.lease(t, "gpu-1"), s.lease(t, "gpu-2"), s.lease(t, "gpu-3")
	require.Equal(t, first.GetId(), one.GetJob().GetId())
	require.Equal(t, second.GetId(), two.GetJob().GetId())
	require.Nil(t, three.GetJob())
	d, err := s.pairs(first.GetId(), one.GetFencingToken())
	require.NoError(t, err)
	require.Len(t, d.pairs, 200)
	require.Equal(t, digest("ben", 1), d.digest)
	require.Equal(t, d.digest, s.job(t, first.GetId()).GetDataDigest())

	done := s.finish(t, first.GetId(), one.GetFencingToken(), logLinear(policy.Base().Weights()))
	require.Equal(t, active, done.GetState(), done.GetReason())
	got, err := s.GetAdapter(context.Background(), &trainerv1.GetAdapterRequest{Id: done.GetAdapter()})
	require.NoError(t, err)
	require.Equal(t, digest("ben", 1), got.GetManifest().GetDataDigest())
	require.Equal(t, 0.5, got.GetManifest().GetMetrics().GetLoss())

	again, err := s.complete(first.GetId(), one.GetFencingToken(), logLinear(policy.Base().Weights()))
	require.NoError(t, err, "a repeat is a no-op")
	require.Equal(t, done.GetAdapter(), again.GetAdapter())
	other := logLinear(policy.Base().Weights())
	other.metrics = &trainerv1.TrainingMetrics{Loss: 0.6}
	_, err = s.complete(first.GetId(), one.GetFencingToken(), other)
	require.ErrorIs(t, err, errs.ErrLeaseLost, "another result is none")
}

func TestALeaseExpiresAndItsTokenIsFenced(t *testing.T) {
	cfg, clock := timed(t)
	s := start(t, cfg, someone())
	job := s.submit(t, forWorker("ada", 1))
	old := s.lease(t, "gpu-1")
	clock.advance(50 * time.Second)
	beat(t, s, job.GetId(), old.GetFencingToken())
	clock.advance(50 * time.Second)
	require.Nil(t, s.lease(t, "gpu-2").GetJob(), "the heartbeat kept the lease")
	clock.advance(11 * time.Second)

	_, err := s.worker.Heartbeat(context.Background(), &trainerv1.HeartbeatRequest{JobId: job.GetId(), FencingToken: old.GetFencingToken(), Lease: durationpb.New(time.Minute)})
	require.ErrorIs(t, err, errs.ErrLeaseLost, "too late")
	fresh := s.lease(t, "gpu-2")
	require.Equal(t, job.GetId(), fresh.GetJob().GetId())
	require.Greater(t, fresh.GetFencingToken(), old.GetFencingToken())
	require.EqualValues(t, 2, fresh.GetJob().GetAttempts())

	_, err = s.complete(job.GetId(), old.GetFencingToken(), logLinear(policy.Base().Weights()))
	require.ErrorIs(t, err, errs.ErrLeaseLost)
	_, err = s.worker.FailJob(context.Background(), &trainerv1.FailJobRequest{JobId: job.GetId(), FencingToken: old.GetFencingToken(), Reason: "x"})
	require.ErrorIs(t, err, errs.ErrLeaseLost)
	require.Equal(t, leased, s.job(t, job.GetId()).GetState(), "the fenced one changed nothing")
	done := s.finish(t, job.GetId(), fresh.GetFencingToken(), logLinear(policy.Base().Weights()))
	require.Equal(t, active, done.GetState())
	_, err = s.complete(job.GetId(), old.GetFencingToken(), logLinear(policy.Base().Weights()))
	require.ErrorIs(t, err, errs.ErrLeaseLost)
}

func beat(t *testing.T, s *service, job string, token int64) *trainerv1.HeartbeatResponse {
	t.Helper()
	resp, err := s.worker.Heartbeat(context.Background(), &trainerv1.HeartbeatRequest{JobId: job, FencingToken: token, Lease: durationpb.New(time.Minute)})
	require.NoError(t, err)
	return resp
}

func TestAttemptsHaveAnEnd(t *testing.T) {
	cfg, clock := timed(t)
	cfg.Attempts = 2
	s := start(t, cfg, someone())
	job := s.submit(t, forWorker("ada", 1))
	for range 2 {
		require.NotNil(t, s.lease(t, "gpu-1").GetJob())
		clock.advance(time.Hour)
	}
	require.Nil(t, s.lease(t, "gpu-2").GetJob())
	got := s.job(t, job.GetId())
	require.Equal(t, failed, got.GetState())
	require.Contains(t, got.GetReason(), `given up after 2 attempts: the lease of worker "gpu-1" expired`)
}

func TestAWorkerHandsAJobBack(t *testing.T) {
	s := start(t, config(t), someone())
	fail := func(retryable bool) *trainerv1.Job {
		held := s.lease(t, "gpu-1")
		resp, err := s.worker.FailJob(context.Background(), &trainerv1.FailJobRequest{
			JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Reason: "out of memory", Retryable: retryable,
		})
		require.NoError(t, err)
		return resp.GetJob()
	}
	s.submit(t, forWorker("ada", 1))
	for _, want := range []trainerv1.JobState{queued, queued, failed} {
		got := fail(true)
		require.Equal(t, want, got.GetState())
		require.Equal(t, "out of memory", got.GetReason())
	}
	s.submit(t, forWorker("ada", 2))
	require.Equal(t, failed, fail(false).GetState())
}

func TestAnUnavailableBufferEndsNoLease(t *testing.T) {
	buffer := someone()
	draw := buffer.sample
	buffer.sample = func(context.Context, *bufferv1.SampleRequest) (*drawn, error) { return nil, errs.ErrUnavailable }
	s := start(t, config(t), buffer)
	job := s.submit(t, forWorker("ada", 1))
	held := s.lease(t, "gpu-1")
	_, err := s.pairs(job.GetId(), held.GetFencingToken())
	require.ErrorIs(t, err, errs.ErrUnavailable)
	buffer.sample = draw
	d, err := s.pairs(job.GetId(), held.GetFencingToken())
	require.NoError(t, err)
	require.Len(t, d.pairs, 200)
	require.EqualValues(t, 1, s.job(t, job.GetId()).GetAttempts())
}

func TestAJobWithoutPairsFails(t *testing.T) {
	buffer := someone()
	buffer.sample = func(context.Context, *bufferv1.SampleRequest) (*drawn, error) { return &drawn{}, nil }
	s := start(t, config(t), buffer)
	job := s.submit(t, forWorker("nobody", 1))
	held := s.lease(t, "gpu-1")
	_, err := s.pairs(job.GetId(), held.GetFencingToken())
	require.ErrorIs(t, err, errs.ErrLeaseLost)
	require.ErrorContains(t, err, "no pairs")
	require.Equal(t, failed, s.job(t, job.GetId()).GetState())
	require.Contains(t, s.job(t, job.GetId()).GetReason(), "no pairs")
}

// TestPairsThatChangeFailTheJob has a buffer that gives the second attempt other
// pairs than the first.
func TestPairsThatChangeFailTheJob(t *testing.T) {
	buffer, calls := someone(), 0
	draw := buffer.sample
	buffer.sample = func(ctx context.Context, req *bufferv1.SampleRequest) (*drawn, error) {
		calls++
		d, err := draw(ctx, req)
		d.digest = digest("ada", int32(calls))
		return d, err
	}
	s := start(t, config(t), buffer)
	job := s.submit(t, forWorker("ada", 1))
	held := s.lease(t, "gpu-1")
	_, err := s.pairs(job.GetId(), held.GetFencingToken())
	require.NoError(t, err)
	_, err = s.pairs(job.GetId(), held.GetFencingToken())
	require.ErrorIs(t, err, errs.ErrLeaseLost)
	require.Equal(t, failed, s.job(t, job.GetId()).GetState())
	require.Contains(t, s.job(t, job.GetId()).GetReason(), "gave "+digest("ada", 1)+" before")
}

func TestAStreamThatEndsEarlyIsNoDraw(t *testing.T) {
	buffer := &cutBuffer{fakeBuffer: someone()}
	s := start(t, config(t), buffer)
	job := s.train(t, night("ada", 1, ""))
	require.Equal(t, failed, job.GetState())
	require.Contains(t, job.GetReason(), "72 pairs early")
}

// cutBuffer loses the end of each draw.
type cutBuffer struct{ *fakeBuffer }

func (c *cutBuffer) Sample(ctx context.Context, req *bufferv1.SampleRequest, opts ...grpc.CallOption) (grpc.ServerStreamingClient[bufferv1.SampleResponse], error) {
	stream, err := c.fakeBuffer.Sample(ctx, req, opts...)
	cut := stream.(*parts)
	cut.rest = cut.rest[:3]
	return cut, err
}

// TestALeaseIsWaitedFor has workers that ask before there is a job.
func TestALeaseIsWaitedFor(t *testing.T) {
	s := start(t, config(t), someone())
	got := make(chan *trainerv1.LeaseJobResponse, 2)
	for i := range 2 {
		go func() {
			resp, _ := s.worker.LeaseJob(context.Background(), &trainerv1.LeaseJobRequest{ // an error is an absent job below
				Worker: fmt.Sprint("gpu-", i), Lease: durationpb.New(time.Minute), Wait: durationpb.New(time.Minute), Capabilities: capable(),
			})
			got <- resp
		}()
	}
	require.Eventually(t, func() bool { return len(s.list(t)) == 2 }, time.Minute, time.Millisecond)
	one, two := s.submit(t, forWorker("ada", 1)), s.submit(t, forWorker("ben", 1))
	ids := []string{(<-got).GetJob().GetId(), (<-got).GetJob().GetId()}
	require.ElementsMatch(t, []string{one.GetId(), two.GetId()}, ids)
}

func (s *service) list(t testing.TB) []*trainerv1.Worker {
	t.Helper()
	resp, err := s.worker.ListWorkers(context.Background(), &trainerv1.ListWorkersRequest{})
	require.NoError(t, err)
	return resp.GetWorkers()
}

func TestAStoppingServerLetsWaitingWorkersGo(t *testing.T) {
	s := start(t, config(t), someone())
	done := make(chan error, 1)
	go func() {
		_, err := s.worker.LeaseJob(context.Background(), &trainerv1.LeaseJobRequest{
			Worker: "gpu-1", Lease: durationpb.New(time.Minute), Wait: durationpb.New(time.Minute), Capabilities: capable(),
		})
		done <- err
	}()
	require.Eventually(t, func() bool { return len(s.list(t)) == 1 }, time.Minute, time.Millisecond)
	began := time.Now()
	s.stop()
	require.NoError(t, <-done, "no job, and no error")
	require.Less(t, time.Since(began), 30*time.Second, "a minute would be its wait")
}

func TestAWorkerGetsOnlyWhatItCanTrain(t *testing.T) {
	s := start(t, config(t), someone())
	req := forWorker("ada", 1)
	req.Hyperparameters.Lora = &trainerv1.Lora{Model: "big", Rank: 32}
	big := s.submit(t, req)
	lora := big.GetHyperparameters().GetLora()
	require.Equal(t, "nf4", lora.GetQuantization(), "defaults are filled in")
	require.EqualValues(t, 2304, lora.GetMaxTokens())
	require.Equal(t, 0.05, lora.GetDropout())
	require.Len(t, lora.GetTargetModules(), 7)
	later := s.submit(t, forWorker("ben", 1))

	able := &trainerv1.WorkerCapabilities{Policies: []string{trainer.LoraPolicy}, Model: "big", Quantization: "nf4", MaxRank: 32}
	for name, change := range map[string]func(*trainerv1.WorkerCapabilities){
		"another policy":       func(c *trainerv1.WorkerCapabilities) { c.Policies = []string{"lora/9"} },
		"another model":        func(c *trainerv1.WorkerCapabilities) { c.Model = "small" },
		"another quantization": func(c *trainerv1.WorkerCapabilities) { c.Quantization = "none" },
		"a lower rank":         func(c *trainerv1.WorkerCapabilities) { c.MaxRank = 16 },
	} {
		c := proto.CloneOf(able)
		change(c)
		resp, err := s.worker.LeaseJob(context.Background(), &trainerv1.LeaseJobRequest{Worker: "gpu-1", Lease: durationpb.New(time.Minute), Capabilities: c})
		require.NoError(t, err)
		require.Nil(t, resp.GetJob(), name)
	}
	require.Equal(t, later.GetId(), s.lease(t, "gpu-2").GetJob().GetId(), "a job that does not fit keeps nobody from the next")
	resp, err := s.worker.LeaseJob(context.Background(), &trainerv1.LeaseJobRequest{Worker: "gpu-3", Lease: durationpb.New(time.Minute), Capabilities: able})
	require.NoError(t, err)
	require.Equal(t, big.GetId(), resp.GetJob().GetId())
}

func TestWorkersAreListed(t *testing.T) {
	cfg, clock := timed(t)
	s := start(t, cfg, someone())
	job := s.submit(t, forWorker("ada", 1))
	held := s.lease(t, "gpu-1")
	s.lease(t, "gpu-0")
	progress := &trainerv1.TrainingProgress{Update: 7, UpdatesTotal: 100, Loss: 0.5, TokensPerSecond: 250, DeviceMemoryBytes: 1 << 30}
	clock.advance(30 * time.Second)
	_, err := s.worker.Heartbeat(context.Background(), &trainerv1.HeartbeatRequest{
		JobId: job.GetId(), FencingToken: held.GetFencingToken(), Lease: durationpb.New(time.Minute), Progress: progress,
	})
	require.NoError(t, err)
	all := s.list(t)
	require.Len(t, all, 2)
	require.Equal(t, "gpu-0", all[0].GetName())
	require.Nil(t, all[0].GetJob())
	require.True(t, proto.Equal(capable(), all[1].GetCapabilities()))
	require.Equal(t, job.GetId(), all[1].GetJob().GetId())
	require.True(t, proto.Equal(progress, all[1].GetJob().GetProgress()))
	require.True(t, clock.Now().Equal(all[1].GetLastSeen().AsTime()))
	require.True(t, clock.Now().Add(time.Minute).Equal(all[1].GetLeaseUntil().AsTime()))

	resp, err := s.worker.ListWorkers(context.Background(), &trainerv1.ListWorkersRequest{PageSize: 1})
	require.NoError(t, err)
	require.Len(t, resp.GetWorkers(), 1)
	resp, err = s.worker.ListWorkers(context.Background(), &trainerv1.ListWorkersRequest{PageSize: 1, PageToken: resp.GetNextPageToken()})
	require.NoError(t, err)
	require.Equal(t, "gpu-1", resp.GetWorkers()[0].GetName())
	require.Empty(t, resp.GetNextPageToken())
	clock.advance(25 * time.Hour)
	require.Empty(t, s.list(t), "a day later they are forgotten")
}

func TestAJobThatNoWorkerTakesForAnHourFails(t *testing.T) {
	cfg, clock := timed(t)
	s := start(t, cfg, someone())
	req := forWorker("ada", 1)
	req.Hyperparameters.Lora = &trainerv1.Lora{Model: "huge"}
	job := s.submit(t, req)
	require.Nil(t, s.lease(t, "gpu-1").GetJob(), "the only worker has another model")
	embedded := s.train(t, night("ada", 1, ""))
	require.Equal(t, active, embedded.GetState())
	clock.advance(59 * time.Minute)
	require.Equal(t, queued, s.job(t, job.GetId()).GetState())
	clock.advance(2 * time.Minute)
	_, done := s.watch(t, job.GetId())
	require.Equal(t, failed, done.GetState())
	require.Equal(t, `no worker that can train lora/1 of rank 16 on model "huge" in nf4 has asked for the job within 1h0m0s`, done.GetReason())
}

func TestAJobThatIsHandedBackIsNoAttempt(t *testing.T) {
	cfg := config(t)
	cfg.Attempts = 1
	s := start(t, cfg, someone())
	s.submit(t, forWorker("ada", 1))
	for range 3 {
		held := s.lease(t, "gpu-1")
		require.EqualValues(t, 1, held.GetJob().GetAttempts())
		resp, err := s.worker.FailJob(context.Background(), &trainerv1.FailJobRequest{
			JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Reason: "the worker shuts down", Returned: true,
		})
		require.NoError(t, err)
		require.Equal(t, queued, resp.GetJob().GetState())
	}
}

func TestACancelledJobTellsItsWorker(t *testing.T) {
	s := start(t, config(t), someone())
	job := s.submit(t, forWorker("ada", 1))
	held := s.lease(t, "gpu-1")
	require.False(t, beat(t, s, job.GetId(), held.GetFencingToken()).GetCancelled())
	resp, err := s.CancelJob(context.Background(), &trainerv1.CancelJobRequest{Id: job.GetId()})
	require.NoError(t, err)
	require.Equal(t, cancelled, resp.GetJob().GetState())
	require.NotEmpty(t, resp.GetJob().GetReason())
	require.True(t, beat(t, s, job.GetId(), held.GetFencingToken()).GetCancelled())
	_, err = s.complete(job.GetId(), held.GetFencingToken(), logLinear(policy.Base().Weights()))
	require.ErrorIs(t, err, errs.ErrLeaseLost)
	_, err = s.CancelJob(context.Background(), &trainerv1.CancelJobRequest{Id: job.GetId()})
	require.ErrorIs(t, err, errs.ErrPrecondition, "it is final")
	require.Nil(t, s.lease(t, "gpu-2").GetJob())
}
