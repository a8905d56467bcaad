package trainer

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// LeaseJob implements WorkerService. ErrUnavailable when the pairs cannot be
// drawn; the job then waits on.
func (s *Server) LeaseJob(ctx context.Context, req *trainerv1.LeaseJobRequest) (*trainerv1.LeaseJobResponse, error) {
	for {
		now := s.cfg.Clock()
		leased, err := s.jobs.lease(ctx, trainerv1.Executor_EXECUTOR_WORKER, req.GetWorker(), now, now.Add(seconds(req.GetLeaseSeconds())), s.cfg.Attempts)
		if err != nil {
			return nil, err
		}
		if leased == nil {
			return &trainerv1.LeaseJobResponse{}, nil
		}
		drawn, err := s.drawPairs(ctx, leased.job)
		if errors.Is(err, errNoPairs) || errors.Is(err, errs.ErrDataLoss) {
			if _, err := s.conclude(ctx, leased.job.GetId(), leased.token, trainerv1.JobState_JOB_STATE_FAILED, errs.Reason(err)); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, errors.Join(err, s.giveBack(context.WithoutCancel(ctx), leased))
		}
		return s.handOut(ctx, leased, drawn)
	}
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// handOut notes which pairs the holder of a lease was given.
func (s *Server) handOut(ctx context.Context, leased *record, drawn *bufferv1.SampleResponse) (*trainerv1.LeaseJobResponse, error) {
	r, err := s.jobs.changeHeld(ctx, leased.job.GetId(), leased.token, s.cfg.Clock(), func(_ *sql.Tx, r *record) error {
		r.job.DataDigest = drawn.GetDigest()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &trainerv1.LeaseJobResponse{Job: r.job, Token: r.token, Pairs: drawn.GetPairs()}, nil
}

// giveBack queues a job again whose lease nobody has been told of; it was no
// attempt.
func (s *Server) giveBack(ctx context.Context, leased *record) error {
	_, err := s.jobs.changeHeld(ctx, leased.job.GetId(), leased.token, s.cfg.Clock(), func(_ *sql.Tx, r *record) error {
		r.job.Attempts--
		r.enter(trainerv1.JobState_JOB_STATE_QUEUED)
		return nil
	})
	return err
}

// Heartbeat implements WorkerService.
func (s *Server) Heartbeat(ctx context.Context, req *trainerv1.HeartbeatRequest) (*trainerv1.HeartbeatResponse, error) {
	now, cancelled := s.cfg.Clock(), false
	_, err := s.jobs.change(ctx, req.GetJobId(), func(_ *sql.Tx, r *record) error {
		if r.job.GetState() == trainerv1.JobState_JOB_STATE_CANCELLED && r.token == req.GetToken() {
			cancelled = true
			return nil
		}
		if !r.held(req.GetToken(), now) {
			return notHeld(r, req.GetToken())
		}
		r.leaseUntil = now.Add(seconds(req.GetLeaseSeconds()))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &trainerv1.HeartbeatResponse{Cancelled: cancelled}, nil
}

// CompleteJob implements WorkerService.
func (s *Server) CompleteJob(ctx context.Context, req *trainerv1.CompleteJobRequest) (*trainerv1.CompleteJobResponse, error) {
	r, err := s.jobs.get(ctx, req.GetJobId())
	if err != nil {
		return nil, err
	}
	if r.token == req.GetToken() && r.concluded() {
		return &trainerv1.CompleteJobResponse{Job: r.job}, nil
	}
	if err := s.heldByWorker(r, req.GetToken()); err != nil {
		return nil, err
	}
	job, err := s.complete(ctx, r, &result{
		weights: req.GetWeights(), metrics: req.GetMetrics(), policy: req.GetPolicy(), digest: r.job.GetDataDigest(),
	})
	if err != nil {
		return nil, err
	}
	return &trainerv1.CompleteJobResponse{Job: job}, nil
}

// concluded reports that a result was handed in for the job's latest lease.
func (r *record) concluded() bool {
	return r.job.GetState() == trainerv1.JobState_JOB_STATE_ACTIVE || r.job.GetState() == trainerv1.JobState_JOB_STATE_REJECTED
}

// heldByWorker keeps callers away from the jobs of the embedded executor.
func (s *Server) heldByWorker(r *record, token int64) error {
	if r.job.GetExecutor() != trainerv1.Executor_EXECUTOR_WORKER || !r.held(token, s.cfg.Clock()) {
		return notHeld(r, token)
	}
	return nil
}

// FailJob implements WorkerService. ErrPrecondition when the lease is no longer
// held.
func (s *Server) FailJob(ctx context.Context, req *trainerv1.FailJobRequest) (*trainerv1.FailJobResponse, error) {
	r, err := s.jobs.change(ctx, req.GetJobId(), func(_ *sql.Tx, r *record) error {
		if err := s.heldByWorker(r, req.GetToken()); err != nil {
			return err
		}
		state := trainerv1.JobState_JOB_STATE_FAILED
		if req.GetPassing() && int(r.job.GetAttempts()) < s.cfg.Attempts {
			state = trainerv1.JobState_JOB_STATE_QUEUED
		}
		r.end(state, req.GetReason())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &trainerv1.FailJobResponse{Job: r.job}, nil
}
