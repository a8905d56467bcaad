package trainer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/paging"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// jobID is derived from the request without run_handle.
func jobID(req *trainerv1.SubmitJobRequest) (string, error) {
	req = proto.CloneOf(req)
	req.RunHandle = "" // it is drawn anew where the same run is created again
	content, err := marshal(req)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return "job-" + hex.EncodeToString(sum[:16]), nil
}

// SubmitJob implements TrainerService. ErrNotFound for a parent adapter that was
// never published, Violations for settings that do not go together.
func (s *Server) SubmitJob(ctx context.Context, req *trainerv1.SubmitJobRequest) (*trainerv1.SubmitJobResponse, error) {
	id, err := jobID(req)
	if err != nil {
		return nil, err
	}
	if r, err := s.jobs.get(ctx, id); err == nil {
		return &trainerv1.SubmitJobResponse{Job: r.job}, nil // its parent may be gone since
	} else if !errors.Is(err, errs.ErrNotFound) {
		return nil, err
	}
	req = proto.CloneOf(req)
	if l := req.GetHyperparameters().GetLora(); l != nil {
		setLoraDefaults(l)
	}
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	job := &trainerv1.Job{
		Id: id, RunId: req.GetRunId(), Day: req.GetDay(), ParentAdapter: req.GetParentAdapter(),
		Hyperparameters: req.GetHyperparameters(), Executor: req.GetExecutor(), Seed: req.GetSeed(),
		RunHandle: cmp.Or(req.GetRunHandle(), req.GetRunId()),
	}
	if err := s.checkParent(ctx, job); err != nil {
		return nil, err
	}
	job, added, err := s.jobs.submit(ctx, job)
	if err != nil {
		return nil, err
	}
	if added {
		s.queued.notify()
	}
	return &trainerv1.SubmitJobResponse{Job: job}, nil
}

// checkParent returns an error for a parent that was never published or is of
// another policy. A damaged one fails the job later, with its reason.
func (s *Server) checkParent(ctx context.Context, job *trainerv1.Job) error {
	parent := job.GetParentAdapter()
	if parent == "" {
		return nil
	}
	if err := s.jobs.requireAdapter(ctx, parent); err != nil {
		return fmt.Errorf("parent_adapter: %w", err)
	}
	m, err := s.store.Manifest(parent)
	if err == nil && m.GetPolicy() != policyOf(job) {
		return errs.Invalid("parent_adapter", "found an adapter of policy %s, want one of %s", m.GetPolicy(), policyOf(job))
	}
	return nil
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
	scope := fmt.Sprintf("trainer.ListJobs run=%s states=%v", req.GetRunId(), req.GetStates())
	after, err := paging.Parse[place](scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp, full := &trainerv1.ListJobsResponse{}, paging.New(req.GetPageSize())
	err = s.jobs.page(ctx, req.GetRunId(), req.GetStates(), after, full.Limit(), func(job *trainerv1.Job) bool {
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

// WatchJob implements TrainerService. A slow reader does not delay it: the few
// states of a job are far less than gRPC buffers for a stream.
func (s *Server) WatchJob(req *trainerv1.WatchJobRequest, stream grpc.ServerStreamingServer[trainerv1.WatchJobResponse]) error {
	ctx := stream.Context()
	watcher, stop := s.jobs.watchers.watch(req.GetId())
	defer stop()
	seen := int64(0)
	for {
		r, err := s.jobs.get(ctx, req.GetId())
		if err != nil {
			return err
		}
		// The states that passed while this process looked, then the present one,
		// which another process may have set.
		for _, state := range append(watcher.take(), snapshot{version: r.version, job: r.job}) {
			if state.version <= seen || (seen == 0 && state.version < r.version) {
				continue
			}
			seen = state.version
			if err := stream.Send(&trainerv1.WatchJobResponse{Job: state.job}); err != nil {
				return err
			}
			if final(state.job.GetState()) {
				return nil
			}
		}
		s.idle(ctx, watcher.signal)
		if ctx.Err() != nil {
			return errs.FromContext(ctx)
		}
	}
}

// CancelJob implements TrainerService.
func (s *Server) CancelJob(ctx context.Context, req *trainerv1.CancelJobRequest) (*trainerv1.CancelJobResponse, error) {
	r, err := s.jobs.change(ctx, req.GetId(), func(_ *sql.Tx, r *record) error {
		if final(r.job.GetState()) {
			return fmt.Errorf("job %s is already %v: %w", req.GetId(), r.job.GetState(), errs.ErrPrecondition)
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
	m, err := s.published(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &trainerv1.GetAdapterResponse{Manifest: m}, nil
}

// DownloadAdapter implements TrainerService.
func (s *Server) DownloadAdapter(req *trainerv1.DownloadAdapterRequest, stream grpc.ServerStreamingServer[trainerv1.DownloadAdapterResponse]) error {
	m, err := s.published(stream.Context(), req.GetId())
	if err != nil {
		return err
	}
	if err := stream.Send(&trainerv1.DownloadAdapterResponse{Part: &trainerv1.DownloadAdapterResponse_Manifest{Manifest: m}}); err != nil {
		return err
	}
	return s.damaged(m.GetId(), s.store.Send(m, func(c *trainerv1.ArtifactChunk) error {
		return stream.Send(&trainerv1.DownloadAdapterResponse{Part: &trainerv1.DownloadAdapterResponse_Chunk{Chunk: c}})
	}))
}

// published returns the manifest of a published adapter.
func (s *Server) published(ctx context.Context, id string) (*trainerv1.Manifest, error) {
	if err := s.jobs.requireAdapter(ctx, id); err != nil {
		return nil, err
	}
	m, err := s.store.Manifest(id)
	return m, s.damaged(id, err)
}

// damaged logs an ErrDataLoss: the adapter was published, so what is wrong with
// it happened since.
func (s *Server) damaged(id string, err error) error {
	if errors.Is(err, errs.ErrDataLoss) {
		s.log.Error("an adapter is damaged", zap.String("adapter", id), zap.Error(err))
	}
	return err
}
