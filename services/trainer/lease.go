package trainer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// lease gives the oldest job that waits, or whose lease ran out, to a worker
// until a time; nil when there is none. A job that has used up its attempts
// (0 means no bound) fails instead, and the next is looked at.
func (j *jobs) lease(ctx context.Context, executor trainerv1.Executor, worker string, now, until time.Time, attempts int) (*record, error) {
	for {
		r, err := j.changeWhich(ctx, func(tx *sql.Tx) (*record, error) {
			return j.waiting(ctx, tx, executor, now)
		}, func(_ *sql.Tx, r *record) error {
			if attempts > 0 && int(r.job.GetAttempts()) >= attempts {
				r.end(trainerv1.JobState_JOB_STATE_FAILED, fmt.Sprintf("given up after %d attempts: %s", r.job.GetAttempts(), r.lastTrouble()))
				return nil
			}
			if r.job.GetState() == trainerv1.JobState_JOB_STATE_LEASED {
				r.enter(trainerv1.JobState_JOB_STATE_QUEUED) // its lease ran out
			}
			r.token++
			r.worker, r.leaseUntil = worker, until
			r.job.Attempts++
			r.job.Reason = ""
			r.enter(trainerv1.JobState_JOB_STATE_LEASED)
			return nil
		})
		if err != nil || r == nil || !final(r.job.GetState()) {
			return r, err
		}
	}
}

func (r *record) lastTrouble() string {
	if r.job.GetState() == trainerv1.JobState_JOB_STATE_LEASED {
		return fmt.Sprintf("the lease of worker %q ran out", r.worker)
	}
	return r.job.GetReason()
}

func (j *jobs) waiting(ctx context.Context, tx *sql.Tx, executor trainerv1.Executor, now time.Time) (*record, error) {
	r, err := j.scan(tx.QueryRowContext(ctx, `SELECT `+recordColumns+` FROM trainer_jobs
		WHERE executor = $1 AND (state = $2 OR (state = $3 AND lease_until <= $4)) ORDER BY seq, id LIMIT 1`, int64(executor),
		int64(trainerv1.JobState_JOB_STATE_QUEUED), int64(trainerv1.JobState_JOB_STATE_LEASED), now.UnixMilli()).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return r, err
}

// release queues every leased job of an executor again: those who held them are
// known to be gone.
func (j *jobs) release(ctx context.Context, executor trainerv1.Executor) error {
	for {
		r, err := j.changeWhich(ctx, func(tx *sql.Tx) (*record, error) {
			r, err := j.scan(tx.QueryRowContext(ctx, `SELECT `+recordColumns+` FROM trainer_jobs WHERE executor = $1 AND state = $2 LIMIT 1`,
				int64(executor), int64(trainerv1.JobState_JOB_STATE_LEASED)).Scan)
			if errors.Is(err, sql.ErrNoRows) {
				return nil, nil
			}
			return r, err
		}, func(_ *sql.Tx, r *record) error {
			r.enter(trainerv1.JobState_JOB_STATE_QUEUED)
			return nil
		})
		if err != nil || r == nil {
			return err
		}
	}
}

// changeHeld is change for the holder of a lease. ErrPrecondition when the lease
// is no longer held.
func (j *jobs) changeHeld(ctx context.Context, id string, token int64, now time.Time, fn func(tx *sql.Tx, r *record) error) (*record, error) {
	return j.change(ctx, id, func(tx *sql.Tx, r *record) error {
		if !r.held(token, now) {
			return notHeld(r, token)
		}
		return fn(tx, r)
	})
}

func notHeld(r *record, token int64) error {
	return fmt.Errorf("job %s: the lease with token %d is no longer held (the job is %v, its latest token %d): %w",
		r.job.GetId(), token, r.job.GetState(), r.token, errs.ErrPrecondition)
}
