package trainer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// LeaseJob implements WorkerService.
func (s *Server) LeaseJob(ctx context.Context, req *trainerv1.LeaseJobRequest) (*trainerv1.LeaseJobResponse, error) {
	if err := s.workers.seen(ctx, req.GetWorker(), req.GetCapabilities(), s.cfg.Clock()); err != nil {
		return nil, err
	}
	enough := time.NewTimer(req.GetWait().AsDuration())
	defer enough.Stop()
	for {
		queued := s.queued.wait()
		leased, err := s.jobs.lease(ctx, leasing{
			executor: trainerv1.Executor_EXECUTOR_WORKER, worker: req.GetWorker(), length: req.GetLease().AsDuration(), attempts: s.cfg.Attempts,
			fits: func(job *trainerv1.Job) bool { return canTrain(req.GetCapabilities(), job) },
		})
		if err != nil {
			return nil, err
		}
		if leased != nil {
			return &trainerv1.LeaseJobResponse{Job: leased.job, FencingToken: leased.token}, nil
		}
		select {
		case <-queued:
		case <-time.After(lookAgain): // a lease expired, or another coordinator has a job
		case <-enough.C:
			return &trainerv1.LeaseJobResponse{}, nil
		case <-s.stopping:
			return &trainerv1.LeaseJobResponse{}, nil
		case <-ctx.Done():
			return nil, errs.FromContext(ctx)
		}
	}
}

// StreamPairs implements WorkerService. A job that has no pairs, or whose pairs
// are no longer those of an attempt before, fails.
func (s *Server) StreamPairs(req *trainerv1.StreamPairsRequest, stream grpc.ServerStreamingServer[trainerv1.StreamPairsResponse]) error {
	ctx := stream.Context()
	r, err := s.jobs.get(ctx, req.GetJobId())
	if err != nil {
		return err
	}
	if err := s.heldByWorker(r, req.GetFencingToken()); err != nil {
		return err
	}
	err = s.sample(ctx, r.job, func(header *bufferv1.SampleHeader) error {
		_, err := s.jobs.changeHeld(ctx, r.job.GetId(), req.GetFencingToken(), func(_ *sql.Tx, r *record) error {
			r.job.DataDigest = header.GetDigest()
			return nil
		})
		if err != nil {
			return err
		}
		s.jobs.metrics.pairs.Observe(float64(header.GetCount()))
		return stream.Send(&trainerv1.StreamPairsResponse{Part: &trainerv1.StreamPairsResponse_Header{Header: header}})
	}, func(batch *bufferv1.PairBatch) error {
		return stream.Send(&trainerv1.StreamPairsResponse{Part: &trainerv1.StreamPairsResponse_Batch{Batch: batch}})
	})
	if errors.Is(err, errNoPairs) || errors.Is(err, errs.ErrDataLoss) {
		if _, err := s.jobs.conclude(ctx, r.job.GetId(), req.GetFencingToken(), trainerv1.JobState_JOB_STATE_FAILED, err); err != nil {
			return err
		}
		return fmt.Errorf("job %s has failed: %v: %w", r.job.GetId(), errs.Reason(err), errs.ErrLeaseLost)
	}
	return err
}

// Heartbeat implements WorkerService.
func (s *Server) Heartbeat(ctx context.Context, req *trainerv1.HeartbeatRequest) (*trainerv1.HeartbeatResponse, error) {
	cancelled, worker := false, ""
	_, err := s.jobs.change(ctx, req.GetJobId(), func(_ *sql.Tx, r *record) error {
		worker = r.worker
		if r.job.GetState() == trainerv1.JobState_JOB_STATE_CANCELLED && r.token == req.GetFencingToken() {
			cancelled = true
			return nil
		}
		if err := s.heldByWorker(r, req.GetFencingToken()); err != nil {
			return err
		}
		r.leaseUntil = r.now.Add(req.GetLease().AsDuration())
		if req.GetProgress() != nil {
			r.job.Progress = req.GetProgress()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.workers.seen(ctx, worker, nil, s.cfg.Clock()); err != nil {
		return nil, err
	}
	return &trainerv1.HeartbeatResponse{Cancelled: cancelled}, nil
}

// heldByWorker returns an ErrLeaseLost for a caller that does not hold the job,
// and for a job of the embedded executor.
func (s *Server) heldByWorker(r *record, token int64) error {
	if r.job.GetExecutor() != trainerv1.Executor_EXECUTOR_WORKER || !r.held(token, s.cfg.Clock()) {
		return leaseLost(r, token)
	}
	return nil
}

// FailJob implements WorkerService. ErrLeaseLost when the lease is no longer
// valid.
func (s *Server) FailJob(ctx context.Context, req *trainerv1.FailJobRequest) (*trainerv1.FailJobResponse, error) {
	r, err := s.jobs.change(ctx, req.GetJobId(), func(_ *sql.Tx, r *record) error {
		if err := s.heldByWorker(r, req.GetFencingToken()); err != nil {
			return err
		}
		if req.GetReturned() {
			r.job.Attempts--
		}
		if req.GetReturned() || (req.GetRetryable() && int(r.job.GetAttempts()) < s.cfg.Attempts) {
			r.end(trainerv1.JobState_JOB_STATE_QUEUED, req.GetReason())
		} else {
			r.end(trainerv1.JobState_JOB_STATE_FAILED, req.GetReason())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.queued.notify()
	return &trainerv1.FailJobResponse{Job: r.job}, nil
}
