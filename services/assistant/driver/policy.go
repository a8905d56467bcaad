// Package driver is the contract between the assistant and its drivers: a Policy
// speaks, a Summarizer puts a part of the day into words. The embedded drivers
// are packages loglinear and counts; packages policytest and summarizertest are
// the suites that every driver must pass.
package driver

import (
	"context"

	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Policy decides whether something is said, and what. A Policy is immutable: With
// returns another one. Safe for concurrent use; many sessions share one.
type Policy interface {
	// Answer returns the candidates of a moment, the prompt that the policy was
	// given, and the calls that it took. n is the number of candidates, 1 to 16,
	// under SCHEME_SAMPLES. Under SCHEME_CONTRAST there are 2, or 3 where
	// candidate 0 is a recommendation, and under SCHEME_COMPLETE 3: a silence and
	// two different recommendations; n does not count. An answer that cannot
	// be read after the allowed repairs is a Failure candidate, not an error.
	// ErrUnavailable when a model cannot be reached, ErrExhausted when a limit or
	// a budget is used up, ErrCanceled or ErrDeadline when ctx ends.
	Answer(ctx context.Context, m *Moment, n int, scheme simv1.Scheme) ([]*simv1.Candidate, *simv1.Prompt, role.Effects, error)
	// With returns the policy with an adapter in force instead of its own, once the
	// adapter is ready for use. ErrInvalid for one that does not fit, ErrNotFound
	// for an unknown one, ErrDataLoss for one that is damaged.
	With(ctx context.Context, adapter *assistantv1.Adapter) (Policy, error)
	// Adapter is the id of the adapter in force; empty for the base policy.
	Adapter() string
	// Backend describes the driver, as the identity of a run records it.
	Backend() *simv1.Backend
}

// Moment is a step as a policy may see it. Nothing in it changes afterwards.
type Moment struct {
	// Run is the opaque handle of the run. It may label what a driver does; no
	// decision may depend on it.
	Run string
	// Step number from the beginning of the run, 0-based.
	Step int32
	// At is the beginning of the step in simulated seconds since the run began.
	At int64
	// Seen is what the user does.
	Seen *simv1.Observation
	// Memory says what Text and Features may contain.
	Memory simv1.MemoryLevel
	// Text has all that is known, in words: the summaries of today, the last
	// minutes, similar moments of the past, and the present.
	Text string
	// Features has the same in numbers, for a policy that learns from them.
	Features *simv1.Features
	// Draws is the randomness of the step. Answer i draws from Draws.At(i).
	Draws seeded.Source
}
