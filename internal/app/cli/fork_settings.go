package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment"
)

// setLabel begins the label of a fork that keeps one of its settings:
// "set.trainer.beta". All settings in which it differs from its folder are kept.
const setLabel = "set."

// splitSets divides --set into the settings of the fork and what decides no
// result, such as the level of the log.
func splitSets(sets []string) (settings, others []string) {
	for _, pair := range sets {
		if key, _, _ := strings.Cut(pair, "="); config.Decides(key) {
			settings = append(settings, pair)
		} else {
			others = append(others, pair)
		}
	}
	return settings, others
}

// configure returns the configuration of the fork, and its labels: those of the
// parent, and one for each setting.
func (f *forking) configure(settings []string) (map[string]string, *environmentv1.RunConfig, error) {
	own := f.parent.GetConfig()
	labels := maps.Clone(f.parent.GetLabels())
	if f.parent.GetForkedFrom() != "" && labels[figures.LabelFork] == "" {
		return nil, nil, usagef("run %s is a fork that the rpc ForkRun made, with settings that %s does not have; fork it by the rpc", f.parent.GetId(), f.at)
	}
	delete(labels, environment.LabelDedicated) // any process may conduct a fork
	sets := ownSettings(f.parent)
	from := config.Sources{Environ: os.Environ(), Sets: sets}
	base, err := f.at.Load(from)
	if err != nil {
		return nil, nil, usage(err)
	}
	if err := forkable(settings, &base.Config); err != nil {
		return nil, nil, usage(err)
	}
	from.Sets = append(sets, settings...)
	want, err := f.at.Load(from)
	if err != nil {
		return nil, nil, usage(err)
	}
	if err := single(&want.Config); err != nil {
		return nil, nil, usage(err)
	}
	changes := folder.Changes(&base.Config, &want.Config)
	for key, value := range changes {
		if len(value) > 255 {
			return nil, nil, usagef("%s: found %d bytes, a fork keeps at most 255 of a setting", key, len(value))
		}
		labels[setLabel+key] = value
	}
	c := &want.Config
	name := c.Simulation.Methods[0]
	out := c.RunConfig(own.GetPersonaId(), name, c.Simulation.Seeds[0], own.GetBackends())
	if _, changed := changes["simulation.constant_per_hour"]; changed && !config.ToldRate(name) {
		return nil, nil, usage(errs.Invalid("simulation.constant_per_hour", "is for methods that are told a rate, such as constant; found method %q", name))
	}
	return labels, out, nil
}

// ownSettings returns the settings in which a run may differ from its folder.
func ownSettings(r *environmentv1.Run) []string {
	c := r.GetConfig()
	return append(settingsOf(r.GetLabels()), "simulation.methods="+c.GetMethod().GetName(), fmt.Sprintf("simulation.seeds=%d", c.GetSeed()),
		fmt.Sprintf("simulation.days=%d", c.GetDays())) // the later ones win: a fork may have been extended
}

// forkable refuses settings that a fork cannot change.
func forkable(settings []string, base *config.Config) error {
	var faults errs.Violations
	for _, field := range base.Fields() {
		key := field.Key
		if !slices.ContainsFunc(settings, func(pair string) bool { return strings.HasPrefix(pair, key+"=") }) {
			continue
		}
		section, _, _ := strings.Cut(key, ".")
		switch {
		case key == "simulation.personas", key == "simulation.world", key == "simulation.step":
			faults.Add(key, "cannot be changed by a fork: it shares the first steps of its parent; use propersim simulate")
		case section == "backends", section == "models":
			faults.Add(key, "cannot be changed by a fork: all runs of a folder have the same backends; use propersim simulate with another --out, and compare the two")
		}
	}
	return faults.OrNil()
}

// single refuses several methods or seeds: a fork is one run.
func single(want *config.Config) error {
	var faults errs.Violations
	if n := len(want.Simulation.Methods); n != 1 {
		faults.Add("simulation.methods", "found %d methods, want one for a fork", n)
	}
	if n := len(want.Simulation.Seeds); n != 1 {
		faults.Add("simulation.seeds", "found %d seeds, want one for a fork", n)
	}
	return faults.OrNil()
}

// named gives faults of a request the names of the settings that they are about.
func named(err error) error {
	var faults errs.Violations
	if !errors.As(err, &faults) {
		return err
	}
	for i, v := range faults {
		switch field := strings.TrimPrefix(v.Field, "config."); {
		case strings.HasPrefix(field, "method"):
			faults[i].Field = "simulation.methods"
		case field == "executor":
			faults[i].Field = "backends.trainer"
		case field != v.Field:
			faults[i].Field = "simulation." + field
		}
	}
	return faults
}

// settingsOf returns the settings that labels keep, "key=value", sorted.
func settingsOf(labels map[string]string) []string {
	var out []string
	for _, pair := range pairsOf(labels) {
		if setting, ok := strings.CutPrefix(pair, setLabel); ok {
			out = append(out, setting)
		}
	}
	return out
}

func pairsOf(labels map[string]string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, key+"="+labels[key])
	}
	return out
}

func orNothing(settings []string) string {
	if len(settings) == 0 {
		return "the settings of its parent"
	}
	return strings.Join(settings, ", ")
}
