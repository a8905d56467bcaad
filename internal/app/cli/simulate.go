package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
)

func (a *app) simulate() *cobra.Command {
	var out, name, shard string
	var goOn, estimated bool
	flags := slices.Concat(simulationFlags, connectFlags(""), windowFlags)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Simulate people who live with an assistant, and measure it",
		Long: `Starts the six services in this process, each a gRPC server called through its
generated client, simulates every chosen person with every chosen method, and writes
a folder:

  journal.db      every step, in a hash chain; all else derives from it
  report.html     what happened, with curves; opens offline
  metrics.json    the figures (docs/metrics.md)
  steps.parquet   one row a step
  pairs.jsonl     preference pairs in TRL's conversational format

Ctrl-C stops after the present steps; "propersim resume DIR" continues from there.
The same seed gives the same final hashes, stopped or not.

With --environment-address nothing is started here: the runs are created in that
environment, the user and buffer services are called at --user-address and
--buffer-address (by default on their ports), and the folder gets only the outputs.

Methods: none (no memory), ar (remembers what it said), ars (and its scores),
proper (ar, trained every night), proper-contrast (trained on contrasts),
proper-plus (trained on every pair of a silence and two recommendations),
silent, constant (a fixed rate), scheduled (fixed times of the day), bandit (a
contextual bandit that learns from scores), persona-given (told what the person
wants).`,
		Example: `  propersim simulate --personas 1-4 --days 3
  propersim simulate --method none,ar,ars,proper,silent --out runs/side-by-side
  propersim simulate --persona-file me.yaml --personas my-name --days 7
  propersim simulate --set trainer.pairs=400 --seeds 1-5
  propersim simulate --assistant-address 127.0.0.1:7090 --method desk-break
  propersim simulate --environment-address 127.0.0.1:7070     on served services`,
		Args: exact(0),
	}
	bind(cmd, flags)
	cmd.MarkFlagsMutuallyExclusive("seed", "seeds")
	cmd.Flags().StringVar(&name, "experiment", "", "`name` of the experiment, a label of its runs; runs of that name in the same journal are resumed (default a random name)")
	cmd.Flags().StringVar(&shard, "shard", "", "conduct only a part of the people, `INDEX/COUNT`: every COUNT-th, starting at INDEX (0-based)")
	cmd.Flags().StringVar(&out, "out", "", "run `folder` to create (default runs/<date-time>-<method>)")
	cmd.Flags().StringVar(&a.next, "next", "", "`text` printed at the end instead of the default hints (used by the container)")
	cmd.Flags().BoolVar(&estimated, "estimate", false, "estimate what models would use (calls, tokens, USD, hours) without running anything")
	a.waitFlag(cmd)
	cmd.Flags().BoolVar(&goOn, "continue", false, "resume if --out already contains this experiment")
	cmd.RunE = run(func(cmd *cobra.Command, _ []string) error {
		loaded, err := a.load(cmd, flags)
		if err != nil {
			return err
		}
		if _, err = experiment.ParseShard(shard); err != nil {
			return usagef("--shard: %w", err)
		}
		if err := checkName(name); err != nil {
			return usage(err)
		}
		at := folder.Folder(out)
		if out != "" {
			if err := a.refuseUsed(at, loaded, goOn); err != nil {
				return err
			}
			if err := refuseOther(at, name, shard); err != nil {
				return err
			}
		}
		if err := a.check(cmd.Context(), loaded); err != nil {
			return err
		}
		if estimated {
			return a.estimate(cmd.Context(), loaded)
		}
		if out == "" {
			made := time.Now().Format("2006-01-02-150405") + "-" + strings.Join(loaded.Simulation.Methods, "-")
			if at, err = folder.Fresh(filepath.Join("runs", made)); err != nil {
				return err
			}
		}
		var fresh *origin
		if !at.Used() {
			fresh = &origin{experiment: name, shard: shard}
		}
		c := &conducting{app: a, at: at, loaded: loaded, fresh: fresh}
		return final(c.conduct(cmd.Context()))
	})
	return cmd
}

// origin is what a new run folder is made of, beside its configuration.
type origin struct{ experiment, shard string }

// refuseOther refuses to go on in a folder of another experiment or part.
func refuseOther(at folder.Folder, name, shard string) error {
	if !at.Used() {
		return nil
	}
	id, err := at.ID()
	if err != nil {
		return err
	}
	if name != "" && name != id {
		return usagef("--experiment: found %q, but %s is of experiment %q", name, at, id)
	}
	part, err := at.Shard()
	if err != nil {
		return err
	}
	if shard != part {
		return usagef("--shard: found %q, but %s has part %q", shard, at, part)
	}
	return nil
}

// refuseUsed refuses a folder with files that are not of a run folder, and one
// that has an experiment, unless it is this very one and goOn is set.
func (a *app) refuseUsed(at folder.Folder, loaded *config.Loaded, goOn bool) error {
	if !at.Used() {
		return refuseForeign(at)
	}
	there, err := at.Load(config.Sources{})
	if err != nil {
		return err
	}
	if differences := folder.Differences(&there.Config, &loaded.Config); len(differences) > 0 {
		return usagef("%s has another experiment (%s); choose another --out", at, strings.Join(differences, "; "))
	}
	if goOn {
		return requireJournal(at, loaded)
	}
	return usagef("%s has this experiment already; resume it with `%s`", at, a.command("resume", string(at)))
}

// refuseForeign refuses a folder that has files of somebody else.
func refuseForeign(at folder.Folder) error {
	found, err := at.Foreign()
	if err != nil {
		return usage(err)
	}
	const shown = 5
	more := ""
	if len(found) > shown {
		found, more = found[:shown], fmt.Sprintf(" and %d more", len(found)-shown)
	}
	if len(found) == 0 {
		return nil
	}
	return usagef("--out: %s has files that are not of a run folder (%s%s); choose a new folder or an empty one", at, strings.Join(found, ", "), more)
}
