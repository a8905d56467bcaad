package environment

import (
	"testing"

	"github.com/stretchr/testify/require"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/environment/conduct"
)

// TestAFailingNightIsDecidedByTheRun ends the nights of runs in every way in which
// one can fail. The run stops with the reason, or keeps its adapter and records it.
func TestAFailingNightIsDecidedByTheRun(t *testing.T) {
	fails := func(reason string) *trainerv1.Job {
		return &trainerv1.Job{State: trainerv1.JobState_JOB_STATE_FAILED, Reason: reason}
	}
	for name, job := range map[string]*trainerv1.Job{
		"out of memory": fails("out of memory: OutOfMemoryError: CUDA out of memory"),
		"NaN":           fails("the loss of update 3 is nan"),
		"no pairs":      fails("no pairs to train on"),
		"all ties":      fails("all 40 pairs are ties: chosen and rejected answer are the same text"),
		"no worker":     fails(`no worker that can train lora/1 of rank 16 on model "big" in nf4 has asked for the job within 1h0m0s`),
		"rejected": {
			State: trainerv1.JobState_JOB_STATE_REJECTED, Reason: `rejected by the check "held-out": worse in both`,
			Metrics: &trainerv1.TrainingMetrics{Loss: 0.9, Accuracy: 0.6, Pairs: 36, HeldOutPairs: 4},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fakes := newFakes()
			fakes.failWith = job
			s := begin(t, Config{}, fakes.clients())
			stopped := s.until(s.make(configOf("ann", "proper")).GetId(), finished, failing)
			require.Equal(t, failing, stopped.GetState())
			require.Contains(t, stopped.GetReason(), job.GetReason())
			require.EqualValues(t, fakeStepsPerDay, stopped.GetProgress().GetSteps(), "it stops at the turn of the day")

			config := configOf("ben", "proper")
			config.OnFailedNight = environmentv1.OnFailedNight_ON_FAILED_NIGHT_KEEP
			kept := s.until(s.make(config).GetId(), finished, failing)
			require.Equal(t, finished, kept.GetState(), kept.GetReason())
			require.EqualValues(t, 2, kept.GetProgress().GetFailedNights())
			nights := 0
			for e, err := range s.journal.Entries(t.Context(), kept.GetId(), 0) {
				require.NoError(t, err)
				if night := e.GetBody().GetNight(); night != nil {
					nights++
					id, state, reason := conduct.FailedJob(night.GetFailure())
					require.NotEmpty(t, id)
					require.Equal(t, job.GetState(), state)
					require.Equal(t, job.GetReason(), reason)
					require.Empty(t, night.GetAdapter(), "the base stays in force")
					require.Equal(t, job.GetMetrics().GetLoss(), night.GetMetrics().GetLoss())
				}
			}
			require.Equal(t, 2, nights)
		})
	}
}
