package trainer_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

const (
	queued    = trainerv1.JobState_JOB_STATE_QUEUED
	leased    = trainerv1.JobState_JOB_STATE_LEASED
	trained   = trainerv1.JobState_JOB_STATE_TRAINED
	published = trainerv1.JobState_JOB_STATE_PUBLISHED
	loaded    = trainerv1.JobState_JOB_STATE_LOADED
	verified  = trainerv1.JobState_JOB_STATE_VERIFIED
	active    = trainerv1.JobState_JOB_STATE_ACTIVE
	failed    = trainerv1.JobState_JOB_STATE_FAILED
	rejected  = trainerv1.JobState_JOB_STATE_REJECTED
	cancelled = trainerv1.JobState_JOB_STATE_CANCELLED
)

func TestANightMakesTheNextAdapter(t *testing.T) {
	s := start(t, config(t), someone())
	first := s.train(t, night("ada", 1, ""))
	require.Equal(t, active, first.GetState(), first.GetReason())
	require.Equal(t, digest("ada", 1), first.GetDataDigest())
	require.EqualValues(t, 200, first.GetMetrics().GetPairs())
	require.EqualValues(t, 1, first.GetAttempts())

	m, files, err := s.download(first.GetAdapter())
	require.NoError(t, err)
	require.Equal(t, first.GetAdapter(), m.GetId())
	require.Equal(t, policy.Name, m.GetPolicy())
	require.EqualValues(t, 1, m.GetDay())
	require.Empty(t, m.GetParent())
	require.True(t, proto.Equal(first.GetMetrics(), m.GetMetrics()))

	d, err := someone().sample(context.Background(), &bufferv1.SampleRequest{RunId: "ada", Count: 200})
	require.NoError(t, err)
	want, _, err := policy.Train(policy.Base(), d.pairs, first.GetHyperparameters(), 7)
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{artifact.ModelFile: want.Weights()}, files, "what the policy learned, byte for byte")

	second := s.train(t, night("ada", 2, first.GetAdapter()))
	require.Equal(t, active, second.GetState(), second.GetReason())
	got, err := s.GetAdapter(context.Background(), &trainerv1.GetAdapterRequest{Id: second.GetAdapter()})
	require.NoError(t, err)
	require.Equal(t, first.GetAdapter(), got.GetManifest().GetParent())
	require.Less(t, second.GetMetrics().GetLoss(), first.GetMetrics().GetLoss(), "it continues from its parent")
}

func TestAWatcherSeesEveryState(t *testing.T) {
	gate := make(chan struct{})
	buffer := someone()
	draw := buffer.sample
	buffer.sample = func(ctx context.Context, req *bufferv1.SampleRequest) (*drawn, error) {
		<-gate
		return draw(ctx, req)
	}
	s := start(t, config(t), buffer)
	job := s.submit(t, night("ada", 1, ""))
	require.Equal(t, queued, job.GetState())
	require.Eventually(t, func() bool { return s.job(t, job.GetId()).GetState() == leased }, time.Minute, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var watchers [3]grpc.ServerStreamingClient[trainerv1.WatchJobResponse]
	for i := range watchers {
		var err error
		watchers[i], err = s.WatchJob(ctx, &trainerv1.WatchJobRequest{Id: job.GetId()})
		require.NoError(t, err)
		first, err := watchers[i].Recv()
		require.NoError(t, err)
		require.Equal(t, leased, first.GetJob().GetState())
	}
	close(gate)
	for _, w := range watchers {
		states, end := rest(t, w)
		require.Equal(t, []trainerv1.JobState{trained, published, loaded, verified, active}, states)
		require.NotEmpty(t, end.GetAdapter())
	}
	states, _ := s.watch(t, job.GetId())
	require.Equal(t, []trainerv1.JobState{active}, states, "who comes late sees the end")
}

func TestTheSameRequestIsTheSameJob(t *testing.T) {
	s := start(t, config(t), someone())
	done := s.train(t, night("ada", 1, ""))
	again := s.submit(t, night("ada", 1, ""))
	require.True(t, proto.Equal(done, again), "whatever its state")
	for name, change := range map[string]func(*trainerv1.SubmitJobRequest){
		"run":  func(r *trainerv1.SubmitJobRequest) { r.RunId = "ben" },
		"day":  func(r *trainerv1.SubmitJobRequest) { r.Day = 2 },
		"seed": func(r *trainerv1.SubmitJobRequest) { r.Seed = 8 },
		"beta": func(r *trainerv1.SubmitJobRequest) { r.Hyperparameters.Beta = 0.2 },
	} {
		req := night("ada", 1, "")
		change(req)
		require.NotEqual(t, done.GetId(), s.submit(t, req).GetId(), name)
	}
}

func TestTheSameSeedGivesTheSameAdapter(t *testing.T) {
	one := start(t, config(t), someone()).train(t, night("ada", 1, ""))
	other := start(t, config(t), someone()).train(t, night("ada", 1, ""))
	require.Equal(t, one.GetAdapter(), other.GetAdapter())
}

func TestACrashLosesNoJob(t *testing.T) {
	want := start(t, config(t), someone()).train(t, night("ada", 1, ""))

	cfg := trainer.Config{DSN: filepath.Join(t.TempDir(), "trainer.db"), AdapterDir: t.TempDir()}
	stuck := &fakeBuffer{sample: func(ctx context.Context, _ *bufferv1.SampleRequest) (*drawn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	s := start(t, cfg, stuck)
	job := s.submit(t, night("ada", 1, ""))
	require.Eventually(t, func() bool { return s.job(t, job.GetId()).GetState() == leased }, time.Minute, time.Millisecond)
	s.stop()

	s = start(t, cfg, someone())
	_, done := s.watch(t, job.GetId())
	require.Equal(t, active, done.GetState(), done.GetReason())
	require.Equal(t, want.GetAdapter(), done.GetAdapter())
	require.EqualValues(t, 2, done.GetAttempts())
	s.stop()

	s = start(t, cfg, stuck)
	require.Equal(t, active, s.job(t, job.GetId()).GetState(), "and what was done stays done")
	_, err := s.GetAdapter(context.Background(), &trainerv1.GetAdapterRequest{Id: done.GetAdapter()})
	require.NoError(t, err)
}

func TestAnUnavailableBufferIsWaitedFor(t *testing.T) {
	buffer, calls := someone(), 0
	draw := buffer.sample
	buffer.sample = func(ctx context.Context, req *bufferv1.SampleRequest) (*drawn, error) {
		if calls++; calls < 3 {
			return nil, errs.ErrUnavailable
		}
		return draw(ctx, req)
	}
	cfg := config(t)
	cfg.Workers = 1
	done := start(t, cfg, buffer).train(t, night("ada", 1, ""))
	require.Equal(t, active, done.GetState(), done.GetReason())
	require.Equal(t, 3, calls)
}

func TestAFailedNightSaysWhy(t *testing.T) {
	none := func(context.Context, *bufferv1.SampleRequest) (*drawn, error) {
		return &drawn{}, nil
	}
	strange := func(context.Context, *bufferv1.SampleRequest) (*drawn, error) {
		pair := pairAt("ada", 3)
		pair.Prompt.Features.Version = 99
		return &drawn{pairs: []*bufferv1.PreferencePair{pair}}, nil
	}
	lost := func(context.Context, *bufferv1.SampleRequest) (*drawn, error) {
		return nil, fmt.Errorf("pair 3 is damaged: %w", errs.ErrDataLoss)
	}
	for name, test := range map[string]struct {
		sample func(context.Context, *bufferv1.SampleRequest) (*drawn, error)
		reason string
	}{
		"no pairs":       {none, "no pairs"},
		"unfit features": {strange, "step 3"},
		"damaged buffer": {lost, "pair 3 is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			done := start(t, config(t), &fakeBuffer{sample: test.sample}).train(t, night("ada", 1, ""))
			require.Equal(t, failed, done.GetState())
			require.Contains(t, done.GetReason(), test.reason)
			require.Empty(t, done.GetAdapter())
		})
	}
}

func TestAnUnknownParentIsRefused(t *testing.T) {
	s := start(t, config(t), someone())
	for _, parent := range []string{"nothing", "../../etc"} {
		_, err := s.SubmitJob(context.Background(), night("ada", 2, parent))
		require.ErrorIs(t, err, errs.ErrNotFound)
		require.ErrorContains(t, err, parent)
	}
}

func TestManyNightsAtOnce(t *testing.T) {
	s := start(t, config(t), someone())
	var ids []string
	for _, run := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		ids = append(ids, s.submit(t, night(run, 1, "")).GetId())
	}
	for _, id := range ids {
		_, done := s.watch(t, id)
		require.Equal(t, active, done.GetState(), done.GetReason())
		require.EqualValues(t, 1, done.GetAttempts())
	}
}

// BenchmarkNight trains 200 pairs for two epochs and publishes the adapter.
func BenchmarkNight(b *testing.B) {
	cfg := trainer.Config{DSN: filepath.Join(b.TempDir(), "trainer.db"), AdapterDir: b.TempDir()}
	s := start(b, cfg, someone())
	parent, day := "", int32(0)
	b.ReportAllocs()
	for b.Loop() {
		day++
		done := s.train(b, night("ada", day, parent))
		require.Equal(b, active, done.GetState(), done.GetReason())
		parent = done.GetAdapter()
	}
}

func TestADrawHasMoreTimeThanACall(t *testing.T) {
	buffer := someone()
	draw, left := buffer.sample, make(chan time.Duration, 1)
	buffer.sample = func(ctx context.Context, req *bufferv1.SampleRequest) (*drawn, error) {
		at, _ := ctx.Deadline()
		left <- time.Until(at)
		return draw(ctx, req)
	}
	s := start(t, config(t), buffer)
	require.Equal(t, active, s.train(t, night("ada", 1, "")).GetState())
	require.Greater(t, <-left, time.Minute)
}
