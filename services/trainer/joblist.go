package trainer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// page gives fn at most limit jobs in order of run, day and id, after a position
// in that order, of one run or, when run is empty, of all, until it returns false.
func (j *jobs) page(ctx context.Context, run string, states []trainerv1.JobState, after place, limit int, fn func(*trainerv1.Job) bool) error {
	among := ""
	if len(states) > 0 {
		numbers := make([]string, len(states))
		for i, state := range states {
			numbers[i] = strconv.Itoa(int(state))
		}
		among = " AND state IN (" + strings.Join(numbers, ", ") + ")"
	}
	return j.each(ctx, func(r *record) bool { return fn(r.job) }, `SELECT `+recordColumns+` FROM trainer_jobs
		WHERE (CAST($1 AS TEXT) = '' OR run_id = $1) AND (run_id, day, id) > ($2, $3, $4)`+among+` ORDER BY run_id, day, id LIMIT $5`,
		run, after.Run, int64(after.Day), after.ID, int64(limit))
}

// waiting gives fn the jobs of an executor that a worker may take, the oldest
// first, until it returns false: the queued ones, and the leased ones whose lease
// has expired.
func (j *jobs) waiting(ctx context.Context, executor trainerv1.Executor, fn func(*record) bool) error {
	return j.each(ctx, fn, `SELECT `+recordColumns+` FROM trainer_jobs
		WHERE executor = $1 AND (state = $2 OR (state = $3 AND lease_until <= $4)) ORDER BY seq, id`, int64(executor),
		int64(trainerv1.JobState_JOB_STATE_QUEUED), int64(trainerv1.JobState_JOB_STATE_LEASED), j.clock().UnixMilli())
}

// unfinished gives fn the jobs that were trained and are not final yet, the
// oldest first, until it returns false.
func (j *jobs) unfinished(ctx context.Context, fn func(*record) bool) error {
	return j.each(ctx, fn, `SELECT `+recordColumns+` FROM trainer_jobs WHERE state >= $1 AND state <= $2 ORDER BY seq, id`,
		int64(trainerv1.JobState_JOB_STATE_TRAINED), int64(trainerv1.JobState_JOB_STATE_VERIFIED))
}

// leased gives fn the jobs that a worker holds.
func (j *jobs) leased(ctx context.Context, worker string, fn func(*record) bool) error {
	return j.each(ctx, fn, `SELECT `+recordColumns+` FROM trainer_jobs WHERE state = $1 AND worker = $2 ORDER BY seq, id`,
		int64(trainerv1.JobState_JOB_STATE_LEASED), worker)
}

func (j *jobs) each(ctx context.Context, fn func(*record) bool, query string, args ...any) (err error) {
	rows, err := j.db.QueryContext(ctx, query, args...)
	if err != nil {
		return j.db.Err(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := j.scan(rows.Scan)
		if err != nil {
			return err
		}
		if !fn(r) {
			return nil
		}
	}
	return j.db.Err(rows.Err())
}

// recordAdapter notes that an adapter is published.
func recordAdapter(ctx context.Context, tx *sql.Tx, m *trainerv1.Manifest) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO trainer_adapters (id, day) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET collected = 0`,
		m.GetId(), int64(m.GetDay()))
	return err
}

// requireAdapter returns an ErrNotFound for an adapter that was never published, or
// was collected since.
func (j *jobs) requireAdapter(ctx context.Context, id string) error {
	var collected int64
	err := j.db.QueryRowContext(ctx, `SELECT collected FROM trainer_adapters WHERE id = $1`, id).Scan(&collected)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return j.db.Err(err)
	}
	return missing(id, err, collected)
}

// lockAdapter is requireAdapter within a transaction, until whose end the adapter
// stays.
func lockAdapter(ctx context.Context, tx *sql.Tx, id string) error {
	var collected int64
	err := tx.QueryRowContext(ctx, `UPDATE trainer_adapters SET collected = collected WHERE id = $1 RETURNING collected`, id).Scan(&collected)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return missing(id, err, collected)
}

func missing(id string, err error, collected int64) error {
	switch {
	case err != nil:
		return fmt.Errorf("adapter %q: %w", id, errs.ErrNotFound)
	case collected != 0:
		return fmt.Errorf("adapter %q was removed: no run needed it any more (adapters.keep): %w", id, errs.ErrNotFound)
	}
	return nil
}

// bringBack takes the mark off an adapter that is trained again.
func (j *jobs) bringBack(ctx context.Context, id string) error {
	if err := j.requireAdapter(ctx, id); !errors.Is(err, errs.ErrNotFound) {
		return err
	}
	return j.db.Update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE trainer_adapters SET collected = 0 WHERE id = $1`, id)
		return err
	})
}
