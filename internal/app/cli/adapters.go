package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

func (a *app) adapters() *cobra.Command {
	parent := &cobra.Command{
		Use: "adapters", Short: "Show, verify and copy the adapters that were trained",
		Long: `Shows what the nights have trained: of a run folder, which is only read, also while it
is being written; or, without DIR, of the running trainer (--trainer-address).

RUN is the id of a run, ADAPTER that of an adapter or of a training job. The first letters
are enough where they are unique. In a folder with a single run it can be left out.`,
		Example: `  propersim adapters ls runs/2026-11-22-proper
  propersim adapters show runs/2026-11-22-proper RUN --day 3
  propersim adapters show 9f2c1a --trainer-address trainer:7075`,
	}
	parent.AddCommand(a.adaptersList(), a.adaptersShow(), a.adaptersVerify(), a.adaptersExport())
	return parent
}

// adapterPlace is where adapters are looked for: records of a folder or of services, and
// what they list.
type adapterPlace struct {
	*records
	runs []*environmentv1.Run // nil where the environment cannot be asked
	jobs []*trainerv1.Job
	// unasked says why runs is nil; empty where it is not.
	unasked string
}

// withAdapters opens the place of a command and gives fn the arguments after DIR, of
// which there must be least to most.
func (a *app) withAdapters(cmd *cobra.Command, args []string, least, most int, fn func(ctx context.Context, p *adapterPlace, args []string) error) (err error) {
	at := folder.Folder("")
	if len(args) > 0 && !cmd.Flags().Changed("trainer-address") {
		if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
			at, args = folder.Folder(args[0]), args[1:]
			least = max(0, least-1) // the only run of a folder needs no name
		}
	}
	if at == "" && len(args) == most+1 {
		return usagef("%s is no folder; want %s", args[0], cmd.UseLine())
	}
	if len(args) < least || len(args) > most {
		return usagef("found %d arguments beside the run folder: %s", len(args), cmd.UseLine())
	}
	p := &adapterPlace{}
	if at != "" {
		p.records, err = a.adapterFolder(cmd.Context(), at)
	} else {
		p.records, err = a.serviceRecords(cmd, adapterFlags, nil)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := p.list(cmd.Context()); err != nil {
		if at == "" && errors.Is(err, errs.ErrUnavailable) && len(args) > 0 {
			return fmt.Errorf("%q is no run folder, and %w", args[0], trainerSilent(p.cfg, err))
		}
		return trainerSilent(p.cfg, err)
	}
	return fn(cmd.Context(), p, args)
}

// adapterFolder opens a run folder whose nights were trained.
func (a *app) adapterFolder(ctx context.Context, at folder.Folder) (*records, error) {
	s, err := a.openFolder(ctx, at)
	if err != nil {
		return nil, err
	}
	out, err := a.folderRecords(at, s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	out.closers = append(out.closers, s.Close)
	if out.Jobs == nil {
		return nil, errors.Join(fmt.Errorf("run folder %s has no training jobs: %w", at, errs.ErrNotFound), out.Close())
	}
	return out, nil
}

// list reads all jobs, and all runs where the environment answers.
func (p *adapterPlace) list(ctx context.Context) (err error) {
	if p.jobs, err = p.AllJobs(ctx, ""); err != nil {
		return err
	}
	p.runs, err = p.Runs.Runs(ctx)
	if err != nil && errs.IsTransient(err) {
		p.Runs, p.unasked = nil, errs.Text(err)
		return nil
	}
	return err
}
