package loglinear

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

const (
	// cached is the number of adapters that are kept. A session keeps its own one;
	// the cache serves the few runs that share an adapter, and sessions that are
	// opened again.
	cached = 32
	// maxBytes bounds the files of one adapter. The weights of the log-linear
	// policy are far below 1 MiB.
	maxBytes = 16 << 20
)

// adapters gets adapters from the trainer. Safe for concurrent use.
type adapters struct {
	trainer trainerv1.TrainerServiceClient
	parsed  *lru.Cache[string, *policy.Policy] // by id
}

func newAdapters(trainer trainerv1.TrainerServiceClient) (*adapters, error) {
	if trainer == nil {
		return nil, errs.Invalid("trainer", "is missing, want a client of the trainer service")
	}
	parsed, err := lru.New[string, *policy.Policy](cached)
	if err != nil {
		return nil, err
	}
	return &adapters{trainer: trainer, parsed: parsed}, nil
}

// get returns the base policy with an adapter in force. It returns the errors of
// artifact.Download, and errs.ErrInvalid for an adapter of another policy.
func (a *adapters) get(ctx context.Context, id string) (*policy.Policy, error) {
	if known, ok := a.parsed.Get(id); ok {
		return known, nil
	}
	manifest, files, err := artifact.Download(ctx, a.trainer, id, maxBytes)
	if err != nil {
		return nil, err
	}
	if manifest.GetPolicy() != policy.Name {
		return nil, errs.Invalid("adapter", "is for the policy %q, want %q", manifest.GetPolicy(), policy.Name)
	}
	loaded, err := policy.Load(files[artifact.ModelFile])
	if err != nil {
		return nil, err
	}
	a.parsed.Add(id, loaded)
	return loaded, nil
}
