package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/propersim/propersim/internal/nearest"
)

// Field is one value of the configuration.
type Field struct {
	// Key is its dotted name, e.g. "simulation.days".
	Key string
	// Doc says what it decides.
	Doc string
	// Allowed describes the allowed values in words.
	Allowed string
	// Secret values are not printed.
	Secret bool

	choices []string
	get     func() any
	set     func(string) error
}

// Value returns the value as it is written in a file.
func (f Field) Value() any { return f.get() }

// Set parses a value. The error says what was found and what is allowed.
func (f Field) Set(value string) error {
	err := f.set(value)
	if err == nil {
		return nil
	}
	message := fmt.Sprintf("found %q, want %s", value, f.Allowed)
	if near := nearest.Of(value, f.choices); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("%s", message)
}

func (f Field) hidden() Field {
	f.Secret = true
	return f
}

func (f Field) about(name string) Field {
	f.Doc = strings.ReplaceAll(f.Doc, "%s", name)
	return f
}

var errValue = fmt.Errorf("not allowed")

func when(ok bool) error {
	if ok {
		return nil
	}
	return errValue
}

func text(key string, at *string, doc string) Field {
	return Field{Key: key, Doc: doc, Allowed: "text", get: func() any { return *at }, set: func(v string) error {
		*at = v
		return nil
	}}
}

func address(key string, at *string, doc string) Field {
	return Field{Key: key, Doc: doc, Allowed: "host:port, or nothing", get: func() any { return *at }, set: func(v string) error {
		*at = v
		if v == "" {
			return nil
		}
		return hostPort(v)
	}}
}

// addresses takes one or several, which together checks.
func addresses(key string, at *string, doc string) Field {
	return Field{Key: key, Doc: doc, Allowed: "host:port, several separated by commas, or nothing", get: func() any { return *at }, set: func(v string) error {
		*at = ""
		if v == "" {
			return nil
		}
		all := strings.Split(v, ",")
		for i := range all {
			all[i] = strings.TrimSpace(all[i])
			if err := hostPort(all[i]); err != nil {
				return err
			}
		}
		*at = strings.Join(all, ",")
		return nil
	}}
}

func hostPort(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %d: %w", n, err)
	}
	return nil
}

func choice(key string, at *string, doc string, choices ...string) Field {
	return Field{Key: key, Doc: doc, Allowed: "one of " + strings.Join(choices, ", "), choices: choices, get: func() any { return *at }, set: func(v string) error {
		if !slices.Contains(choices, v) {
			return errValue
		}
		*at = v
		return nil
	}}
}

func list(key string, at *[]string, doc string) Field {
	return Field{Key: key, Doc: doc, Allowed: "a comma-separated list", get: func() any { return strings.Join(*at, ",") }, set: func(v string) error {
		*at = nil
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*at = append(*at, part)
			}
		}
		return nil
	}}
}

func flag(key string, at *bool, doc string) Field {
	return Field{Key: key, Doc: doc, Allowed: "true or false", choices: []string{"true", "false"}, get: func() any { return *at }, set: func(v string) error {
		*at = v == "true"
		return when(v == "true" || v == "false")
	}}
}

func integer(key string, at *int, low, high int, doc string) Field {
	allowed := fmt.Sprintf("a whole number from %d to %d", low, high)
	return Field{Key: key, Doc: doc, Allowed: allowed, get: func() any { return *at }, set: func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return err
		}
		*at = n
		return when(n >= low && n <= high)
	}}
}

func number(key string, at *float64, high float64, doc string) Field {
	allowed := fmt.Sprintf("a number greater than 0, at most %v", high)
	return Field{Key: key, Doc: doc, Allowed: allowed, get: func() any { return *at }, set: func(v string) error {
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return err
		}
		*at = x
		return when(x > 0 && x <= high)
	}}
}

func share(key string, at *float64, doc string) Field {
	return Field{Key: key, Doc: doc, Allowed: "a number from 0 to 1", get: func() any { return *at }, set: func(v string) error {
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return err
		}
		*at = x
		return when(x >= 0 && x <= 1)
	}}
}

func optional(key string, at **float64, low, high float64, doc string) Field {
	allowed := fmt.Sprintf("auto, or a number from %v to %v", low, high)
	get := func() any {
		if *at == nil {
			return "auto"
		}
		return **at
	}
	return Field{Key: key, Doc: doc, Allowed: allowed, choices: []string{"auto"}, get: get, set: func(v string) error {
		if v == "auto" {
			*at = nil
			return nil
		}
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return err
		}
		*at = &x
		return when(x >= low && x <= high)
	}}
}

// duration accepts "2m30s" as well as plain seconds, and whole seconds that
// divide a day only.
func duration(key string, at *time.Duration, low, high time.Duration, doc string) Field {
	allowed := fmt.Sprintf("a time from %s to %s in whole seconds that divides a day, e.g. 150 or 2m30s", low, "1h")
	return timed(key, at, allowed, doc, func(d time.Duration) bool {
		return d >= low && d <= high && d%time.Second == 0 && 24*time.Hour%d == 0
	})
}

// span accepts "2m30s" as well as plain seconds.
func span(key string, at *time.Duration, low, high time.Duration, doc string) Field {
	allowed := fmt.Sprintf("a time from %s to %s, e.g. 90 or 1m30s", low, high)
	return timed(key, at, allowed, doc, func(d time.Duration) bool { return d >= low && d <= high })
}

func timed(key string, at *time.Duration, allowed, doc string, ok func(time.Duration) bool) Field {
	return Field{Key: key, Doc: doc, Allowed: allowed, get: func() any { return at.String() }, set: func(v string) error {
		if _, err := strconv.Atoi(v); err == nil {
			v += "s"
		}
		d, err := time.ParseDuration(v)
		if err != nil {
			return err
		}
		*at = d
		return when(ok(d))
	}}
}
