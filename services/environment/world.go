package environment

import (
	"context"
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (s *Server) world(id string) (*simv1.World, error) {
	for _, w := range s.worlds {
		if w.GetId() == id {
			return w, nil
		}
	}
	return nil, fmt.Errorf("world %q: %w", id, errs.ErrNotFound)
}

// GetWorld implements WorldService.
func (s *Server) GetWorld(_ context.Context, req *environmentv1.GetWorldRequest) (*environmentv1.GetWorldResponse, error) {
	w, err := s.world(req.GetId())
	if err != nil {
		return nil, err
	}
	return &environmentv1.GetWorldResponse{World: w}, nil
}

// ListWorlds implements WorldService. The token is the id of the page's last
// world.
func (s *Server) ListWorlds(_ context.Context, req *environmentv1.ListWorldsRequest) (*environmentv1.ListWorldsResponse, error) {
	resp := &environmentv1.ListWorldsResponse{}
	size := pageSize(req.GetPageSize())
	for _, w := range s.worlds {
		if w.GetId() <= req.GetPageToken() {
			continue
		}
		if len(resp.GetWorlds()) == size {
			resp.NextPageToken = resp.GetWorlds()[size-1].GetId()
			break
		}
		resp.Worlds = append(resp.Worlds, w)
	}
	return resp, nil
}

// pageSize reads a page size of a request, 0 meaning 100.
func pageSize(wanted int32) int {
	if wanted == 0 {
		return 100
	}
	return int(wanted)
}
