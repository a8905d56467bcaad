package trainer

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// leasing is a wish for a job.
type leasing struct {
	executor trainerv1.Executor
	worker   string
	length   time.Duration
	// attempts is how often a job is tried at the most; 0 means without bound.
	attempts int
	// fits reports whether the worker can train a job; nil means all.
	fits func(*trainerv1.Job) bool
}

// lease gives the oldest job that waits, or whose lease expired, to a worker; nil
// when there is none. A job that has used up its attempts fails instead, and the
// next is looked at.
func (j *jobs) lease(ctx context.Context, want leasing) (*record, error) {
	for {
		id := ""
		err := j.waiting(ctx, want.executor, func(r *record) bool {
			if want.spent(r) || want.fits == nil || want.fits(r.job) {
				id = r.job.GetId()
			}
			return id == ""
		})
		if err != nil || id == "" {
			return nil, err
		}
		taken := false
		r, err := j.change(ctx, id, func(_ *sql.Tx, r *record) error {
			taken = r.take(&want)
			return nil
		})
		if err != nil || taken {
			return r, err
		}
	}
}

func (l *leasing) spent(r *record) bool {
	return l.attempts > 0 && int(r.job.GetAttempts()) >= l.attempts
}

// take leases the job; false when another worker was faster, or when its attempts
// are used up.
func (r *record) take(want *leasing) bool {
	expired := r.job.GetState() == trainerv1.JobState_JOB_STATE_LEASED && !r.now.Before(r.leaseUntil)
	if r.job.GetState() != trainerv1.JobState_JOB_STATE_QUEUED && !expired {
		return false
	}
	if want.spent(r) {
		r.end(trainerv1.JobState_JOB_STATE_FAILED, fmt.Sprintf("given up after %d attempts: %s", r.job.GetAttempts(), r.lastFailure()))
		return false
	}
	if expired {
		r.enter(trainerv1.JobState_JOB_STATE_QUEUED)
	}
	r.token++
	r.worker, r.leaseUntil = want.worker, r.now.Add(want.length)
	r.job.Attempts++
	r.job.Reason, r.job.Progress = "", nil
	r.enter(trainerv1.JobState_JOB_STATE_LEASED)
	return true
}

func (r *record) lastFailure() string {
	if r.job.GetState() == trainerv1.JobState_JOB_STATE_LEASED {
		return fmt.Sprintf("the lease of worker %q expired", r.worker)
	}
	return r.job.GetReason()
}

// release queues the leased jobs of an executor again whose holder has a name
// that begins with prefix. Use it for holders that are known to be dead.
func (j *jobs) release(ctx context.Context, executor trainerv1.Executor, prefix string) error {
	var ids []string
	err := j.each(ctx, func(r *record) bool {
		if strings.HasPrefix(r.worker, prefix) {
			ids = append(ids, r.job.GetId())
		}
		return true
	}, `SELECT `+recordColumns+` FROM trainer_jobs WHERE executor = $1 AND state = $2`, int64(executor), int64(trainerv1.JobState_JOB_STATE_LEASED))
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := j.change(ctx, id, func(_ *sql.Tx, r *record) error {
			if r.job.GetState() == trainerv1.JobState_JOB_STATE_LEASED && strings.HasPrefix(r.worker, prefix) {
				r.enter(trainerv1.JobState_JOB_STATE_QUEUED)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changeHeld is change for the holder of a lease. ErrLeaseLost when the lease is
// no longer valid.
func (j *jobs) changeHeld(ctx context.Context, id string, token int64, fn func(tx *sql.Tx, r *record) error) (*record, error) {
	return j.change(ctx, id, func(tx *sql.Tx, r *record) error {
		if !r.held(token, r.now) {
			return leaseLost(r, token)
		}
		return fn(tx, r)
	})
}

// conclude ends a job under the lease with this token. ErrLeaseLost when the
// lease is no longer valid.
func (j *jobs) conclude(ctx context.Context, id string, token int64, state trainerv1.JobState, reason error) (*trainerv1.Job, error) {
	r, err := j.changeHeld(ctx, id, token, func(_ *sql.Tx, r *record) error {
		r.end(state, errs.Reason(reason))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.job, nil
}
