package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/pkg/analysis/figures"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment"
)

// forkName is what a fork may be called: compare splits at a colon.
var forkName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._@+-]{0,63}$`)

func (a *app) runsFork(address *string) *cobra.Command {
	var step int32
	var name string
	cmd := &cobra.Command{
		Use: "fork DIR [RUN] --at STEP", Short: "Fork a run: share its steps up to STEP, then continue with other settings",
		Long: `Creates a new run in the folder. It shares the first steps of RUN, up to and including
STEP (0-based), and then continues with the settings of --set. Unfinished runs of the
folder continue, too, and the outputs are written again.

A fork can change the method (simulation.methods), seed, days, candidates, the rate of
constant, what a failed night means, and all keys of trainer and custom. Person, world,
time step and backends stay those of RUN.

In every table, report and comparison a fork is a method of its own, METHOD@STEP, or
what --name says. The same command again resumes the same fork; so does propersim resume.`,
		Example: `  propersim runs fork runs/2026-11-22-proper maya --at 2879 --set simulation.methods=constant
  propersim runs fork runs/2026-11-22-proper maya --at 2879 --set trainer.beta=0.5 --name sharp
  propersim compare runs/2026-11-22-proper:proper runs/2026-11-22-proper:sharp`,
		Args: arguments(1, 2),
	}
	cmd.Flags().Int32Var(&step, "at", 0, "last `step` that the fork shares with RUN, 0-based")
	cmd.Flags().StringVar(&name, "name", "", "`name` of the fork in tables and reports (default METHOD@STEP)")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		if *address != "" || a.from.journal != "" {
			return usagef("runs fork needs a run folder; in a running environment, call its rpc ForkRun")
		}
		if !cmd.Flags().Changed("at") || step < 0 {
			return usagef("--at: want the last step that the fork shares with its parent, 0-based, e.g. --at 575")
		}
		f := &forking{app: a, cmd: cmd, at: folder.Folder(args[0]), step: step, name: name}
		c, err := f.prepare(first(args[1:]))
		if err != nil {
			return err
		}
		return final(c.conduct(cmd.Context()))
	})
	return cmd
}

// forking is the preparation of a fork: everything that can be refused is refused
// here, before anything is written.
type forking struct {
	*app
	cmd    *cobra.Command
	at     folder.Folder
	step   int32
	name   string
	parent *environmentv1.Run
	runs   []*environmentv1.Run // of the folder
}

// prepare returns what conducts the fork of a run. Errors of usage for whatever
// the fork cannot be.
func (f *forking) prepare(id string) (*conducting, error) {
	settings, others := splitSets(f.sets)
	loaded, err := f.recordedWith(others)
	if err != nil {
		return nil, err
	}
	if err := f.find(f.cmd.Context(), loaded, id); err != nil {
		return nil, err
	}
	request, err := f.request(f.cmd.Context(), settings)
	if err != nil {
		return nil, err
	}
	if err := f.checkAddresses(f.cmd.Context(), &loaded.Config); err != nil {
		return nil, err
	}
	return &conducting{app: f.app, at: f.at, loaded: loaded, fork: request}, nil
}

// recordedWith loads the configuration of the folder with settings that decide no
// result, as resume does.
func (f *forking) recordedWith(others []string) (*config.Loaded, error) {
	if f.configFile != "" {
		return nil, usagef("runs fork takes its configuration from %s; give what changes with --set", f.at.Config())
	}
	plain := *f.app
	plain.sets = others
	loaded, err := plain.recorded(f.cmd, f.at, nil)
	if err != nil {
		return nil, err
	}
	if remote(loaded) {
		return nil, usagef("the runs of %s are in the environment at %s; call its rpc ForkRun", f.at, loaded.Connect.Environment)
	}
	return loaded, requireJournal(f.at, loaded)
}

// find reads the runs of the folder and finds the parent, which must have
// committed the step.
func (f *forking) find(ctx context.Context, loaded *config.Loaded, id string) error {
	s, err := f.openFolder(ctx, f.at)
	if err != nil {
		return err
	}
	defer s.Close()
	name, err := f.at.ID()
	if err != nil {
		return err
	}
	if f.runs, err = s.Runs(ctx); err != nil {
		return err
	}
	f.runs = slices.DeleteFunc(f.runs, func(r *environmentv1.Run) bool { return r.GetLabels()[experiment.LabelExperiment] != name })
	if f.parent, err = pick(f.runs, id); err != nil {
		return usage(err)
	}
	if steps := f.parent.GetProgress().GetSteps(); f.step >= steps {
		return usagef("--at: found %d, want a step from 0 to %d: run %s has %d committed steps", f.step, steps-1, f.parent.GetId(), steps)
	}
	return nil
}

// request returns the request that makes the fork; nil where it has been made.
func (f *forking) request(ctx context.Context, settings []string) (*environmentv1.ForkRunRequest, error) {
	labels, config, err := f.configure(settings)
	if err != nil {
		return nil, err
	}
	out := &environmentv1.ForkRunRequest{Id: f.parent.GetId(), AtStep: f.step, Config: config, Labels: labels}
	whole, err := environment.ForkConfig(out, f.parent)
	if err != nil {
		return nil, usage(named(err))
	}
	if err := f.checkPairs(ctx, whole); err != nil {
		return nil, err
	}
	name, err := f.called(whole.GetMethod().GetName(), labels)
	if err != nil {
		return nil, err
	}
	labels[figures.LabelFork] = name
	if slices.ContainsFunc(f.runs, func(r *environmentv1.Run) bool {
		return r.GetForkedFrom() == out.GetId() && r.GetForkedAtStep() == f.step && maps.Equal(r.GetLabels(), labels)
	}) {
		return nil, nil // also where it, or its parent, has been lengthened since
	}
	h := sha256.New()
	for _, part := range append([]string{out.GetId(), strconv.Itoa(int(f.step))}, pairsOf(labels)...) {
		fmt.Fprintf(h, "%d %s", len(part), part)
	}
	out.RequestId = "fork-" + hex.EncodeToString(h.Sum(nil))
	return out, nil
}

// checkPairs refuses a fork that would be trained on pairs without a prompt.
func (f *forking) checkPairs(ctx context.Context, whole *environmentv1.RunConfig) error {
	s, err := f.openFolder(ctx, f.at)
	if err != nil {
		return err
	}
	defer s.Close()
	return usage(named(environment.CheckForkPairs(whole, f.parent, f.step, s.Entries(ctx, f.parent.GetId(), 0))))
}

// called returns the name of the fork. It must be no method of the folder, and
// forks with other settings must not have it: they would share a row in tables.
func (f *forking) called(ofMethod string, labels map[string]string) (string, error) {
	name := cmp.Or(f.name, figures.ForkName(ofMethod, f.step))
	if !forkName.MatchString(name) {
		return "", usagef("--name: found %q, want a letter and then up to 63 letters, digits, dots, hyphens, underscores, plus or at signs", name)
	}
	if slices.Contains(config.Methods(), name) {
		return "", usagef("--name: found %q, the name of a method; choose another one", name)
	}
	for _, r := range f.runs {
		if figures.MethodName(r) != name {
			continue
		}
		if r.GetForkedFrom() == "" {
			return "", usagef("--name: found %q, the method of run %s; choose another one", name, r.GetId())
		}
		there, here := settingsOf(r.GetLabels()), settingsOf(labels)
		if r.GetForkedAtStep() != f.step || !slices.Equal(there, here) {
			return "", usagef("--name: %q is a fork at step %d with %s, run %s; choose another name for one at step %d with %s",
				name, r.GetForkedAtStep(), orNothing(there), r.GetId(), f.step, orNothing(here))
		}
	}
	return name, nil
}
