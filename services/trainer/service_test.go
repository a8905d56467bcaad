package trainer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/store/storetest"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

func TestADamagedAdapterIsNeverGiven(t *testing.T) {
	cfg := config(t)
	s := start(t, cfg, someone())
	done := s.train(t, night("ada", 1, ""))
	for _, name := range []string{"adapter_model.safetensors", "manifest.json"} {
		path := filepath.Join(cfg.AdapterDir, done.GetAdapter(), name)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		damage := map[string]func(){
			"a bit flipped": func() {
				bad := append([]byte(nil), whole...)
				bad[len(bad)/2] ^= 1
				require.NoError(t, os.WriteFile(path, bad, 0o644))
			},
			"cut short": func() { require.NoError(t, os.WriteFile(path, whole[:len(whole)-9], 0o644)) },
			"missing":   func() { require.NoError(t, os.Remove(path)) },
		}
		for kind, do := range damage {
			do()
			_, _, err = s.download(done.GetAdapter())
			require.ErrorIs(t, err, errs.ErrDataLoss, "%s %s", name, kind)
			require.ErrorContains(t, err, done.GetAdapter(), "%s %s", name, kind)
			require.NotContains(t, err.Error(), cfg.AdapterDir, "a path is for the log")
			require.NoError(t, os.WriteFile(path, whole, 0o644))
		}
	}
	require.NoError(t, os.Remove(filepath.Join(cfg.AdapterDir, done.GetAdapter(), "adapter_model.safetensors")))
	child := s.train(t, night("ada", 2, done.GetAdapter()))
	require.Equal(t, failed, child.GetState())
	require.Contains(t, child.GetReason(), "adapter_model.safetensors", "a damaged parent fails the night by name")
}

func TestADamagedAdapterIsReplacedByTheSameTraining(t *testing.T) {
	cfg := config(t)
	s := start(t, cfg, someone())
	done := s.train(t, night("ada", 1, ""))
	s.stop()
	require.NoError(t, os.WriteFile(filepath.Join(cfg.AdapterDir, done.GetAdapter(), "adapter_model.safetensors"), []byte("x"), 0o644))
	s = start(t, cfg, someone()) // with no memory of the job
	require.Equal(t, done.GetAdapter(), s.train(t, night("ada", 1, "")).GetAdapter())
	_, err := s.GetAdapter(context.Background(), &trainerv1.GetAdapterRequest{Id: done.GetAdapter()})
	require.NoError(t, err)
}

func TestWhatIsUnknownIsNotFound(t *testing.T) {
	s := start(t, config(t), someone())
	ctx := context.Background()
	_, err := s.GetJob(ctx, &trainerv1.GetJobRequest{Id: "x"})
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = s.CancelJob(ctx, &trainerv1.CancelJobRequest{Id: "x"})
	require.ErrorIs(t, err, errs.ErrNotFound)
	for _, id := range []string{"x", "..", "../../etc/passwd"} {
		_, err = s.GetAdapter(ctx, &trainerv1.GetAdapterRequest{Id: id})
		require.ErrorIs(t, err, errs.ErrNotFound)
		_, _, err = s.download(id)
		require.ErrorIs(t, err, errs.ErrNotFound)
	}
	stream, err := s.WatchJob(ctx, &trainerv1.WatchJobRequest{Id: "x"})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = s.worker.Heartbeat(ctx, &trainerv1.HeartbeatRequest{JobId: "x", FencingToken: 1, Lease: durationpb.New(time.Second)})
	require.ErrorIs(t, err, errs.ErrNotFound)
}

func TestEveryDatabaseKeepsJobs(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "trainer") {
		t.Run(name, func(t *testing.T) {
			s := start(t, trainer.Config{DSN: dsn, AdapterDir: t.TempDir()}, someone())
			first := s.train(t, night("ada", 1, ""))
			require.Equal(t, active, first.GetState(), first.GetReason())
			require.Equal(t, active, s.train(t, night("ada", 2, first.GetAdapter())).GetState())
			job := s.submit(t, forWorker("ada", 3))
			held := s.lease(t, "gpu-1")
			require.Equal(t, job.GetId(), held.GetJob().GetId())
			beat(t, s, job.GetId(), held.GetFencingToken())
			done := s.finish(t, job.GetId(), held.GetFencingToken(), logLinear(policy.Base().Weights()))
			require.Equal(t, active, done.GetState(), done.GetReason())
			resp, err := s.ListJobs(context.Background(), &trainerv1.ListJobsRequest{RunId: "ada", PageSize: 2})
			require.NoError(t, err)
			require.Len(t, resp.GetJobs(), 2)
			resp, err = s.ListJobs(context.Background(), &trainerv1.ListJobsRequest{RunId: "ada", PageSize: 2, PageToken: resp.GetNextPageToken()})
			require.NoError(t, err)
			require.Len(t, resp.GetJobs(), 1)
		})
	}
}

func TestTheTokenOfTheLongestRunIDIsAccepted(t *testing.T) {
	s := start(t, config(t), someone())
	longest := strings.Repeat("r", 200)
	s.submit(t, forWorker(longest, 1))
	s.submit(t, forWorker(longest, 2))
	resp, err := s.ListJobs(t.Context(), &trainerv1.ListJobsRequest{PageSize: 1})
	require.NoError(t, err)
	resp, err = s.ListJobs(t.Context(), &trainerv1.ListJobsRequest{PageSize: 1, PageToken: resp.GetNextPageToken()})
	require.NoError(t, err)
	require.EqualValues(t, 2, resp.GetJobs()[0].GetDay())
}

func TestJobsArePagedByRunAndDay(t *testing.T) {
	s := start(t, config(t), someone())
	for _, run := range []string{"ben", "ada"} {
		for _, day := range []int32{3, 1, 2} {
			s.submit(t, forWorker(run, day))
		}
	}
	pages := func(run string, size int32) (out []string) {
		token := ""
		for {
			resp, err := s.ListJobs(context.Background(), &trainerv1.ListJobsRequest{RunId: run, PageSize: size, PageToken: token})
			require.NoError(t, err)
			require.LessOrEqual(t, len(resp.GetJobs()), max(int(size), 6))
			for _, job := range resp.GetJobs() {
				out = append(out, job.GetRunId()+string('0'+job.GetDay()))
			}
			if token = resp.GetNextPageToken(); token == "" {
				return out
			}
		}
	}
	all := []string{"ada1", "ada2", "ada3", "ben1", "ben2", "ben3"}
	for _, size := range []int32{0, 1, 2, 3, 5, 6, 7} {
		require.Equal(t, all, pages("", size), "pages of %d", size)
	}
	require.Equal(t, all[3:], pages("ben", 2))
	require.Empty(t, pages("nobody", 2))
	_, err := s.ListJobs(context.Background(), &trainerv1.ListJobsRequest{PageToken: "%%%"})
	require.ErrorIs(t, err, errs.ErrInvalid)
}

func TestAPageOfJobsEndsByBytesToo(t *testing.T) {
	s := start(t, config(t), someone())
	ctx := context.Background()
	const jobs = 200
	for day := range int32(jobs) {
		s.submit(t, forWorker("ada", day+1))
		held := s.lease(t, "gpu-1")
		_, err := s.worker.FailJob(ctx, &trainerv1.FailJobRequest{
			JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Reason: strings.Repeat("x", 16<<10),
		})
		require.NoError(t, err)
	}
	days, pages, token := int32(0), 0, ""
	for {
		resp, err := s.ListJobs(ctx, &trainerv1.ListJobsRequest{PageSize: 1000, PageToken: token})
		require.NoError(t, err)
		require.LessOrEqual(t, proto.Size(resp), 2<<20+1<<10)
		for _, job := range resp.GetJobs() {
			days++
			require.Equal(t, days, job.GetDay())
		}
		pages++
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	require.EqualValues(t, jobs, days)
	require.Equal(t, 2, pages, "3.3 MB")
}

func TestConfigurationIsChecked(t *testing.T) {
	_, err := trainer.New(trainer.Config{DSN: ":memory:", Workers: -1, Attempts: -1}, someone())
	var faults errs.Violations
	require.True(t, errors.As(err, &faults))
	require.Len(t, faults, 3)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err = trainer.New(trainer.Config{DSN: ":memory:", AdapterDir: filepath.Join(file, "adapters")}, someone())
	require.ErrorIs(t, err, errs.ErrDenied)
	require.ErrorContains(t, err, file)
}

func TestHalfWrittenUploadsAreRemovedAtTheStart(t *testing.T) {
	cfg := config(t)
	half := filepath.Join(cfg.AdapterDir, ".upload-123")
	require.NoError(t, os.MkdirAll(half, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(half, "manifest.json"), []byte("{"), 0o644))
	before := time.Now().Add(-time.Minute)
	require.NoError(t, os.Chtimes(half, before, before))
	start(t, cfg, someone())
	require.Eventually(t, func() bool { _, err := os.Stat(half); return os.IsNotExist(err) }, time.Minute, time.Millisecond)
}
