// Package modelembed embeds texts by a model behind an endpoint.
package modelembed

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/retrieval/embed"
)

// Embedder is an embed.Embedder.
type Embedder struct {
	asker      model.Asker
	model      string
	dimensions int
	backend    *simv1.Backend

	mu    sync.Mutex
	owing role.Effects // guarded by mu; the paid question of New, until an Embed records it
}

// New returns the embedder. Where models.roles.embedder.dimensions is 0 it asks
// the model for one embedding to learn how many it has, and returns the errors
// of that call; the first Embed records it with its own. An ErrInvalid where the
// role is not configured.
func New(ctx context.Context, asker model.Asker) (*Embedder, error) {
	r, _, err := asker.Role(model.Embedder)
	if err != nil {
		return nil, err
	}
	e := &Embedder{asker: asker, model: r.Model, dimensions: r.Dimensions, backend: r.Backend(model.Embedder, "model", "")}
	if e.dimensions == 0 {
		probe, records, timings, err := asker.Embed(ctx, model.EmbedCall{Purpose: "dimensions", Run: "embedder", Texts: []string{"how many dimensions"}})
		if err != nil {
			return nil, fmt.Errorf("learn the dimensions of %s: %w", r.Model, err)
		}
		e.dimensions = len(probe[0])
		if !records[0].Cached {
			e.owing = effectsOf(records, timings)
		}
	}
	return e, nil
}

// Model implements embed.Embedder.
func (e *Embedder) Model() string { return e.model }

// Dimensions implements embed.Embedder.
func (e *Embedder) Dimensions() int { return e.dimensions }

// Backend implements embed.Embedder.
func (e *Embedder) Backend() *simv1.Backend { return e.backend }

// Embed implements embed.Embedder. The vectors of the model get length 1; one of
// length 0 is an errs.ErrPrecondition, for it has no direction.
func (e *Embedder) Embed(ctx context.Context, texts []string) ([][]float32, role.Effects, error) {
	if err := errs.FromContext(ctx); err != nil || len(texts) == 0 {
		return nil, role.Effects{}, err
	}
	vectors, records, timings, err := e.asker.Embed(ctx, model.EmbedCall{Purpose: "moments", Run: "embedder", Texts: texts})
	if err != nil {
		return nil, role.Effects{}, err
	}
	for i, v := range vectors {
		if vectors[i], err = unit(v); err != nil {
			return nil, role.Effects{}, fmt.Errorf("text %d: %w", i, err)
		}
	}
	effects := effectsOf(records, timings)
	e.mu.Lock()
	defer e.mu.Unlock()
	effects.Add(e.owing)
	e.owing = role.Effects{}
	return vectors, effects, nil
}

// effectsOf returns calls as a step records them.
func effectsOf(records []model.Record, timings []model.Timing) role.Effects {
	var out role.Effects
	for i := range records {
		out.Calls = append(out.Calls, records[i].Message())
		out.Timings = append(out.Timings, timings[i].Message())
	}
	return out
}

// unit scales a vector to length 1.
func unit(v []float32) ([]float32, error) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return nil, fmt.Errorf("the model gave an embedding of zeros: %w", errs.ErrPrecondition)
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return out, nil
}

var _ embed.Embedder = (*Embedder)(nil)
