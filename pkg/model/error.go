package model

import (
	"fmt"
	"time"

	"github.com/propersim/propersim/pkg/errs"
)

// Error is a call that got no answer at all: a transient failure that outlasted
// Options.Patience, a permanent one, or a spent budget. Its text never contains
// a key. errors.Is finds errs.ErrUnavailable for a transient failure,
// errs.ErrBudgetSpent for a spent budget, and errs.ErrPrecondition for a
// permanent one.
type Error struct {
	Outcome  Outcome
	Role     string
	Endpoint string
	// Detail is what happened, and Fix what to change; Fix is empty where nothing
	// but waiting helps.
	Detail, Fix string
	// RetryAfter is when a transient failure is worth another try; 0 is unknown.
	RetryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("model endpoint %s (role %s): %s: %s", e.Endpoint, e.Role, e.Outcome, e.Detail)
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error {
	switch {
	case e.Outcome == BudgetSpent:
		return errs.ErrBudgetSpent
	case e.Outcome.IsTransient():
		return errs.ErrUnavailable
	}
	return errs.ErrPrecondition
}

// fix says what to change after a permanent failure.
func fix(o Outcome, endpoint, role, model string) string {
	switch o {
	case Unauthorized:
		return fmt.Sprintf("check models.endpoints.%s.key_file or key_env, and what the key may do, then resume", endpoint)
	case UnknownModel:
		return fmt.Sprintf("make models.endpoints.%s.url serve %q and resume, or begin a new experiment with another models.roles.%s.model", endpoint, model, role)
	case ContextTooLong:
		return fmt.Sprintf("serve the model with a longer context and resume, or begin a new experiment with a lower models.roles.%s.max_tokens", role)
	case WrongModel:
		return fmt.Sprintf("add the reported name to models.roles.%s.aliases and resume, or begin a new experiment with another models.roles.%s.model", role, role)
	case WrongShape:
		return "serve the embedding model that the run began with and resume, or begin a new experiment with another models.roles.embedder.dimensions"
	case BudgetSpent:
		return "resume with a higher models.budget"
	}
	return fmt.Sprintf("run `propersim doctor models` to find out what endpoint %s can do, then resume", endpoint)
}
