package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/output"
	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/analysis/source"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// exported says what a folder's data can be exported as.
var exported = map[string][]string{"pairs": {"jsonl", "parquet"}, "steps": {"parquet"}, "entries": {"jsonl"}}

func (a *app) export() *cobra.Command {
	var format, out string
	var only []string
	cmd := &cobra.Command{
		Use:   "export [DIR] [pairs|steps|entries]",
		Short: "Write pairs, steps or whole journal entries of a folder to a file",
		Long: `Writes data of a run folder to a file:

  pairs    preference pairs in TRL's conversational format: jsonl (default), parquet
  steps    one row a step: parquet
  entries  the journal, every entry whole, as JSON lines

Without a second argument: pairs. The file is one training set: a pair of a step that
a fork shares with its parent is written once, for the parent; --run FORK alone gives
all pairs of a fork. Pairs without a prompt are left out, because nothing can be
trained on them: no policy answers in constant, scheduled, bandit and the like, or in
an assistant that gives no prompt. entries has their candidates and scores. With --journal there is no DIR, and only steps and
entries can be written: pairs are in the buffer.`,
		Example: `  propersim export runs/2026-11-22-proper pairs --format parquet --out pairs.parquet
  propersim export runs/2026-11-22-proper entries --run RUN --out run.jsonl`,
		Args: cobra.MaximumNArgs(2),
	}
	cmd.Flags().StringVar(&format, "format", "", "jsonl or parquet")
	cmd.Flags().StringVar(&out, "out", "", "`file` to write, - for standard output (default in the folder)")
	cmd.Flags().StringSliceVar(&only, "run", nil, "only these runs, by `id`; may be repeated")
	a.placeFlags(cmd.Flags())
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		what, rest := "pairs", args
		if a.from.journal == "" && len(args) > 0 {
			rest = args[1:]
		}
		if len(rest) > 0 {
			what = rest[0]
		}
		formats, known := exported[what]
		if !known {
			return usagef("found %q, want pairs, steps or entries", what)
		}
		if format == "" {
			format = formats[0]
		}
		if !slices.Contains(formats, format) {
			return usagef("--format: found %q; %s are written as %s", format, what, strings.Join(formats, " or "))
		}
		if a.from.journal != "" && (what == "pairs" || out == "" || len(args) > 1) {
			return usagef("--journal needs --out FILE and steps or entries, and no DIR")
		}
		if out == "" && len(args) > 0 {
			out = fmt.Sprintf("%s/%s.%s", args[0], what, format)
		}
		if err := a.exportTo(cmd.Context(), args, what, format, only, out); err != nil {
			return err
		}
		if out == "-" {
			return nil
		}
		_, err := fmt.Fprintln(a.out, out)
		return err
	})
	return cmd
}

func (a *app) exportTo(ctx context.Context, args []string, what, format string, only []string, out string) error {
	s, at, _, err := a.openPlace(ctx, args)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Runs(ctx)
	if err != nil {
		return err
	}
	runs, err := chosen(all, only)
	if err != nil {
		return err
	}
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.GetId())
	}
	if what == "pairs" {
		return a.exportPairs(ctx, at, runs, all, format, out)
	}
	export := exportEntries
	if what == "steps" {
		export = exportSteps
	}
	return outfile.Replace(out, 0o644, func(w io.Writer) error { return export(ctx, s, ids, w) })
}

// chosen returns the runs asked for, each once, or all.
func chosen(all []*environmentv1.Run, only []string) ([]*environmentv1.Run, error) {
	if len(only) == 0 {
		return all, nil
	}
	var out []*environmentv1.Run
	for _, id := range only {
		r, err := pick(all, id)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(out, func(o *environmentv1.Run) bool { return o.GetId() == r.GetId() }) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (a *app) exportPairs(ctx context.Context, at folder.Folder, runs, all []*environmentv1.Run, format, out string) error {
	store, err := a.storeOf(at)
	if err != nil {
		return err
	}
	services, err := a.only("buffer", store)
	if err != nil {
		return err
	}
	wire := bufferv1.ExportFormat_EXPORT_FORMAT_JSONL
	if format == "parquet" {
		wire = bufferv1.ExportFormat_EXPORT_FORMAT_PARQUET
	}
	written, err := output.Pairs(ctx, services.Buffer, runs, all, wire, out)
	if err := errors.Join(err, services.Stop()); err != nil {
		return err
	}
	if written.Pairs == 0 {
		fmt.Fprintf(a.errOut, "The file is empty: %s.\n", whyNoPairs(written))
	}
	if left := leftOut(written); left != "" {
		fmt.Fprintln(a.errOut, left)
	}
	return nil
}

func exportSteps(ctx context.Context, s source.Source, ids []string, w io.Writer) error {
	steps := output.NewSteps(w)
	for _, id := range ids {
		r, err := findRun(ctx, s, id)
		if err != nil {
			return err
		}
		for e, err := range s.Entries(ctx, id, 0) {
			if err != nil {
				return err
			}
			if err := steps.Add(r, e); err != nil {
				return err
			}
		}
	}
	return steps.Close()
}

func exportEntries(ctx context.Context, s source.Source, ids []string, w io.Writer) error {
	buffered := bufio.NewWriter(w)
	for _, id := range ids {
		for e, err := range s.Entries(ctx, id, 0) {
			if err != nil {
				return err
			}
			data, err := protojson.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(buffered, "{\"run\":%q,\"entry\":%s}\n", id, data); err != nil {
				return err
			}
		}
	}
	return buffered.Flush()
}
