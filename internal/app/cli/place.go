package cli

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/pkg/analysis/source"
)

// place is where a command reads recorded runs if not in a run folder: a journal
// of its own, such as a PostgreSQL database that several processes write.
type place struct {
	journal    string // DSN; empty for a run folder
	experiment string // only the runs of this experiment; empty for all
}

// placeFlags gives a command the flags of a journal in place of a run folder.
func (a *app) placeFlags(flags *pflag.FlagSet) {
	flags.StringVar(&a.from.journal, "journal", "", "`DSN` of a journal in place of a run folder, e.g. postgres://user@host/db")
	flags.StringVar(&a.from.experiment, "experiment", "", "only the runs of this experiment, by `name` (with --journal)")
}

// open opens the journal of a place.
func (p place) open(ctx context.Context) (source.Source, error) {
	reader, err := source.Open(ctx, p.journal)
	if err != nil {
		return nil, err
	}
	if p.experiment == "" {
		return reader, nil
	}
	return source.Labelled(reader, "experiment", p.experiment), nil
}

// openPlace opens the journal that flags name, or the run folder that leads the
// arguments, and returns the arguments after it.
func (a *app) openPlace(ctx context.Context, args []string) (source.Source, folder.Folder, []string, error) {
	if a.from.journal != "" {
		s, err := a.from.open(ctx)
		return s, "", args, err
	}
	if a.from.experiment != "" {
		return nil, "", nil, usagef("--experiment needs --journal: a run folder has one experiment")
	}
	if len(args) == 0 {
		return nil, "", nil, usagef("want a run folder, or --journal DSN")
	}
	at := folder.Folder(args[0])
	s, err := a.openFolder(ctx, at)
	return s, at, args[1:], err
}
