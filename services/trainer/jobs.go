package trainer

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

//go:embed migrations/*.sql
var migrations embed.FS

// jobs is the table of jobs. Every change of a job goes through change, so that
// watchers see each state in its order.
type jobs struct {
	db       *store.DB
	metrics  *metrics
	clock    func() time.Time
	watchers watchers

	mu sync.Mutex // held from reading a job until its watchers are notified
}

func openJobs(ctx context.Context, cfg Config) (*jobs, error) {
	opts := []store.Option{store.Name("trainer")}
	if cfg.ReadOnly {
		opts = append(opts, store.ReadOnly())
	}
	db, err := store.Open(ctx, cfg.DSN, migrations, opts...)
	if err != nil {
		return nil, fmt.Errorf("trainer jobs: %w", err)
	}
	j := &jobs{db: db, clock: cfg.Clock}
	if j.metrics, err = newMetrics(cfg.Metrics); err == nil {
		err = db.Measure(cfg.Metrics, "trainer")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return j, nil
}

// Close closes the database.
func (j *jobs) Close() error { return j.db.Close() }

// shared reports whether other processes may change the jobs too.
func (j *jobs) shared() bool { return j.db.Dialect == store.Postgres }

const recordColumns = `version, token, lease_until, worker, body, manifest, probes`

// get returns a job. ErrNotFound for an unknown id, ErrDataLoss for one whose
// bytes cannot be read.
func (j *jobs) get(ctx context.Context, id string) (*record, error) {
	return j.found(id, j.db.QueryRowContext(ctx, `SELECT `+recordColumns+` FROM trainer_jobs WHERE id = $1`, id))
}

// lock is get within a transaction that will change the job: another process
// waits until the transaction ends.
func (j *jobs) lock(ctx context.Context, tx *sql.Tx, id string) (*record, error) {
	query := `SELECT ` + recordColumns + ` FROM trainer_jobs WHERE id = $1`
	if j.shared() {
		query += ` FOR UPDATE`
	}
	return j.found(id, tx.QueryRowContext(ctx, query, id))
}

func (j *jobs) found(id string, row *sql.Row) (*record, error) {
	r, err := j.scan(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("training job %q: %w", id, errs.ErrNotFound)
	}
	return r, err
}

func (j *jobs) scan(scan func(...any) error) (*record, error) {
	r := &record{job: &trainerv1.Job{}, now: j.clock()}
	var until int64
	var body, manifest, probes []byte
	if err := scan(&r.version, &r.token, &until, &r.worker, &body, &manifest, &probes); err != nil {
		return nil, j.db.Err(err)
	}
	r.leaseUntil = time.UnixMilli(until)
	err := proto.Unmarshal(body, r.job)
	if err == nil && manifest != nil {
		r.manifest = &trainerv1.Manifest{}
		err = proto.Unmarshal(manifest, r.manifest)
	}
	if err == nil && probes != nil {
		asked := &trainerv1.ProbeAdapterRequest{}
		err = proto.Unmarshal(probes, asked)
		r.probes = asked.GetProbes()
	}
	if err != nil {
		return nil, errs.WithPublic(fmt.Errorf("database %s: a training job cannot be read: %w", j.db.Name, errs.ErrDataLoss), "a training job cannot be read")
	}
	return r, nil
}

// submit stores a new job, or returns the one of that id.
func (j *jobs) submit(ctx context.Context, job *trainerv1.Job) (_ *trainerv1.Job, added bool, err error) {
	r := &record{job: job, now: j.clock(), leaseUntil: time.UnixMilli(0)}
	job.CreateTime = timestamppb.New(r.now)
	r.enter(trainerv1.JobState_JOB_STATE_QUEUED)
	body, err := marshal(job)
	if err != nil {
		return nil, false, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	err = j.db.Update(ctx, func(tx *sql.Tx) error {
		if parent := job.GetParentAdapter(); parent != "" {
			if err := lockAdapter(ctx, tx, parent); err != nil {
				return fmt.Errorf("parent_adapter: %w", err)
			}
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO trainer_jobs (id, seq, run_id, day, executor, state, version, token, lease_until, worker, body)
			VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM trainer_jobs), $2, $3, $4, $5, $6, 0, 0, '', $7) ON CONFLICT (id) DO NOTHING`,
			job.GetId(), job.GetRunId(), int64(job.GetDay()), int64(job.GetExecutor()), int64(job.GetState()), r.version, body)
		if err != nil {
			return err
		}
		rows, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if added = rows == 1; !added {
			r, err = j.lock(ctx, tx, job.GetId())
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return r.job, added, nil
}

// change reads a job, lets fn change it, and stores it, in one transaction; an
// error of fn leaves everything as it was. Then the watchers are notified.
func (j *jobs) change(ctx context.Context, id string, fn func(tx *sql.Tx, r *record) error) (*record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var r *record
	err := j.db.Update(ctx, func(tx *sql.Tx) (err error) {
		if r, err = j.lock(ctx, tx, id); err != nil {
			return err
		}
		if err := fn(tx, r); err != nil {
			return err
		}
		return j.write(ctx, tx, r)
	})
	if err != nil {
		return nil, err
	}
	j.metrics.count(r.entered)
	j.watchers.notify(id, r.entered)
	return r, nil
}

func (j *jobs) write(ctx context.Context, tx *sql.Tx, r *record) error {
	body, err := marshal(r.job)
	if err != nil {
		return err
	}
	var manifest, probes []byte
	if r.manifest != nil {
		if manifest, err = marshal(r.manifest); err != nil {
			return err
		}
	}
	if len(r.probes) > 0 {
		if probes, err = marshal(&trainerv1.ProbeAdapterRequest{Probes: r.probes}); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE trainer_jobs SET state = $1, version = $2, token = $3, lease_until = $4, worker = $5, body = $6, manifest = $7, probes = $8 WHERE id = $9`,
		int64(r.job.GetState()), r.version, r.token, r.leaseUntil.UnixMilli(), r.worker, body, manifest, probes, r.job.GetId())
	return err
}

func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}
