package assistant

import (
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
)

// Config of the service. The zero value works.
type Config struct {
	// MaxSessions bounds the runs that may be open at once; 0 means 10,000.
	// Opening another one is an errs.ErrExhausted.
	MaxSessions int
}

func (c Config) maxSessions() (int, error) {
	if c.MaxSessions < 0 {
		return 0, errs.Invalid("assistant.max_sessions", "found %d, want 0 or more", c.MaxSessions)
	}
	if c.MaxSessions == 0 {
		return 10_000, nil
	}
	return c.MaxSessions, nil
}

func noSession(run string) error {
	return fmt.Errorf("no session of run %q: %w", run, errs.ErrNotFound)
}
