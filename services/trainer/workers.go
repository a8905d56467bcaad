package trainer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/paging"
	"github.com/propersim/propersim/pkg/store"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// remembered is how long ListWorkers lists a worker after its last call.
const remembered = 24 * time.Hour

// workers is the table of those who lease jobs.
type workers struct{ db *store.DB }

// seen notes that a worker has called; nil capabilities stay as they are.
func (w workers) seen(ctx context.Context, name string, c *trainerv1.WorkerCapabilities, now time.Time) error {
	if c == nil {
		_, err := w.db.ExecContext(ctx, `UPDATE trainer_workers SET last_seen = $1 WHERE name = $2`, now.UnixMilli(), name)
		return err
	}
	body, err := marshal(c)
	if err != nil {
		return err
	}
	_, err = w.db.ExecContext(ctx, `INSERT INTO trainer_workers (name, last_seen, capabilities) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET last_seen = excluded.last_seen, capabilities = excluded.capabilities`, name, now.UnixMilli(), body)
	return err
}

// list returns the workers that called since a time, by name, after a name.
func (w workers) list(ctx context.Context, since time.Time, after string, limit int) (out []*trainerv1.Worker, err error) {
	rows, err := w.db.QueryContext(ctx, `SELECT name, last_seen, capabilities FROM trainer_workers
		WHERE last_seen >= $1 AND name > $2 ORDER BY name LIMIT $3`, since.UnixMilli(), after, int64(limit))
	if err != nil {
		return nil, w.db.Err(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		worker := &trainerv1.Worker{Capabilities: &trainerv1.WorkerCapabilities{}}
		var seen int64
		var body []byte
		if err := rows.Scan(&worker.Name, &seen, &body); err != nil {
			return nil, w.db.Err(err)
		}
		worker.LastSeen = timestamppb.New(time.UnixMilli(seen))
		if err := proto.Unmarshal(body, worker.Capabilities); err != nil {
			return nil, fmt.Errorf("database %s: the worker %q cannot be read: %w", w.db.Name, worker.Name, errs.ErrDataLoss)
		}
		out = append(out, worker)
	}
	return out, w.db.Err(rows.Err())
}

// ListWorkers implements WorkerService.
func (s *Server) ListWorkers(ctx context.Context, req *trainerv1.ListWorkersRequest) (*trainerv1.ListWorkersResponse, error) {
	const scope = "trainer.ListWorkers"
	type position struct {
		Name string `json:"n"`
	}
	after, err := paging.Parse[position](scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	page := paging.New(req.GetPageSize())
	all, err := s.workers.list(ctx, s.cfg.Clock().Add(-remembered), after.Name, page.Limit())
	if err != nil {
		return nil, err
	}
	resp := &trainerv1.ListWorkersResponse{}
	for _, worker := range all {
		err := s.jobs.leased(ctx, worker.GetName(), func(r *record) bool {
			worker.Job, worker.LeaseUntil = r.job, timestamppb.New(r.leaseUntil)
			return false
		})
		if err != nil {
			return nil, err
		}
		if !page.Add(worker) {
			resp.NextPageToken = paging.Token(scope, position{resp.Workers[len(resp.Workers)-1].GetName()})
			break
		}
		resp.Workers = append(resp.Workers, worker)
	}
	return resp, nil
}
