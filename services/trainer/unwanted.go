package trainer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// failUnwanted fails jobs for which no worker was there for WorkerWait: a worker
// that is busy with another job is there, and so is that of a node which trains once
// its model server is idle.
func (s *Server) failUnwanted(ctx context.Context) error {
	var waiting []*record
	err := s.jobs.waiting(ctx, trainerv1.Executor_EXECUTOR_WORKER, func(r *record) bool {
		waiting = append(waiting, r)
		return true
	})
	if err != nil || len(waiting) == 0 {
		return err
	}
	s.noteOffers(s.loader.Offers(ctx))
	there, err := s.workers.list(ctx, s.cfg.Clock().Add(-s.cfg.WorkerWait), "", manyWorkers)
	if err != nil {
		return err
	}
	for _, r := range waiting {
		able := func(w *trainerv1.Worker) bool { return canTrain(w.GetCapabilities(), r.job) }
		if s.cfg.Clock().Sub(s.waitsSince(r)) <= s.cfg.WorkerWait || slices.ContainsFunc(there, able) {
			continue
		}
		reason := fmt.Sprintf("no worker that can train %s has asked for the job within %v", describe(r.job), s.cfg.WorkerWait)
		_, err := s.commit(ctx, r, func(r *record) { r.end(trainerv1.JobState_JOB_STATE_FAILED, reason) })
		if err != nil && !errors.Is(err, errMoved) {
			return err
		}
	}
	return nil
}

// manyWorkers bounds how many workers are looked at.
const manyWorkers = 10_000

func (s *Server) noteOffers(models []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, model := range models {
		s.offered[model] = s.cfg.Clock()
	}
}

// waitsSince is when a job began to wait for a worker in vain: when it was queued or
// lost its worker, when this process started, or when a node last offered to train it.
func (s *Server) waitsSince(r *record) time.Time {
	since := r.job.GetStateTime().AsTime()
	if r.job.GetState() == trainerv1.JobState_JOB_STATE_LEASED {
		since = r.leaseUntil
	}
	moments := []time.Time{since, s.began}
	s.mu.Lock()
	defer s.mu.Unlock()
	for model, at := range s.offered {
		if trains(r.job, model) {
			moments = append(moments, at)
		}
	}
	return slices.MaxFunc(moments, time.Time.Compare)
}
