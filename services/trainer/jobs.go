package trainer

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

//go:embed migrations/*.sql
var migrations embed.FS

// jobs is the table of jobs. Whoever changes a job goes through change, so that
// watchers see every state in its order.
type jobs struct {
	db       *store.DB
	metrics  *metrics
	watchers watchers

	mu sync.Mutex // held from reading a job to telling the watchers
}

func openJobs(ctx context.Context, dsn string, registry prometheus.Registerer) (*jobs, error) {
	db, err := store.Open(ctx, dsn, migrations, store.Name("trainer"))
	if err != nil {
		return nil, fmt.Errorf("trainer jobs: %w", err)
	}
	j := &jobs{db: db}
	if j.metrics, err = newMetrics(registry); err == nil {
		err = db.Measure(registry, "trainer")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return j, nil
}

// Close closes the database.
func (j *jobs) Close() error { return j.db.Close() }

// queryer is a database or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

const recordColumns = `version, token, lease_until, worker, body`

// read returns a job. ErrNotFound for an unknown id, ErrDataLoss for one whose
// bytes cannot be read.
func (j *jobs) read(ctx context.Context, q queryer, id string) (*record, error) {
	r, err := j.scan(q.QueryRowContext(ctx, `SELECT `+recordColumns+` FROM trainer_jobs WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("training job %q: %w", id, errs.ErrNotFound)
	}
	return r, err
}

func (j *jobs) scan(scan func(...any) error) (*record, error) {
	r := &record{job: &trainerv1.Job{}}
	var until int64
	var body []byte
	if err := scan(&r.version, &r.token, &until, &r.worker, &body); err != nil {
		return nil, j.db.Err(err)
	}
	r.leaseUntil = time.UnixMilli(until)
	if err := proto.Unmarshal(body, r.job); err != nil {
		return nil, errs.WithPublic(fmt.Errorf("database %s: a training job cannot be read: %w", j.db.Name, errs.ErrDataLoss), "a training job cannot be read")
	}
	return r, nil
}

// get returns a job. Errors are those of read.
func (j *jobs) get(ctx context.Context, id string) (*record, error) { return j.read(ctx, j.db, id) }

// submit stores a new job, or returns the one that is there.
func (j *jobs) submit(ctx context.Context, job *trainerv1.Job) (_ *trainerv1.Job, added bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &record{job: job, leaseUntil: time.UnixMilli(0)}
	r.enter(trainerv1.JobState_JOB_STATE_QUEUED)
	err = j.db.Update(ctx, func(tx *sql.Tx) error {
		present, err := j.read(ctx, tx, job.GetId())
		if !errors.Is(err, errs.ErrNotFound) {
			r = present
			return err
		}
		body, err := marshal(job)
		if err != nil {
			return err
		}
		added = true
		var seq int64
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) + 1 FROM trainer_jobs`).Scan(&seq); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO trainer_jobs (id, seq, run_id, day, executor, state, version, token, lease_until, worker, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, '', $8)`,
			job.GetId(), seq, job.GetRunId(), int64(job.GetDay()), int64(job.GetExecutor()), int64(job.GetState()), r.version, body)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return r.job, added, nil
}

// change reads a job, lets fn change it, and stores it, in one transaction; an
// error of fn leaves everything as it was. Then the watchers are told.
func (j *jobs) change(ctx context.Context, id string, fn func(tx *sql.Tx, r *record) error) (*record, error) {
	return j.changeWhich(ctx, func(tx *sql.Tx) (*record, error) { return j.read(ctx, tx, id) }, fn)
}

// changeWhich is change for the job that find returns; no job is no change.
func (j *jobs) changeWhich(ctx context.Context, find func(tx *sql.Tx) (*record, error), fn func(tx *sql.Tx, r *record) error) (*record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var r *record
	err := j.db.Update(ctx, func(tx *sql.Tx) (err error) {
		if r, err = find(tx); err != nil || r == nil {
			return err
		}
		if err := fn(tx, r); err != nil {
			return err
		}
		return j.write(ctx, tx, r)
	})
	if err != nil || r == nil {
		return nil, err
	}
	j.metrics.entered(r.passed)
	j.watchers.tell(r.job.GetId(), r.passed)
	return r, nil
}

func (j *jobs) write(ctx context.Context, tx *sql.Tx, r *record) error {
	body, err := marshal(r.job)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE trainer_jobs SET state = $1, version = $2, token = $3, lease_until = $4, worker = $5, body = $6 WHERE id = $7`,
		int64(r.job.GetState()), r.version, r.token, r.leaseUntil.UnixMilli(), r.worker, body, r.job.GetId())
	return err
}

func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// page gives fn at most limit jobs in order of run, day and id, after a place in
// that order, of one run or, when run is empty, of all, until it returns false.
func (j *jobs) page(ctx context.Context, run string, after place, limit int, fn func(*trainerv1.Job) bool) (err error) {
	rows, err := j.db.QueryContext(ctx, `SELECT `+recordColumns+` FROM trainer_jobs
		WHERE (CAST($1 AS TEXT) = '' OR run_id = $1) AND (run_id, day, id) > ($2, $3, $4) ORDER BY run_id, day, id LIMIT $5`,
		run, after.Run, int64(after.Day), after.ID, int64(limit))
	if err != nil {
		return j.db.Err(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := j.scan(rows.Scan)
		if err != nil {
			return err
		}
		if !fn(r.job) {
			return nil
		}
	}
	return j.db.Err(rows.Err())
}

// recordAdapter notes that an adapter is published.
func recordAdapter(ctx context.Context, tx *sql.Tx, m *trainerv1.Manifest) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO trainer_adapters (id, day) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`,
		m.GetId(), int64(m.GetDay()))
	return err
}

// requireAdapter returns an ErrNotFound for an adapter that was never published.
func (j *jobs) requireAdapter(ctx context.Context, id string) error {
	var n int64
	if err := j.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM trainer_adapters WHERE id = $1`, id).Scan(&n); err != nil {
		return j.db.Err(err)
	}
	if n == 0 {
		return fmt.Errorf("adapter %q: %w", id, errs.ErrNotFound)
	}
	return nil
}
