package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/nearest"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
	"github.com/propersim/propersim/pkg/store"
	"github.com/propersim/propersim/prompts"
	"github.com/propersim/propersim/worlds"
)

// answerWithin is how long a service whose address the user gave has to answer
// before the start.
const answerWithin = 5 * time.Second

// check refuses what an experiment cannot be started with, before a folder is
// made or a run is recorded. Each refusal is one of usage; ErrUnavailable where
// something did not answer within --wait.
func (a *app) check(ctx context.Context, loaded *config.Loaded) error {
	faults := append(checkSimulation(&loaded.Config), loaded.Unused()...)
	if err := faults.OrNil(); err != nil {
		return usage(err)
	}
	if err := a.checkAddresses(ctx, &loaded.Config); err != nil {
		return err
	}
	return refused(a.patiently(ctx, func() error { return a.checkPeople(ctx, loaded) }))
}

// maxName is how many bytes the name of an experiment may have: it is a label of its
// runs.
const maxName = 255

// checkName checks the name of an experiment.
func checkName(name string) error {
	var faults errs.Violations
	legible.Line(&faults, "--experiment", name)
	if len(name) > maxName {
		faults.Add("--experiment", "found %d bytes, want at most %d", len(name), maxName)
	}
	return faults.OrNil()
}

// checkSimulation checks values against each other.
func checkSimulation(c *config.Config) errs.Violations {
	var faults errs.Violations
	for _, method := range c.Simulation.Methods {
		if c.Trains(method) && c.Simulation.Candidates < 2 {
			faults.Add("simulation.candidates", "found %d, want at least 2 with method %s, which learns from pairs of candidates", c.Simulation.Candidates, method)
		}
	}
	if c.Connect.Environment == "" {
		checkWorld(&faults, c.Simulation.World)
	}
	return faults
}

// checkWorld names the worlds where one is unknown.
func checkWorld(faults *errs.Violations, id string) {
	all, err := worlds.All()
	if err != nil {
		faults.Add("simulation.world", "%v", err)
		return
	}
	var ids []string
	for _, w := range all {
		ids = append(ids, w.GetId())
	}
	if slices.Contains(ids, id) {
		return
	}
	message := fmt.Sprintf("found %q, want one of %s", id, strings.Join(ids, ", "))
	if near := nearest.Of(id, ids); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	faults.Add("simulation.world", "%s", message)
}

// checkAddresses refuses addresses at which no service answers. Without --wait
// that is a fault of usage, with it ErrUnavailable after that time.
func (a *app) checkAddresses(ctx context.Context, c *config.Config) error {
	if a.wait == 0 {
		return usage(askAddresses(ctx, c))
	}
	return a.patiently(ctx, func() error {
		if err := askAddresses(ctx, c); err != nil {
			return fmt.Errorf("%v: %w", err, errs.ErrUnavailable)
		}
		return nil
	})
}

// askAddresses asks every service that runs elsewhere whether it answers. Any
// answer will do, that of a server without health checks too.
func askAddresses(ctx context.Context, c *config.Config) error {
	var faults errs.Violations
	for _, name := range elsewhere(c) {
		err := answers(ctx, name, c)
		switch {
		case err == nil:
		case errors.Is(err, errs.ErrInvalid): // nobody was asked
			faults.Add("connect."+name, "%s", errs.Text(err))
		default:
			faults.Add("connect."+name, "no %s service answers at %s: %v", name, stack.Address(name, c), errs.Text(err))
		}
	}
	return faults.OrNil()
}

// elsewhere names the services that an experiment calls in other processes. With
// a remote environment these are the ones that the command itself needs.
func elsewhere(c *config.Config) []string {
	if c.Connect.Environment != "" {
		return []string{"environment", "user", "buffer"}
	}
	var out []string
	for _, name := range config.Services() {
		if *c.Connect.Of(name) != "" {
			out = append(out, name)
		}
	}
	return out
}

func answers(ctx context.Context, name string, c *config.Config) (err error) {
	conn, err := stack.DialService(name, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	_, err = healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	switch {
	case err == nil, status.Code(err) == codes.Unimplemented, errors.Is(err, errs.ErrNotFound):
		return nil
	case errors.Is(err, errs.ErrDeadline), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("nothing within %v", answerWithin)
	}
	return err
}

// checkPeople checks the chosen people, those of files too. It asks the user
// service that the experiment will use, or, where that would be a new one in this
// process, one in memory.
func (a *app) checkPeople(ctx context.Context, loaded *config.Loaded) (err error) {
	// Keys and prompts are checked first; to list people needs no model.
	if err := loaded.CheckKeys(); err != nil {
		return err
	}
	if _, err := prompts.Load(loaded.Models.Prompts); err != nil {
		return err
	}
	people := loaded.Config
	people.Backends = config.Default().Backends
	opts := stack.Options{Config: &people, Version: a.version, Only: []string{"user"}, Remote: remote(loaded)}
	opts.Store.Users = loaded.Store.Users
	if at := store.File(loaded.Store.Users); loaded.Store.Users == "" || (at != "" && !exists(loaded.Store.Users)) {
		opts.Store.Users = ":memory:"
	}
	services, err := stack.Start(opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, services.Stop()) }()
	_, err = experiment.People(ctx, services.Personas, &loaded.Config)
	return err
}
