// Package worlds holds the places that come with the program: one YAML file
// each, named by its id.
package worlds

import (
	"embed"
	"fmt"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/world"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Files are the world files.
//
//go:embed *.yaml
var Files embed.FS

// All returns every world that comes with the program, by id. An error means a
// broken build.
func All() ([]*simv1.World, error) {
	entries, err := Files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("worlds: %w", err)
	}
	var out []*simv1.World
	for _, entry := range entries {
		w, err := Get(strings.TrimSuffix(entry.Name(), ".yaml"))
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// Get returns a world by id; errs.ErrNotFound for an unknown one.
func Get(id string) (*simv1.World, error) {
	data, err := Files.ReadFile(id + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("world %q: %w", id, errs.ErrNotFound)
	}
	w, err := world.Parse(id, data)
	if err != nil {
		return nil, fmt.Errorf("worlds/%s.yaml: %w", id, err)
	}
	return w, nil
}
