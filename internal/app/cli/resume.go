package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
)

// requireJournal refuses to go on in a folder whose journal is gone: a new one
// would be empty, and the outputs written from it would be, too.
func requireJournal(at folder.Folder, loaded *config.Loaded) error {
	dsn := at.Store(loaded.Store).Journal
	if remote(loaded) || exists(dsn) {
		return nil
	}
	return fmt.Errorf("the journal %s of this run folder is missing; nothing was changed: %w", store.File(dsn), errs.ErrNotFound)
}

func (a *app) resume() *cobra.Command {
	flags := append([]bound{
		{"days", "simulation.days", "total simulated `days`: more than before lengthens the experiment"},
		{"parallel", "simulation.parallel", "`runs` conducted at the same time; changes no result"},
	}, slices.Concat(connectFlags(""), windowFlags)...)
	cmd := &cobra.Command{
		Use:   "resume DIR",
		Short: "Resume a run folder that was stopped",
		Long: `Resumes the runs of a folder from their last committed step, failed ones included,
and writes the outputs again. A finished folder only gets its outputs, unless --days
lengthens it: its runs then continue as if they had been that long from the start.
Its forks, too, but for those that were given days of their own.`,
		Example: `  propersim resume runs/2026-11-22-proper
  propersim resume runs/2026-11-22-proper --days 28`,
		Args: exact(1),
	}
	bind(cmd, flags)
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		at := folder.Folder(args[0])
		if a.configFile != "" {
			return usagef("resume takes its configuration from %s", at.Config())
		}
		loaded, err := a.recorded(cmd, at, flags)
		if err != nil {
			return err
		}
		if err := requireJournal(at, loaded); err != nil {
			return err
		}
		if err := a.checkAddresses(cmd.Context(), &loaded.Config); err != nil {
			return err
		}
		c := &conducting{app: a, at: at, loaded: loaded, longer: cmd.Flags().Changed("days")}
		return final(c.conduct(cmd.Context()))
	})
	return cmd
}

// recorded loads the configuration of a folder; only what decides no result may
// differ from it.
func (a *app) recorded(cmd *cobra.Command, at folder.Folder, flags []bound) (*config.Loaded, error) {
	there, err := at.Load(config.Sources{})
	if errors.Is(err, errs.ErrNotFound) {
		return nil, usage(err)
	}
	if err != nil {
		return nil, err
	}
	loaded, err := at.Load(a.sources(cmd, flags))
	if err != nil {
		return nil, usage(err)
	}
	days := there.Simulation.Days
	if loaded.Simulation.Days < days {
		return nil, usagef("simulation.days: found %d, but %s has %d; an experiment can only be lengthened", loaded.Simulation.Days, at, days)
	}
	there.Simulation.Days = loaded.Simulation.Days
	if differences := folder.Differences(&there.Config, &loaded.Config); len(differences) > 0 {
		return nil, usagef("configuration differs from the one recorded in %s: %s", at, strings.Join(differences, "; "))
	}
	return loaded, nil
}
