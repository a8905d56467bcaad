// Package embed turns texts into vectors. Its drivers are Hashing, which needs no
// model, and any other that passes embeddertest.
package embed

import (
	"context"

	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Embedder turns texts into vectors. Model, Dimensions and Backend never change
// during its life. Safe for concurrent use.
type Embedder interface {
	// Embed returns one vector for each text, in order, each of length 1 within
	// 1e-3 and with Dimensions components. No text is empty.
	// ErrUnavailable when a model cannot be reached, ErrExhausted when a limit or
	// a budget is used up, ErrCanceled or ErrDeadline when ctx ends.
	Embed(ctx context.Context, texts []string) ([][]float32, role.Effects, error)
	// Model names the vector space, such as "hash-64/1". Vectors of different
	// models cannot be compared; the index keeps them apart by this name.
	Model() string
	// Dimensions is the number of components of each vector.
	Dimensions() int
	// Backend describes the driver, as the identity of a run records it.
	Backend() *simv1.Backend
}
