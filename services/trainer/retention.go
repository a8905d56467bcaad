package trainer

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"go.uber.org/zap"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

const (
	// leastKept is how many of the newest adapters of a run are always kept: the one
	// in force, and its parent. A run that was interrupted between a job's end and its
	// own record of it continues with the parent, and the parent is the reference of
	// the next night's training where that is `previous`.
	leastKept = 2
	// collecting is how often the coordinator collects.
	collecting = time.Minute
)

// needs returns what keeps each adapter in the store, by id: everything that a run
// or a job can still ask for. What it returns depends on the jobs alone.
func (j *jobs) needs(ctx context.Context, tx *sql.Tx, keep int) (map[string]string, error) {
	out, newest := map[string]string{}, map[string]int{}
	need := func(id, why string) {
		if id != "" && out[id] == "" {
			out[id] = why
		}
	}
	// Newest first. A job that is not final needs its parent, and what it has trained.
	err := j.eachIn(ctx, tx, func(r *record) {
		job := r.job
		switch {
		case job.GetState() == trainerv1.JobState_JOB_STATE_ACTIVE:
			newest[job.GetRunId()]++
			switch n := newest[job.GetRunId()]; {
			case n == 1:
				need(job.GetAdapter(), "in force in run "+job.GetRunId())
				need(job.GetParentAdapter(), "parent of the one in force in run "+job.GetRunId())
			case n <= max(leastKept, keep):
				need(job.GetAdapter(), fmt.Sprintf("one of the newest %d of run %s", max(leastKept, keep), job.GetRunId()))
			}
		case !final(job.GetState()):
			need(job.GetParentAdapter(), "parent of job "+job.GetId())
			need(r.manifest.GetId(), "made by job "+job.GetId())
		case newest[job.GetRunId()] == 0:
			// The newest job of the run has failed: the run continues with its parent.
			need(job.GetParentAdapter(), "parent of the last job of run "+job.GetRunId())
		}
	}, `SELECT `+recordColumns+` FROM trainer_jobs ORDER BY day DESC, seq DESC, id DESC`)
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT run_id, adapter FROM trainer_keeps ORDER BY run_id`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err says what went wrong
	for rows.Next() {
		var run, adapter string
		if err := rows.Scan(&run, &adapter); err != nil {
			return nil, err
		}
		if newest[run] < leastKept {
			need(adapter, "start of run "+run)
		}
	}
	return out, rows.Err()
}

// eachIn is each within a transaction.
func (j *jobs) eachIn(ctx context.Context, tx *sql.Tx, fn func(*record), query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err says what went wrong
	for rows.Next() {
		r, err := j.scan(rows.Scan)
		if err != nil {
			return err
		}
		fn(r)
	}
	return rows.Err()
}

// mark marks the adapters that nothing needs, in one transaction with the look at
// what is needed. From then on they count as gone.
func (j *jobs) mark(ctx context.Context, keep int) error {
	return j.db.Update(ctx, func(tx *sql.Tx) error {
		needed, err := j.needs(ctx, tx, keep)
		if err != nil {
			return err
		}
		ids, err := adapterIDs(ctx, tx, `SELECT id FROM trainer_adapters WHERE collected = 0 ORDER BY id`)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if needed[id] != "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, `UPDATE trainer_adapters SET collected = $1 WHERE id = $2`, j.clock().UnixMilli(), id); err != nil {
				return err
			}
		}
		return nil
	})
}

func adapterIDs(ctx context.Context, tx *sql.Tx, query string) (ids []string, err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err says what went wrong
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// sweep removes the files of marked adapters. Each goes within a transaction that
// sees it marked, so that no training brings it back meanwhile; after a crash the
// next sweep removes what is left.
func (s *Server) sweep(ctx context.Context) error {
	var marked []string
	err := s.jobs.db.Update(ctx, func(tx *sql.Tx) (err error) {
		marked, err = adapterIDs(ctx, tx, `SELECT id FROM trainer_adapters WHERE collected <> 0 ORDER BY id`)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range marked {
		if !s.store.Has(id) {
			continue
		}
		err := s.jobs.db.Update(ctx, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, `UPDATE trainer_adapters SET collected = collected WHERE id = $1 AND collected <> 0`, id) // locks the row
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); n == 0 || err != nil {
				return err
			}
			return s.store.Remove(id)
		})
		if err != nil {
			return err
		}
		s.log.Info("an adapter that nothing needs was removed", zap.String("adapter", id))
	}
	return nil
}

// Collect removes the adapters that no run and no job can still need, beyond the
// newest Config.Keep of each run.
func (s *Server) Collect(ctx context.Context) error {
	if err := s.jobs.mark(ctx, s.cfg.Keep); err != nil {
		return fmt.Errorf("trainer: mark adapters: %w", err)
	}
	return s.sweep(ctx)
}

// collect collects from time to time. It begins with what a crash left marked.
func (s *Server) collect(ctx context.Context) error {
	const failed = "adapters could not be collected"
	if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn(failed, zap.Error(err))
	}
	if s.cfg.Keep == 0 {
		<-ctx.Done()
		return nil
	}
	return s.every(ctx, collecting, failed, s.Collect)
}
