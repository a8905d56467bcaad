package trainer_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// TestAReadOnlyTrainerShowsAndChangesNothing reads the jobs and adapters of a trainer
// that runs, with a job that waits, and of one that has ended.
func TestAReadOnlyTrainerShowsAndChangesNothing(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	cfg := trainer.Config{DSN: filepath.Join(dir, "trainer.db"), AdapterDir: filepath.Join(dir, "adapters")}
	readOnly := cfg
	readOnly.ReadOnly = true
	_, err := trainer.New(readOnly, someone())
	require.ErrorIs(t, err, errs.ErrNotFound)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing was made")

	writer := start(t, cfg, someone())
	made := writer.train(t, night("ada", 1, ""))
	waiting := writer.submit(t, forWorker("ada", 2))
	for _, alone := range []bool{false, true} {
		if alone {
			writer.stop()
		}
		s := start(t, readOnly, someone())
		listed, err := s.ListJobs(ctx, &trainerv1.ListJobsRequest{RunId: "ada"})
		require.NoError(t, err)
		require.Len(t, listed.GetJobs(), 2)
		kept, err := s.ListKeptAdapters(ctx, &trainerv1.ListKeptAdaptersRequest{})
		require.NoError(t, err)
		require.Contains(t, kept.GetAdapters()[0].GetKeptFor(), "in force")
		_, files, err := artifact.Download(ctx, s, made.GetAdapter(), 1<<20)
		require.NoError(t, err)
		require.Len(t, files, 1)
		_, err = s.SubmitJob(ctx, night("ada", 3, ""))
		require.ErrorIs(t, err, errs.ErrDenied)
		_, err = s.CancelJob(ctx, &trainerv1.CancelJobRequest{Id: waiting.GetId()})
		require.ErrorIs(t, err, errs.ErrDenied)
		require.Equal(t, trainerv1.JobState_JOB_STATE_QUEUED, s.job(t, waiting.GetId()).GetState(), "nobody trains it here")
		s.stop()
	}
}
