package rederive

import (
	"cmp"
	"context"
	"fmt"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/environment/conduct"
)

// nights is a trainer that answers with the recorded nights of one run. A night
// that a worker trained cannot be trained again here: it takes the worker, and its
// result depends on the device.
type nights struct {
	trainerv1.TrainerServiceClient // no other method is called
	recorded                       map[int32]*environmentv1.Night
	served                         map[string]string // name at the model server by adapter
}

// add records an entry: a night, or the name under which the step after a night
// asked for the adapter in force.
func (n *nights) add(adapter string, body *environmentv1.EntryBody) (inForce string) {
	if night := body.GetNight(); night != nil {
		n.recorded[night.GetDay()] = night
		return night.GetAdapter()
	}
	for _, call := range body.GetStep().GetCalls() {
		if adapter != "" && call.GetRole() == simv1.Role_ROLE_ASSISTANT && call.GetAdapter() != "" {
			n.served[adapter] = call.GetAdapter()
		}
	}
	return adapter
}

// SubmitJob implements TrainerServiceClient. The job is final at once.
func (n *nights) SubmitJob(_ context.Context, req *trainerv1.SubmitJobRequest, _ ...grpc.CallOption) (*trainerv1.SubmitJobResponse, error) {
	night := n.recorded[req.GetDay()]
	if night == nil {
		return nil, fmt.Errorf("night %d is not on record: %w", req.GetDay(), errs.ErrPrecondition)
	}
	job := &trainerv1.Job{Id: fmt.Sprintf("night-%d", req.GetDay()), RunId: req.GetRunId(), Day: req.GetDay(), Metrics: night.GetMetrics()}
	if night.GetFailure() != "" {
		// The run writes id, state and reason into its record again, which then is the
		// recorded one.
		id, state, reason := conduct.FailedJob(night.GetFailure())
		job.Id, job.State, job.Reason = cmp.Or(id, job.GetId()), state, reason
		return &trainerv1.SubmitJobResponse{Job: job}, nil
	}
	job.State, job.Adapter, job.ServedModel = trainerv1.JobState_JOB_STATE_ACTIVE, night.GetAdapter(), n.served[night.GetAdapter()]
	if job.GetServedModel() == "" {
		job.ServedModel = night.GetAdapter() // no step asked for it
	}
	return &trainerv1.SubmitJobResponse{Job: job}, nil
}

// ListJobs implements TrainerServiceClient.
func (n *nights) ListJobs(ctx context.Context, req *trainerv1.ListJobsRequest, _ ...grpc.CallOption) (*trainerv1.ListJobsResponse, error) {
	out := &trainerv1.ListJobsResponse{}
	for day := range n.recorded {
		resp, err := n.SubmitJob(ctx, &trainerv1.SubmitJobRequest{RunId: req.GetRunId(), Day: day})
		if err != nil {
			return nil, err
		}
		out.Jobs = append(out.Jobs, resp.GetJob())
	}
	return out, nil
}
