package cli

import (
	"context"
	"fmt"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/pkg/analysis/figures"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// begin creates the runs, or lets existing ones continue.
func (c *conducting) begin(ctx context.Context) ([]*environmentv1.Run, error) {
	if c.fresh != nil {
		if err := c.save(ctx); err != nil {
			return nil, err
		}
	}
	id, err := c.at.ID()
	if err != nil {
		return nil, err
	}
	part, err := partOf(c.at)
	if err != nil {
		return nil, err
	}
	created, err := createdDays(c.at, c.loaded)
	if err != nil {
		return nil, err
	}
	as := c.loaded.Config
	as.Simulation.Days = created
	runs, err := experiment.Create(ctx, c.Stack, &as, id, part)
	if err != nil {
		return nil, err
	}
	if runs, err = experiment.Extend(ctx, c.Stack, runs, c.loaded.Simulation.Days); err != nil {
		return nil, err
	}
	if c.fork != nil {
		if _, err := c.Runs.ForkRun(ctx, c.fork); err != nil {
			return nil, err
		}
	}
	forks, err := experiment.Forks(ctx, c.Stack, runs, id)
	if err != nil {
		return nil, err
	}
	if forks, err = c.lengthen(ctx, forks); err != nil {
		return nil, err
	}
	c.forked = len(forks) > 0
	return experiment.Resume(ctx, c.Stack, append(runs, forks...))
}

// lengthen gives forks the days of the experiment, and returns all of them. A fork
// that was given days of its own keeps them, and so does one that the rpc ForkRun
// made, whose settings are not known here.
func (c *conducting) lengthen(ctx context.Context, forks []*environmentv1.Run) ([]*environmentv1.Run, error) {
	out := make([]*environmentv1.Run, 0, len(forks))
	for _, fork := range forks {
		days, want := int(fork.GetConfig().GetDays()), c.loaded.Simulation.Days
		if _, own := fork.GetLabels()[setLabel+"simulation.days"]; own || fork.GetLabels()[figures.LabelFork] == "" {
			if days < want && c.longer {
				fmt.Fprintf(c.errOut, "The fork %s keeps its %d days: they were set for it alone.\n", figures.MethodName(fork), days)
			}
			out = append(out, fork)
			continue
		}
		extended, err := experiment.Extend(ctx, c.Stack, []*environmentv1.Run{fork}, want)
		if err != nil {
			return nil, err
		}
		out = append(out, extended...)
	}
	return out, nil
}

// save records the configuration of a new folder, and the prompts that its runs
// are made with.
func (c *conducting) save(ctx context.Context) error {
	if _, err := experiment.People(ctx, c.Personas, &c.loaded.Config); err != nil {
		return refused(err)
	}
	if err := c.at.Save(&c.loaded.Config, c.fresh.experiment, c.fresh.shard); err != nil {
		return err
	}
	if set := c.Prompts(); set != nil {
		if err := c.at.SavePrompts(set.Texts()); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.errOut, "Writing to %s\n", c.at)
	return nil
}

// partOf returns the part of the experiment that is conducted in a folder.
func partOf(at folder.Folder) (experiment.Shard, error) {
	text, err := at.Shard()
	if err != nil {
		return experiment.Shard{}, err
	}
	part, err := experiment.ParseShard(text)
	if err != nil {
		return part, fmt.Errorf("run folder %s: shard: %w", at, err)
	}
	return part, nil
}

// remote reports whether the runs are conducted by another process.
func remote(loaded *config.Loaded) bool { return loaded.Connect.Environment != "" }

// createdDays returns the days with which the runs of a folder were or are to be
// created, and records a longer experiment before any of its runs is extended: a
// resume after a crash extends the others.
func createdDays(at folder.Folder, loaded *config.Loaded) (int, error) {
	there, err := at.Load(config.Sources{})
	if err != nil {
		return 0, err
	}
	if loaded.Simulation.Days > there.Simulation.Days {
		if err := at.Extend(&there.Config, loaded.Simulation.Days); err != nil {
			return 0, err
		}
	}
	return at.CreatedDays(&there.Config)
}
