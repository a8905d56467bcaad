package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

func (a *app) adaptersVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify [DIR] RUN|ADAPTER", Short: "Compare every byte of a run's adapters, or of an adapter and its ancestors, with their ids",
		Long: `Reads all adapters of a run, or an adapter and its ancestors, and compares every byte with
the ids. An adapter that was removed (setting adapters.keep) is named and is no fault. The
exit code is 1 where one is damaged.`,
		Example: `  propersim adapters verify runs/2026-11-22-proper RUN
  propersim adapters verify 9f2c1a --trainer-address trainer:7075`,
	}
	bind(cmd, adapterFlags)
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		return a.withAdapters(cmd, args, 1, 1, a.verifyAdapters)
	})
	return cmd
}

func (a *app) adaptersExport() *cobra.Command {
	var day int32
	cmd := &cobra.Command{
		Use: "export [DIR] RUN|ADAPTER FOLDER", Short: "Copy an adapter into a folder, for PEFT or a model server",
		Long: "Copies an adapter into FOLDER, which must not exist or be empty: of a run the one that is in force, or that of the night after --day.",
		Example: `  propersim adapters export runs/2026-11-22-proper RUN adapters/last
  propersim adapters export 9f2c1a adapters/day14 --trainer-address trainer:7075`,
	}
	bind(cmd, adapterFlags)
	dayFlag(cmd, &day)
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		return a.withAdapters(cmd, args, 2, 2, func(ctx context.Context, p *adapterPlace, args []string) error {
			to := args[len(args)-1]
			t, err := p.find(first(args[:len(args)-1]))
			if err != nil {
				return err
			}
			job, err := t.night(day)
			if err == nil && job.GetAdapter() == "" {
				err = fmt.Errorf("the training after day %d of run %s made no adapter: %s %s: %w", job.GetDay(), job.GetRunId(), stateName(job), job.GetReason(), errs.ErrNotFound)
			}
			if err != nil {
				return err
			}
			return a.exportAdapter(ctx, p.Jobs, job.GetAdapter(), to)
		})
	})
	return cmd
}

// ancestors returns the manifests of an adapter and of its ancestors, the youngest
// first, down to the base policy or to one that was removed, whose id it returns.
func (p *adapterPlace) ancestors(ctx context.Context, id string) (all []*trainerv1.Manifest, removed string, err error) {
	for id != "" {
		resp, err := p.Jobs.GetAdapter(ctx, &trainerv1.GetAdapterRequest{Id: id})
		if errors.Is(err, errs.ErrNotFound) && len(all) > 0 {
			return all, id, nil
		}
		if err != nil {
			return nil, "", err
		}
		all = append(all, resp.GetManifest())
		id = resp.GetManifest().GetParent()
	}
	return all, "", nil
}

// verifyAdapters compares the bytes of adapters with their ids: all of a run's, or
// one with its ancestors.
func (a *app) verifyAdapters(ctx context.Context, p *adapterPlace, args []string) error {
	t, err := p.find(first(args))
	if err != nil {
		return err
	}
	var ids []string
	if t.run != "" {
		for _, job := range t.jobs {
			if id := job.GetAdapter(); id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			return fmt.Errorf("run %s has no adapters: %w", t.run, errs.ErrNotFound)
		}
	} else {
		all, removed, err := p.ancestors(ctx, t.jobs[0].GetAdapter())
		if err != nil {
			return err
		}
		for _, m := range all {
			ids = append(ids, m.GetId())
		}
		if removed != "" {
			ids = append(ids, removed)
		}
	}
	return a.verifyEach(ctx, p, ids)
}

// verifyEach verifies adapters one after the other, and fails after the last where
// one is damaged.
func (a *app) verifyEach(ctx context.Context, p *adapterPlace, ids []string) error {
	scratch, err := os.MkdirTemp("", "propersim-adapters-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // a scratch folder
	store, err := artifact.Open(scratch)
	if err != nil {
		return err
	}
	var faults []error
	for _, id := range ids {
		m, err := store.Fetch(ctx, p.Jobs, id)
		switch {
		case errors.Is(err, errs.ErrNotFound):
			fmt.Fprintf(a.out, "removed  %s\n", id)
			continue
		case errors.Is(err, errs.ErrDataLoss):
			fmt.Fprintf(a.out, "damaged  %s\n", id)
			faults = append(faults, err)
			continue
		case err != nil:
			return err
		}
		fmt.Fprintf(a.out, "day %d  %s  whole\n", m.GetDay(), m.GetId())
		if err := os.RemoveAll(store.Folder(m.GetId())); err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d of %d adapters are damaged: %w", len(faults), len(ids), errors.Join(faults...))
	}
	return nil
}

// exportAdapter copies into a folder that must not exist, or be empty.
func (a *app) exportAdapter(ctx context.Context, from trainerv1.TrainerServiceClient, id, to string) error {
	if entries, err := os.ReadDir(to); err == nil && len(entries) > 0 {
		return usage(errs.Invalid("FOLDER", "%s is not empty", to))
	}
	parent := filepath.Dir(filepath.Clean(to))
	if err := outfile.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(parent, ".propersim-export-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // what is left is incomplete
	store, err := artifact.Open(scratch)
	if err != nil {
		return err
	}
	m, err := store.Fetch(ctx, from, id)
	if err != nil {
		return err
	}
	if err := os.Rename(store.Folder(m.GetId()), to); err != nil {
		return err
	}
	if err := outfile.SyncDir(parent); err != nil {
		return err
	}
	_, err = io.WriteString(a.out, to+"\n")
	return err
}
