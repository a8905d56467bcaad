package trainer_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	require.Len(t, one.GetPairs(), 200)
	require.Equal(t, "digest of ben day 1", one.GetJob().GetDataDigest())

	done, err := s.complete(first.GetId(), one.GetToken(), policy.Base().Weights(), policy.Name)
	require.NoError(t, err)
	require.Equal(t, active, done.GetState())
	got, err := s.GetAdapter(context.Background(), &trainerv1.GetAdapterRequest{Id: done.GetAdapter()})
	require.NoError(t, err)
	require.Equal(t, "digest of ben day 1", got.GetManifest().GetDataDigest())
	require.Equal(t, 0.5, got.GetManifest().GetMetrics().GetLoss())

	again, err := s.complete(first.GetId(), one.GetToken(), policy.Base().Weights(), policy.Name)
	require.NoError(t, err, "a repeat is a no-op")
	require.Equal(t, done.GetAdapter(), again.GetAdapter())
}

func TestALeaseRunsOutAndItsTokenIsFenced(t *testing.T) {
	cfg, clock := timed(t)
	s := start(t, cfg, someone())
	job := s.submit(t, forWorker("ada", 1))
	old := s.lease(t, "gpu-1")
	clock.advance(50 * time.Second)
	beat(t, s, job.GetId(), old.GetToken())
	clock.advance(50 * time.Second)
	require.Nil(t, s.lease(t, "gpu-2").GetJob(), "the heartbeat kept the lease")
	clock.advance(11 * time.Second)

	_, err := s.worker.Heartbeat(context.Background(), &trainerv1.HeartbeatRequest{JobId: job.GetId(), Token: old.GetToken(), LeaseSeconds: 60})
	require.ErrorIs(t, err, errs.ErrPrecondition, "too late")
	fresh := s.lease(t, "gpu-2")
	require.Equal(t, job.GetId(), fresh.GetJob().GetId())
	require.Greater(t, fresh.GetToken(), old.GetToken())
	require.EqualValues(t, 2, fresh.GetJob().GetAttempts())

	_, err = s.complete(job.GetId(), old.GetToken(), policy.Base().Weights(), policy.Name)
	require.ErrorIs(t, err, errs.ErrPrecondition)
	_, err = s.worker.FailJob(context.Background(), &trainerv1.FailJobRequest{JobId: job.GetId(), Token: old.GetToken(), Reason: "x"})
	require.ErrorIs(t, err, errs.ErrPrecondition)
	require.Equal(t, leased, s.job(t, job.GetId()).GetState(), "the fenced one changed nothing")
	done, err := s.complete(job.GetId(), fresh.GetToken(), policy.Base().Weights(), policy.Name)
	require.NoError(t, err)
	require.Equal(t, active, done.GetState())
	_, err = s.complete(job.GetId(), old.GetToken(), policy.Base().Weights(), policy.Name)
	require.ErrorIs(t, err, errs.ErrPrecondition)
}

func beat(t *testing.T, s *service, job string, token int64) *trainerv1.HeartbeatResponse {
	t.Helper()
	resp, err := s.worker.Heartbeat(context.Background(), &trainerv1.HeartbeatRequest{JobId: job, Token: token, LeaseSeconds: 60})
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
	require.Contains(t, got.GetReason(), `given up after 2 attempts: the lease of worker "gpu-1" ran out`)
}

func TestAWorkerHandsAJobBack(t *testing.T) {
	s := start(t, config(t), someone())
	fail := func(passing bool) *trainerv1.Job {
		held := s.lease(t, "gpu-1")
		resp, err := s.worker.FailJob(context.Background(), &trainerv1.FailJobRequest{
			JobId: held.GetJob().GetId(), Token: held.GetToken(), Reason: "out of memory", Passing: passing,
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

func TestAnUnfitResultIsRejected(t *testing.T) {
	s := start(t, config(t), someone())
	tests := map[string]struct {
		weights []byte
		policy  string
		metrics *trainerv1.Metrics
		reason  string
	}{
		"no number for a loss":  {policy.Base().Weights(), policy.Name, &trainerv1.Metrics{Loss: math.NaN()}, "finite"},
		"an infinite margin":    {policy.Base().Weights(), policy.Name, &trainerv1.Metrics{Margin: math.Inf(1)}, "finite"},
		"weights cut short":     {policy.Base().Weights()[:100], policy.Name, &trainerv1.Metrics{}, "do not fit"},
		"another kind, damaged": {[]byte("not safetensors"), "qlora/1", &trainerv1.Metrics{}, "do not fit"},
	}
	day := int32(0)
	for name, test := range tests {
		day++
		s.submit(t, forWorker("ada", day))
		held := s.lease(t, "gpu-1")
		resp, err := s.worker.CompleteJob(context.Background(), &trainerv1.CompleteJobRequest{
			JobId: held.GetJob().GetId(), Token: held.GetToken(), Weights: test.weights, Policy: test.policy, Metrics: test.metrics,
		})
		require.NoError(t, err, name)
		require.Equal(t, rejected, resp.GetJob().GetState(), name)
		require.Contains(t, resp.GetJob().GetReason(), test.reason, name)
		require.Empty(t, resp.GetJob().GetAdapter(), name)
	}
}

// safetensors is a file with one tensor of so many bytes.
func safetensors(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), bytes.Repeat([]byte{1}, data)...)
}

func TestAnotherKindOfPolicyIsCheckedByItsForm(t *testing.T) {
	s := start(t, config(t), someone())
	seed := uint64(0)
	for header, want := range map[string]trainerv1.JobState{
		`{"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`: active,
		`{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`:                        active,
		`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}}`:                                                       rejected,
		`{"a":{"dtype":"F32","shape":[4],"data_offsets":[-4,16]}}`:                                                      rejected,
		`{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,9]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,16]}}`:  rejected,
		`{}`:  rejected,
		`[1]`: rejected,
	} {
		req := forWorker("ada", 1)
		seed++ // a job of its own
		req.Seed = seed
		s.submit(t, req)
		held := s.lease(t, "gpu-1")
		job, err := s.complete(held.GetJob().GetId(), held.GetToken(), safetensors(header, 16), "qlora/1")
		require.NoError(t, err)
		require.Equal(t, want, job.GetState(), "%s: %s", header, job.GetReason())
	}
}

func TestABufferThatIsAwayCostsNoAttempt(t *testing.T) {
	buffer := someone()
	draw := buffer.sample
	buffer.sample = func(context.Context, *bufferv1.SampleRequest) (*bufferv1.SampleResponse, error) {
		return nil, errs.ErrUnavailable
	}
	s := start(t, config(t), buffer)
	job := s.submit(t, forWorker("ada", 1))
	_, err := s.worker.LeaseJob(context.Background(), &trainerv1.LeaseJobRequest{Worker: "gpu-1", LeaseSeconds: 60})
	require.ErrorIs(t, err, errs.ErrUnavailable)
	require.Equal(t, queued, s.job(t, job.GetId()).GetState())
	buffer.sample = draw
	require.EqualValues(t, 1, s.lease(t, "gpu-1").GetJob().GetAttempts())
}

func TestAJobWithoutPairsIsNotHandedOut(t *testing.T) {
	buffer := someone()
	draw := buffer.sample
	buffer.sample = func(ctx context.Context, req *bufferv1.SampleRequest) (*bufferv1.SampleResponse, error) {
		if req.GetRunId() == "nobody" {
			return &bufferv1.SampleResponse{}, nil
		}
		return draw(ctx, req)
	}
	s := start(t, config(t), buffer)
	empty := s.submit(t, forWorker("nobody", 1))
	next := s.submit(t, forWorker("ada", 1))
	require.Equal(t, next.GetId(), s.lease(t, "gpu-1").GetJob().GetId())
	require.Equal(t, failed, s.job(t, empty.GetId()).GetState())
	require.Contains(t, s.job(t, empty.GetId()).GetReason(), "no pairs")
}

func TestACancelledJobTellsItsWorker(t *testing.T) {
	s := start(t, config(t), someone())
	job := s.submit(t, forWorker("ada", 1))
	held := s.lease(t, "gpu-1")
	require.False(t, beat(t, s, job.GetId(), held.GetToken()).GetCancelled())
	resp, err := s.CancelJob(context.Background(), &trainerv1.CancelJobRequest{Id: job.GetId()})
	require.NoError(t, err)
	require.Equal(t, cancelled, resp.GetJob().GetState())
	require.NotEmpty(t, resp.GetJob().GetReason())
	require.True(t, beat(t, s, job.GetId(), held.GetToken()).GetCancelled())
	_, err = s.complete(job.GetId(), held.GetToken(), policy.Base().Weights(), policy.Name)
	require.ErrorIs(t, err, errs.ErrPrecondition)
	_, err = s.CancelJob(context.Background(), &trainerv1.CancelJobRequest{Id: job.GetId()})
	require.ErrorIs(t, err, errs.ErrPrecondition, "it is final")
	require.Nil(t, s.lease(t, "gpu-2").GetJob())
}
