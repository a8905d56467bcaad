package experiment

import (
	"context"
	"fmt"

	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/analysis/source"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Forks returns the forks of the given runs, and the forks of those, in the order
// in which they were made. id is the name of their experiment.
func Forks(ctx context.Context, s *stack.Stack, runs []*environmentv1.Run, id string) ([]*environmentv1.Run, error) {
	all, err := source.List(ctx, s.Runs, map[string]string{LabelExperiment: id})
	if err != nil {
		return nil, fmt.Errorf("list the forks: %w", err)
	}
	family := make(map[string]bool)
	for _, r := range runs {
		family[r.GetId()] = true
	}
	var out []*environmentv1.Run
	for _, r := range all { // a fork comes after its parent
		if family[r.GetForkedFrom()] && !family[r.GetId()] {
			family[r.GetId()] = true
			out = append(out, r)
		}
	}
	return out, nil
}
