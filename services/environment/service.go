package environment

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/paging"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// run returns a run by id, also one that another process has just created.
// ErrRunNotFound for an unknown one.
func (s *Server) run(ctx context.Context, id string) (*run, error) {
	if r := s.find(id); r != nil {
		return r, nil
	}
	if err := s.follow(ctx); err != nil {
		return nil, err
	}
	if r := s.find(id); r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("run %q: %w", id, errs.ErrRunNotFound)
}

// GetRun implements RunService.
func (s *Server) GetRun(ctx context.Context, req *environmentv1.GetRunRequest) (*environmentv1.GetRunResponse, error) {
	r, err := s.run(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &environmentv1.GetRunResponse{Run: r.View()}, nil
}

// runPlace is a position in the order of runs: the id of the one listed last.
type runPlace struct {
	ID string `json:"i"`
}

// listScope is the scope of the page tokens of a ListRuns request.
func listScope(req *environmentv1.ListRunsRequest) string {
	var scope strings.Builder
	scope.WriteString("environment.ListRuns")
	for _, name := range slices.Sorted(maps.Keys(req.GetLabels())) {
		fmt.Fprintf(&scope, " %q=%q", name, req.GetLabels()[name])
	}
	fmt.Fprintf(&scope, " %v", req.GetStates())
	return scope.String()
}

// ListRuns implements RunService. What other processes do with their runs may
// be shown Config.Poll late.
func (s *Server) ListRuns(_ context.Context, req *environmentv1.ListRunsRequest) (*environmentv1.ListRunsResponse, error) {
	scope := listScope(req)
	at, err := paging.Parse[runPlace](scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	runs := s.all()
	if at.ID != "" {
		last := slices.IndexFunc(runs, func(r *run) bool { return r.ID() == at.ID })
		if last < 0 {
			return nil, errs.Invalid("page_token", "found one that names run %q, which does not exist", at.ID)
		}
		runs = runs[last+1:]
	}
	resp, page := &environmentv1.ListRunsResponse{}, paging.New(req.GetPageSize())
	for _, r := range runs {
		view := r.View()
		if !selected(req, view) {
			continue
		}
		if !page.Add(view) {
			resp.NextPageToken = paging.Token(scope, runPlace{ID: resp.Runs[len(resp.Runs)-1].GetId()})
			break
		}
		resp.Runs = append(resp.Runs, view)
	}
	return resp, nil
}

// selected reports that a run has all labels and one of the states that a
// request names.
func selected(req *environmentv1.ListRunsRequest, run *environmentv1.Run) bool {
	for name, value := range req.GetLabels() {
		if has, ok := run.GetLabels()[name]; !ok || has != value {
			return false
		}
	}
	return len(req.GetStates()) == 0 || slices.Contains(req.GetStates(), run.GetState())
}

// GetStep implements RunService.
func (s *Server) GetStep(ctx context.Context, req *environmentv1.GetStepRequest) (*environmentv1.GetStepResponse, error) {
	if _, err := s.run(ctx, req.GetRunId()); err != nil {
		return nil, err
	}
	entry, err := s.journal.Step(ctx, req.GetRunId(), req.GetStep())
	if err != nil {
		return nil, err
	}
	return &environmentv1.GetStepResponse{Entry: entry}, nil
}

// entryPlace is a position in a run: the sequence number listed last.
type entryPlace struct {
	Sequence int64 `json:"s"`
}

// ListEntries implements RunService.
func (s *Server) ListEntries(ctx context.Context, req *environmentv1.ListEntriesRequest) (*environmentv1.ListEntriesResponse, error) {
	scope := fmt.Sprintf("environment.ListEntries %q after %d", req.GetRunId(), req.GetAfterSequence())
	at, err := paging.Parse[entryPlace](scope, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	if _, err := s.run(ctx, req.GetRunId()); err != nil {
		return nil, err
	}
	resp, page := &environmentv1.ListEntriesResponse{}, paging.New(req.GetPageSize())
	for entry, err := range s.journal.Entries(ctx, req.GetRunId(), max(req.GetAfterSequence(), at.Sequence)) {
		if err != nil {
			return nil, err
		}
		if !page.Add(entry) {
			resp.NextPageToken = paging.Token(scope, entryPlace{Sequence: resp.GetEntries()[len(resp.GetEntries())-1].GetSequence()})
			break
		}
		resp.Entries = append(resp.Entries, entry)
	}
	return resp, nil
}

// WatchRun implements RunService; see watch.Watchers.Serve.
func (s *Server) WatchRun(req *environmentv1.WatchRunRequest, stream grpc.ServerStreamingServer[environmentv1.WatchRunResponse]) error {
	r, err := s.run(stream.Context(), req.GetId())
	if err != nil {
		return err
	}
	return s.watchers.Serve(r.Run, req, stream)
}
