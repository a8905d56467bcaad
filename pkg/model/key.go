package model

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/pkg/errs"
)

// secret is an API key. Printing it by any verb shows nothing of it; behind a
// pointer it stays hidden where fmt prints the struct around it.
type secret struct{ hidden *string }

// value returns the key; empty where there is none.
func (s secret) value() string {
	if s.hidden == nil {
		return ""
	}
	return *s.hidden
}

// String implements fmt.Stringer.
func (secret) String() string { return "[secret]" }

// GoString implements fmt.GoStringer.
func (secret) GoString() string { return "[secret]" }

// loadKey reads the key that an endpoint names. ErrInvalid where the file or
// the variable is missing or empty.
func loadKey(name string, e Endpoint) (secret, error) {
	at := "models.endpoints." + name
	switch {
	case e.KeyFile != "":
		raw, err := infile.Secret(e.KeyFile)
		if err != nil {
			return secret{}, errs.Invalid(at+".key_file", "cannot be read: %v", err)
		}
		key := strings.TrimSpace(string(raw))
		if key == "" {
			return secret{}, errs.Invalid(at+".key_file", "%s is empty, want the API key", e.KeyFile)
		}
		return secret{&key}, printable(at+".key_file", key)
	case e.KeyEnv != "":
		key := strings.TrimSpace(os.Getenv(e.KeyEnv))
		if key == "" {
			return secret{}, errs.Invalid(at+".key_env", "the environment variable %s is not set, want the API key in it", e.KeyEnv)
		}
		return secret{&key}, printable(at+".key_env", key)
	}
	return secret{}, nil
}

// CheckKeys reads the key of every endpoint that a role uses. It returns
// errs.Violations for those that are missing.
func (c *Config) CheckKeys() error {
	var faults errs.Violations
	for name, e := range c.Endpoints {
		used := false
		for _, r := range c.Roles {
			used = used || r.Endpoint == name
		}
		if !used {
			continue
		}
		_, err := loadKey(name, e)
		var own errs.Violations
		if errors.As(err, &own) {
			faults = append(faults, own...)
		}
	}
	return faults.OrNil()
}

// printable refuses what cannot stand in a header; net/http would print it.
func printable(field, key string) error {
	for _, r := range key {
		if r <= ' ' || r > '~' {
			return errs.Invalid(field, "has a space or a character outside ASCII within the key")
		}
	}
	return nil
}

// redact removes the key from a text, e.g. of a server that repeats it.
func (s secret) redact(text string) string {
	if s.value() == "" {
		return text
	}
	return strings.ReplaceAll(text, s.value(), "[secret]")
}

// short bounds a text from outside within an error or a record.
func short(text string, limit int) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "?")
	if len(text) <= limit {
		return text
	}
	return fmt.Sprintf("%s [%d bytes more]", strings.ToValidUTF8(text[:limit], ""), len(text)-limit)
}
