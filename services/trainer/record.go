package trainer

import (
	"time"

	"google.golang.org/protobuf/proto"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// record is a job with its lease, as it is stored.
type record struct {
	job *trainerv1.Job
	// version grows by one with every state the job enters.
	version int64
	// token is the fencing token of the latest lease; 0 before the first.
	token int64
	// leaseUntil is when that lease runs out.
	leaseUntil time.Time
	// worker holds or held that lease.
	worker string

	// passed are the states entered since the record was read.
	passed []snapshot
}

// snapshot is a job as it stood when it entered a state.
type snapshot struct {
	version int64
	job     *trainerv1.Job
}

// enter moves the job through states in their order. What is true of the job in
// those states must be set before.
func (r *record) enter(states ...trainerv1.JobState) {
	for _, state := range states {
		r.version++
		r.job.State = state
		r.passed = append(r.passed, snapshot{version: r.version, job: proto.CloneOf(r.job)})
	}
}

// end moves the job to a final state that needs a reason.
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

// held reports whether the lease with this token is in force.
func (r *record) held(token int64, now time.Time) bool {
	return r.job.GetState() == trainerv1.JobState_JOB_STATE_LEASED && r.token == token && now.Before(r.leaseUntil)
}
