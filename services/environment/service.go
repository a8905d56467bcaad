package environment

import (
	"context"
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/paging"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// run returns a run by id. ErrNotFound for an unknown one.
func (s *Server) run(id string) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.runs[id]
	if !ok {
		return nil, fmt.Errorf("run %q: %w", id, errs.ErrNotFound)
	}
	return r, nil
}

// GetRun implements RunService.
func (s *Server) GetRun(_ context.Context, req *environmentv1.GetRunRequest) (*environmentv1.GetRunResponse, error) {
	r, err := s.run(req.GetId())
	if err != nil {
		return nil, err
	}
	return &environmentv1.GetRunResponse{Run: r.view()}, nil
}

const listRuns = "environment.ListRuns" // the scope of its page tokens

// runPlace is a position in the order of runs: how many were listed.
type runPlace struct {
	Listed int `json:"n"`
}

// ListRuns implements RunService.
func (s *Server) ListRuns(_ context.Context, req *environmentv1.ListRunsRequest) (*environmentv1.ListRunsResponse, error) {
	at, err := paging.Parse[runPlace](listRuns, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	resp, full := &environmentv1.ListRunsResponse{}, paging.New(req.GetPageSize())
	for _, r := range s.order[min(at.Listed, len(s.order)):] {
		view := r.view()
		if !full.Add(view) {
			resp.NextPageToken = paging.Token(listRuns, runPlace{Listed: at.Listed + len(resp.Runs)})
			break
		}
		resp.Runs = append(resp.Runs, view)
	}
	return resp, nil
}

// PauseRun implements RunService.
func (s *Server) PauseRun(ctx context.Context, req *environmentv1.PauseRunRequest) (*environmentv1.PauseRunResponse, error) {
	r, err := s.end(ctx, req.GetId(), environmentv1.RunState_RUN_STATE_PAUSED)
	if err != nil {
		return nil, err
	}
	return &environmentv1.PauseRunResponse{Run: r.view()}, nil
}

// CancelRun implements RunService.
func (s *Server) CancelRun(ctx context.Context, req *environmentv1.CancelRunRequest) (*environmentv1.CancelRunResponse, error) {
	r, err := s.end(ctx, req.GetId(), environmentv1.RunState_RUN_STATE_CANCELLED)
	if err != nil {
		return nil, err
	}
	s.closeSessions(ctx, r)
	return &environmentv1.CancelRunResponse{Run: r.view()}, nil
}

// end stops a run after its present step and records the state it was sent to.
func (s *Server) end(ctx context.Context, id string, to environmentv1.RunState) (*run, error) {
	r, err := s.run(id)
	if err != nil {
		return nil, err
	}
	for {
		if err := r.mayBecome(to); err != nil {
			return nil, err
		}
		if err := r.stop(ctx); err != nil {
			return nil, err
		}
		if ended, err := s.record(ctx, r, to); ended || err != nil {
			return r, err
		}
	}
}

// record writes the state a run was sent to. It reports false where the run was
// resumed in the meantime.
func (s *Server) record(ctx context.Context, r *run, to environmentv1.RunState) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.conducted() {
		return false, nil
	}
	// It may have come to its end in the meantime.
	if err := r.mayBecome(to); err != nil {
		return false, err
	}
	if err := s.journal.SetState(ctx, r.id, to, "", r.view().GetProgress()); err != nil {
		return false, err
	}
	r.set(to, "")
	return true, nil
}

// mayBecome says whether a call may send the run to a state.
func (r *run) mayBecome(to environmentv1.RunState) error {
	state := r.current()
	forbidden := final(state) && state != to
	if to == environmentv1.RunState_RUN_STATE_PAUSED && over(state) {
		forbidden = true
	}
	if forbidden {
		return fmt.Errorf("run %s is %s: %w", r.id, word(state), errs.ErrPrecondition)
	}
	return nil
}

// ResumeRun implements RunService.
func (s *Server) ResumeRun(ctx context.Context, req *environmentv1.ResumeRunRequest) (*environmentv1.ResumeRunResponse, error) {
	r, err := s.run(req.GetId())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	state := r.current()
	if final(state) {
		return nil, fmt.Errorf("run %s is %s: %w", r.id, word(state), errs.ErrPrecondition)
	}
	if state == environmentv1.RunState_RUN_STATE_PAUSED || state == environmentv1.RunState_RUN_STATE_FAILED {
		queued := environmentv1.RunState_RUN_STATE_QUEUED
		if err := s.journal.SetState(ctx, r.id, queued, "", nil); err != nil {
			return nil, err
		}
		r.set(queued, "")
		s.launch(r)
	}
	return &environmentv1.ResumeRunResponse{Run: r.view()}, nil
}

// GetStep implements RunService.
func (s *Server) GetStep(ctx context.Context, req *environmentv1.GetStepRequest) (*environmentv1.GetStepResponse, error) {
	entry, err := s.journal.Step(ctx, req.GetRunId(), req.GetStep())
	if err != nil {
		return nil, err
	}
	return &environmentv1.GetStepResponse{Entry: entry}, nil
}

// ListSteps implements RunService.
func (s *Server) ListSteps(ctx context.Context, req *environmentv1.ListStepsRequest) (*environmentv1.ListStepsResponse, error) {
	resp, full := &environmentv1.ListStepsResponse{}, paging.New(req.GetPageSize())
	for entry, err := range s.journal.Entries(ctx, req.GetRunId(), req.GetAfterSequence()) {
		if err != nil {
			return nil, err
		}
		if !full.Add(entry) {
			resp.NextAfterSequence = resp.GetEntries()[len(resp.GetEntries())-1].GetSequence()
			break
		}
		resp.Entries = append(resp.Entries, entry)
	}
	return resp, nil
}

// word is a state as people say it.
func word(state environmentv1.RunState) string {
	switch state {
	case environmentv1.RunState_RUN_STATE_QUEUED:
		return "queued"
	case environmentv1.RunState_RUN_STATE_RUNNING:
		return "running"
	case environmentv1.RunState_RUN_STATE_WAITING:
		return "waiting"
	case environmentv1.RunState_RUN_STATE_PAUSED:
		return "paused"
	case environmentv1.RunState_RUN_STATE_FINISHED:
		return "finished"
	case environmentv1.RunState_RUN_STATE_FAILED:
		return "failed"
	case environmentv1.RunState_RUN_STATE_CANCELLED:
		return "cancelled"
	}
	return "in no known state"
}
