package trainer

import (
	"context"
	"database/sql"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/pkg/paging"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// KeepAdapter implements TrainerService.
func (s *Server) KeepAdapter(ctx context.Context, req *trainerv1.KeepAdapterRequest) (*trainerv1.KeepAdapterResponse, error) {
	err := s.jobs.db.Update(ctx, func(tx *sql.Tx) error {
		if err := lockAdapter(ctx, tx, req.GetAdapter()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO trainer_keeps (run_id, adapter) VALUES ($1, $2)
			ON CONFLICT (run_id) DO UPDATE SET adapter = excluded.adapter`, req.GetRunId(), req.GetAdapter())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &trainerv1.KeepAdapterResponse{}, nil
}

// ListKeptAdapters implements TrainerService.
func (s *Server) ListKeptAdapters(ctx context.Context, req *trainerv1.ListKeptAdaptersRequest) (*trainerv1.ListKeptAdaptersResponse, error) {
	scope := "trainer.ListKeptAdapters run=" + req.GetRunId()
	after, err := paging.Parse[place](scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	var needed map[string]string
	collected := map[string]int64{}
	err = s.jobs.db.Update(ctx, func(tx *sql.Tx) (err error) {
		if needed, err = s.jobs.needs(ctx, tx, s.cfg.Keep); err != nil {
			return err
		}
		return collectTimes(ctx, tx, collected)
	})
	if err != nil {
		return nil, err
	}
	resp, full := &trainerv1.ListKeptAdaptersResponse{}, paging.New(req.GetPageSize())
	last := place{}
	err = s.jobs.page(ctx, req.GetRunId(), nil, after, full.Limit(), func(job *trainerv1.Job) bool {
		one := &trainerv1.KeptAdapter{Job: job}
		if job.GetAdapter() != "" && !full.Add(one) {
			resp.NextPageToken = paging.Token(scope, last)
			return false
		}
		last = placeOf(job)
		if job.GetAdapter() == "" {
			return true
		}
		s.describeKept(one, needed, collected)
		resp.Adapters = append(resp.Adapters, one)
		return true
	})
	return resp, err
}

func (s *Server) describeKept(one *trainerv1.KeptAdapter, needed map[string]string, collected map[string]int64) {
	id := one.GetJob().GetAdapter()
	if at := collected[id]; at != 0 {
		one.CollectTime = timestamppb.New(time.UnixMilli(at))
		return
	}
	one.KeptFor = needed[id]
	if s.cfg.Keep == 0 && one.GetKeptFor() == "" {
		one.KeptFor = "all are kept"
	}
	m, err := s.store.Manifest(id)
	if err != nil {
		one.KeptFor = "damaged: verify it"
		return
	}
	for _, f := range m.GetFiles() {
		one.Bytes += f.GetSize()
	}
}

func collectTimes(ctx context.Context, tx *sql.Tx, out map[string]int64) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, collected FROM trainer_adapters WHERE collected <> 0`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err says what went wrong
	for rows.Next() {
		var id string
		var at int64
		if err := rows.Scan(&id, &at); err != nil {
			return err
		}
		out[id] = at
	}
	return rows.Err()
}
