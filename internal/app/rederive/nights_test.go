package rederive

import (
	"testing"

	"github.com/stretchr/testify/require"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// TestARecordedFailureComesBackAsTheJobThatFailed: the run puts id, state and reason
// together again, so that its second record equals the first.
func TestARecordedFailureComesBackAsTheJobThatFailed(t *testing.T) {
	for text, want := range map[string]*trainerv1.Job{
		"training job job-1 failed: out of memory":                       {Id: "job-1", State: trainerv1.JobState_JOB_STATE_FAILED, Reason: "out of memory"},
		`training job job-2 was rejected: rejected by the check "files"`: {Id: "job-2", State: trainerv1.JobState_JOB_STATE_REJECTED, Reason: `rejected by the check "files"`},
		"training job job-3 was cancelled: cancelled by a caller":        {Id: "job-3", State: trainerv1.JobState_JOB_STATE_CANCELLED, Reason: "cancelled by a caller"},
		"training job job-4 failed: the parent failed: it is damaged":    {Id: "job-4", State: trainerv1.JobState_JOB_STATE_FAILED, Reason: "the parent failed: it is damaged"},
		"something of another version":                                   {Id: "night-2", State: trainerv1.JobState_JOB_STATE_FAILED, Reason: "something of another version"},
	} {
		n := &nights{recorded: map[int32]*environmentv1.Night{2: {Day: 2, Failure: text}}}
		resp, err := n.SubmitJob(t.Context(), &trainerv1.SubmitJobRequest{RunId: "r", Day: 2})
		require.NoError(t, err)
		require.Equal(t, []any{want.GetId(), want.GetState(), want.GetReason()}, []any{resp.GetJob().GetId(), resp.GetJob().GetState(), resp.GetJob().GetReason()}, text)
	}
}
