package assistant

import (
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/services/assistant/counts"
	"github.com/propersim/propersim/services/assistant/driver"
)

// defaultMaxSessions bounds the open sessions when the configuration does not.
const defaultMaxSessions = 10_000

// Config of the service. The zero value works and needs no model.
type Config struct {
	// MaxSessions bounds the runs that may be open at once; 0 means 10,000.
	// Opening another one is an errs.ErrExhausted.
	MaxSessions int
	// Policy answers for methods whose decider is a policy; nil means the embedded
	// log-linear policy, which gets its adapters from the trainer.
	Policy driver.Policy
	// Summarizer puts finished hours into words; nil means the embedded one, which
	// counts.
	Summarizer driver.Summarizer
}

// withDefaults fills in what is missing, but for the policy.
func (c Config) withDefaults() (Config, error) {
	if c.MaxSessions < 0 {
		return c, errs.Invalid("assistant.max_sessions", "found %d, want 0 or more", c.MaxSessions)
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = defaultMaxSessions
	}
	if c.Summarizer == nil {
		c.Summarizer = counts.Summarizer{}
	}
	return c, nil
}
