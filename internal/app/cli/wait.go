package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/pkg/errs"
)

// retryEvery is the pause between two attempts at a start.
const retryEvery = time.Second

// waitFlag lets a command wait for what it needs, as a container does that may
// start before the services and the database that it calls.
func (a *app) waitFlag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&a.wait, "wait", 0, "longest `time` to wait for services and a PostgreSQL server that do not answer yet, such as 5m; 0 fails at once")
}

// patiently repeats work while it fails with a transient error, for at most --wait,
// and prints each new reason once. Work must be idempotent.
func (a *app) patiently(ctx context.Context, work func() error) error {
	deadline := time.Now().Add(a.wait)
	shown := ""
	for {
		err := work()
		if err == nil || !errs.IsTransient(err) || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		if text := errs.Text(err); text != shown {
			shown = text
			fmt.Fprintf(a.errOut, "Waiting: %s\n", text)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryEvery):
		}
	}
}

// refused marks an error of a check as one of usage, unless it says nothing about
// the input: a service or a database did not answer, or failed for a reason of its
// own.
func refused(err error) error {
	if errs.IsTransient(err) {
		return err
	}
	for _, kind := range []error{errs.ErrInternal, errs.ErrExhausted, errs.ErrBehind} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return usage(err)
}

// hopeless reports whether the same command fails again whenever it is repeated:
// data are lost, access is denied, or a name is taken by something else.
func hopeless(err error) bool {
	for _, kind := range []error{errs.ErrDataLoss, errs.ErrDenied, errs.ErrUnauthorized, errs.ErrExists} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// final gives a hopeless failure of an experiment its own exit code, so that a
// supervisor does not start the command again.
func final(err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) || !hopeless(err) {
		return err
	}
	return &failure{err: err, code: exitHopeless}
}
