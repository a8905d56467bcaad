package trainer

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// record is a job with its lease, as it is stored.
type record struct {
	job *trainerv1.Job
	// manifest describes what the job has trained; nil before TRAINED.
	manifest *trainerv1.Manifest
	// version grows by one with every state the job enters.
	version int64
	// token is the fencing token of the latest lease; 0 before the first.
	token int64
	// leaseUntil is when that lease expires.
	leaseUntil time.Time
	// worker is the holder of that lease.
	worker string
	// probes are the questions for the test of the served adapter; nil before
	// TRAINED and after the final state.
	probes []*trainerv1.Probe

	// now is when the record was read.
	now time.Time
	// entered are the states entered since the record was read.
	entered []snapshot
}

// snapshot is a job as it was when it entered a state.
type snapshot struct {
	version int64
	job     *trainerv1.Job
}

// enter moves the job to a state. Set what is true of the job in that state
// before.
func (r *record) enter(state trainerv1.JobState) {
	r.version++
	r.job.State = state
	r.job.StateTime = timestamppb.New(r.now)
	if final(state) {
		r.probes = nil
	}
	r.entered = append(r.entered, snapshot{version: r.version, job: proto.CloneOf(r.job)})
}

// end moves the job to a state that needs a reason.
func (r *record) end(state trainerv1.JobState, reason string) {
	r.job.Reason = reason
	r.enter(state)
}

// final reports whether a state is the last one.
func final(state trainerv1.JobState) bool {
	switch state {
	case trainerv1.JobState_JOB_STATE_ACTIVE, trainerv1.JobState_JOB_STATE_FAILED,
		trainerv1.JobState_JOB_STATE_REJECTED, trainerv1.JobState_JOB_STATE_CANCELLED:
		return true
	}
	return false
}

// held reports whether the lease with this token is valid.
func (r *record) held(token int64, now time.Time) bool {
	return r.job.GetState() == trainerv1.JobState_JOB_STATE_LEASED && r.token == token && now.Before(r.leaseUntil)
}

// leaseLost is the error for whoever acts under a lease that is not valid.
func leaseLost(r *record, token int64) error {
	return fmt.Errorf("job %s: the lease with token %d is no longer valid (the job is %v, its latest token %d): %w",
		r.job.GetId(), token, r.job.GetState(), r.token, errs.ErrLeaseLost)
}
