package environment

import (
	"context"
	"fmt"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/paging"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// world returns a world by id. ErrNotFound, with the ids that there are, for an
// unknown one.
func (s *Server) world(id string) (*simv1.World, error) {
	ids := make([]string, len(s.worlds))
	for i, w := range s.worlds {
		if w.GetId() == id {
			return w, nil
		}
		ids[i] = w.GetId()
	}
	return nil, fmt.Errorf("there is no world %q, want one of %s: %w", id, strings.Join(ids, ", "), errs.ErrNotFound)
}

// GetWorld implements WorldService.
func (s *Server) GetWorld(_ context.Context, req *environmentv1.GetWorldRequest) (*environmentv1.GetWorldResponse, error) {
	w, err := s.world(req.GetId())
	if err != nil {
		return nil, err
	}
	return &environmentv1.GetWorldResponse{World: w}, nil
}

const listWorlds = "environment.ListWorlds" // the scope of its page tokens

// worldPlace is a position in the list of worlds: the id of the one listed last.
type worldPlace struct {
	ID string `json:"i"`
}

// ListWorlds implements WorldService.
func (s *Server) ListWorlds(_ context.Context, req *environmentv1.ListWorldsRequest) (*environmentv1.ListWorldsResponse, error) {
	after, err := paging.Parse[worldPlace](listWorlds, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp, full := &environmentv1.ListWorldsResponse{}, paging.New(req.GetPageSize())
	for _, w := range s.worlds {
		if w.GetId() <= after.ID {
			continue
		}
		if !full.Add(w) {
			resp.NextPageToken = paging.Token(listWorlds, worldPlace{ID: resp.Worlds[len(resp.Worlds)-1].GetId()})
			break
		}
		resp.Worlds = append(resp.Worlds, w)
	}
	return resp, nil
}
