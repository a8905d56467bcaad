package trainer

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/paging"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// jobID is derived from the whole request.
func jobID(req *trainerv1.SubmitJobRequest) (string, error) {
	content, err := marshal(req)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return "job-" + hex.EncodeToString(sum[:16]), nil
}

// SubmitJob implements TrainerService. ErrNotFound for a parent adapter that was
// never published.
func (s *Server) SubmitJob(ctx context.Context, req *trainerv1.SubmitJobRequest) (*trainerv1.SubmitJobResponse, error) {
	id, err := jobID(req)
	if err != nil {
		return nil, err
	}
	if parent := req.GetParentAdapter(); parent != "" {
		if err := s.jobs.requireAdapter(ctx, parent); err != nil {
			return nil, fmt.Errorf("parent_adapter: %w", err)
		}
	}
	job, added, err := s.jobs.submit(ctx, &trainerv1.Job{
		Id: id, RunId: req.GetRunId(), Day: req.GetDay(), ParentAdapter: req.GetParentAdapter(),
		Hyperparameters: req.GetHyperparameters(), Executor: req.GetExecutor(), Seed: req.GetSeed(),
	})
	if err != nil {
		return nil, err
	}
	if added && job.GetExecutor() == trainerv1.Executor_EXECUTOR_EMBEDDED {
		s.wakeWorker()
	}
	return &trainerv1.SubmitJobResponse{Job: job}, nil
}

// GetJob implements TrainerService.
func (s *Server) GetJob(ctx context.Context, req *trainerv1.GetJobRequest) (*trainerv1.GetJobResponse, error) {
	r, err := s.jobs.get(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &trainerv1.GetJobResponse{Job: r.job}, nil
}

// ListJobs implements TrainerService.
func (s *Server) ListJobs(ctx context.Context, req *trainerv1.ListJobsRequest) (*trainerv1.ListJobsResponse, error) {
	scope := "trainer.ListJobs run=" + req.GetRunId()
	after, err := paging.Parse[place](scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp, full := &trainerv1.ListJobsResponse{}, paging.New(req.GetPageSize())
	err = s.jobs.page(ctx, req.GetRunId(), after, full.Limit(), func(job *trainerv1.Job) bool {
		if !full.Add(job) {
			resp.NextPageToken = paging.Token(scope, placeOf(resp.Jobs[len(resp.Jobs)-1]))
			return false
		}
		resp.Jobs = append(resp.Jobs, job)
		return true
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// place is a position in the order of jobs: by run, day and id.
type place struct {
	Run string `json:"r"`
	Day int32  `json:"d"`
	ID  string `json:"i"`
}

func placeOf(job *trainerv1.Job) place {
	return place{Run: job.GetRunId(), Day: job.GetDay(), ID: job.GetId()}
}

// WatchJob implements TrainerService. It never waits for who does not read: the
// few states of a job are far less than gRPC takes in for a stream.
func (s *Server) WatchJob(req *trainerv1.WatchJobRequest, stream grpc.ServerStreamingServer[trainerv1.WatchJobResponse]) error {
	ctx := stream.Context()
	watcher, stop := s.jobs.watchers.watch(req.GetId())
	defer stop()
	r, err := s.jobs.get(ctx, req.GetId())
	if err != nil {
		return err
	}
	seen := r.version
	for next := []snapshot{{version: r.version, job: r.job}}; ; next = watcher.take() {
		for _, state := range next {
			if state.version < seen {
				continue // older than the job was when it was first read
			}
			seen = state.version + 1
			if err := stream.Send(&trainerv1.WatchJobResponse{Job: state.job}); err != nil {
				return err
			}
			if final(state.job.GetState()) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errs.FromContext(ctx)
		case <-watcher.signal:
		}
	}
}

// CancelJob implements TrainerService.
func (s *Server) CancelJob(ctx context.Context, req *trainerv1.CancelJobRequest) (*trainerv1.CancelJobResponse, error) {
	r, err := s.jobs.change(ctx, req.GetId(), func(_ *sql.Tx, r *record) error {
		if final(r.job.GetState()) {
			return fmt.Errorf("job %s is %v already: %w", req.GetId(), r.job.GetState(), errs.ErrPrecondition)
		}
		r.end(trainerv1.JobState_JOB_STATE_CANCELLED, "cancelled by a caller")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &trainerv1.CancelJobResponse{Job: r.job}, nil
}

// GetAdapter implements TrainerService.
func (s *Server) GetAdapter(ctx context.Context, req *trainerv1.GetAdapterRequest) (*trainerv1.GetAdapterResponse, error) {
	if err := s.jobs.requireAdapter(ctx, req.GetId()); err != nil {
		return nil, err
	}
	a, err := s.adapters.read(req.GetId())
	if err != nil {
		// It was published: whatever is wrong now was lost since.
		if errors.Is(err, errs.ErrDataLoss) {
			s.log.Sugar().Errorw("adapter is damaged", "adapter", req.GetId(), "error", err)
		}
		return nil, err
	}
	resp := &trainerv1.GetAdapterResponse{Manifest: a.manifest}
	if !req.GetManifestOnly() {
		resp.Weights = a.weights
	}
	return resp, nil
}
