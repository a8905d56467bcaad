package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

func (a *app) adapters() *cobra.Command {
	parent := &cobra.Command{Use: "adapters", Short: "Show, verify and copy the adapters that were trained", Args: cobra.NoArgs, RunE: help}
	flags := []bound{{"trainer-address", "connect.trainer", "`host:port` of the trainer"}}
	add := func(cmd *cobra.Command, fn func(ctx context.Context, from trainerv1.TrainerServiceClient, args []string) error) {
		bind(cmd, flags)
		cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
			return a.withTrainer(cmd, flags, func(cmd *cobra.Command, conn trainerConn) error { return fn(cmd.Context(), conn.jobs, args) })
		})
		parent.AddCommand(cmd)
	}
	add(&cobra.Command{
		Use: "ls [RUN]", Short: "List the adapters of a run, or of all: day, parent, pairs, loss, margin, gate, and what keeps each", Args: cobra.MaximumNArgs(1),
		Long: `Lists the adapters that the nights have made, by run and day. KEPT FOR says why an adapter is in the store; empty means that the next
collection removes it (setting adapters.keep of the trainer), and "removed" with a date that it did.`,
		Example: "  propersim adapters ls ava-lindqvist-proper-s1-0badcafe",
	}, a.listAdapters)
	add(&cobra.Command{
		Use: "show ID", Short: "Show an adapter and its ancestors", Args: exact(1),
		Long:    "Shows the adapter with its files, and below it every ancestor: day, pairs, loss, margin, accuracy. `propersim trainer jobs RUN` lists the adapters of a run.",
		Example: "  propersim adapters show 9f2c...",
	}, a.showAdapter)
	add(&cobra.Command{
		Use: "verify ID", Short: "Compare every byte of an adapter and of its ancestors with their ids", Args: exact(1),
		Example: "  propersim adapters verify 9f2c...",
	}, a.verifyAdapter)
	add(&cobra.Command{
		Use: "export ID FOLDER", Short: "Copy an adapter into a folder, for PEFT or a model server", Args: exact(2),
		Example: "  propersim adapters export 9f2c... adapters/day14",
	}, a.exportAdapter)
	return parent
}

// lineage gives fn an adapter and its ancestors, the youngest first.
func lineage(ctx context.Context, from trainerv1.TrainerServiceClient, id string, fn func(*trainerv1.Manifest) error) error {
	for id != "" {
		resp, err := from.GetAdapter(ctx, &trainerv1.GetAdapterRequest{Id: id})
		if err != nil {
			return err
		}
		if err := fn(resp.GetManifest()); err != nil {
			return err
		}
		id = resp.GetManifest().GetParent()
	}
	return nil
}

func (a *app) showAdapter(ctx context.Context, from trainerv1.TrainerServiceClient, args []string) error {
	var all []*trainerv1.Manifest
	err := lineage(ctx, from, args[0], func(m *trainerv1.Manifest) error {
		all = append(all, m)
		return nil
	})
	if err != nil {
		return err
	}
	m := all[0]
	fmt.Fprintf(a.out, "adapter  %s\npolicy   %s\n", m.GetId(), m.GetPolicy())
	if m.GetModel() != "" {
		fmt.Fprintf(a.out, "model    %s\n", m.GetModel())
	}
	fmt.Fprintf(a.out, "pairs    %s\n", m.GetDataDigest())
	for _, f := range m.GetFiles() {
		fmt.Fprintf(a.out, "file     %s, %d bytes, sha256 %s\n", f.GetName(), f.GetSize(), f.GetSha256())
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nDAY\tADAPTER\tPAIRS\tUPDATES\tLOSS\tMARGIN\tACCURACY")
	for _, m := range all {
		t := m.GetMetrics()
		fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%.4f\t%.4f\t%.2f\n", m.GetDay(), m.GetId()[:12], t.GetPairs(), t.GetUpdates(), t.GetLoss(), t.GetMargin(), t.GetAccuracy())
	}
	return w.Flush()
}

func (a *app) verifyAdapter(ctx context.Context, from trainerv1.TrainerServiceClient, args []string) error {
	scratch, err := os.MkdirTemp("", "propersim-adapters-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // a scratch folder
	store, err := artifact.Open(scratch)
	if err != nil {
		return err
	}
	return lineage(ctx, from, args[0], func(m *trainerv1.Manifest) error {
		if _, err := store.Fetch(ctx, from, m.GetId()); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "day %d  %s  whole\n", m.GetDay(), m.GetId())
		return os.RemoveAll(store.Folder(m.GetId()))
	})
}

// exportAdapter copies into a folder that must not exist, or be empty.
func (a *app) exportAdapter(ctx context.Context, from trainerv1.TrainerServiceClient, args []string) error {
	if entries, err := os.ReadDir(args[1]); err == nil && len(entries) > 0 {
		return usage(errs.Invalid("FOLDER", "%s is not empty", args[1]))
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(args[1])), 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(filepath.Clean(args[1])), ".propersim-export-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // what is left is incomplete
	store, err := artifact.Open(scratch)
	if err != nil {
		return err
	}
	m, err := store.Fetch(ctx, from, args[0])
	if err != nil {
		return err
	}
	if err := os.Rename(store.Folder(m.GetId()), args[1]); err != nil {
		return err
	}
	_, err = io.WriteString(a.out, args[1]+"\n")
	return err
}
