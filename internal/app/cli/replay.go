package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/output"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/replay"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
)

func (a *app) replay() *cobra.Command {
	var verify bool
	cmd := &cobra.Command{
		Use:   "replay DIR [RUN...]",
		Short: "Verify a folder from its journal, or write its outputs again, without any model",
		Long: `Reads the journal of a folder; needs neither model nor network.

Without --verify it writes metrics.json and report.html again, over all runs, as
"report" does; runs that are named must exist.
With --verify it writes nothing, and checks instead, step by step: the hash chain
from the configuration on, totals against verdicts, preference pairs against
evaluations and against the buffer, the recorded progress, and metrics.json. A run in
which a model plays a role is also played again with the recorded answers: every
prompt must have the recorded digest, and actions, candidates, verdicts, pairs and
notes must equal the recorded ones. For the data of served services and for a journal
that takes the configuration of their models, by --config or the environment. The
first difference is reported with its step, and the exit code is 1.`,
		Example: `  propersim replay --verify runs/2026-11-22-proper
  propersim replay --verify runs/2026-11-22-proper RUN`,
		Args: cobra.ArbitraryArgs,
	}
	cmd.Flags().BoolVar(&verify, "verify", false, "check the journal and the outputs; write nothing")
	a.placeFlags(cmd.Flags())
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		if a.from.journal != "" && !verify {
			return usagef("--journal is for --verify; `%s` writes the outputs of a journal", a.command("report", "--journal", "DSN", "--out", "FOLDER"))
		}
		if verify {
			return a.verify(cmd.Context(), args)
		}
		if len(args) == 0 {
			return usagef("want a run folder: %s", cmd.UseLine())
		}
		at := folder.Folder(args[0])
		if err := a.requireRuns(cmd.Context(), at, args[1:]); err != nil {
			return err
		}
		return a.rewrite(cmd.Context(), at, at, false)
	})
	return cmd
}

// requireRuns checks that a folder has the named runs.
func (a *app) requireRuns(ctx context.Context, at folder.Folder, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	s, err := a.openFolder(ctx, at)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, id := range ids {
		if _, err := findRun(ctx, s, id); err != nil {
			return err
		}
	}
	return nil
}

// verify replays the named runs of a folder or a journal, or all.
func (a *app) verify(ctx context.Context, args []string) error {
	s, at, ids, err := a.openPlace(ctx, args)
	if err != nil {
		return err
	}
	defer s.Close()
	dsn := a.from.journal
	var against replay.Against
	stop := func() error { return nil }
	if at != "" {
		where, err := a.storeOf(at)
		if err != nil {
			return err
		}
		dsn = where.Journal
		if against, stop, err = a.against(at, where); err != nil {
			return err
		}
	}
	results, err := replayAll(ctx, s, dsn, ids, against)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if err := a.deriveAgain(ctx, s, at, results); err != nil {
		return err
	}
	return a.showResults(results)
}

// storeOf returns where the data of a folder lie: one of a simulation says it
// itself, one of served services is configured as they are.
func (a *app) storeOf(at folder.Folder) (config.Store, error) {
	var loaded *config.Loaded
	var err error
	if at.Used() {
		loaded, err = at.Load(config.Sources{})
	} else {
		loaded, err = config.Load(config.Sources{File: a.configFile, Environ: os.Environ(), Sets: a.sets})
		err = usage(err)
	}
	if err != nil {
		return config.Store{}, err
	}
	if remote(loaded) {
		return config.Store{}, usagef("the runs of %s are in the environment at %s: look there with `propersim runs --address`", at, loaded.Connect.Environment)
	}
	return at.Store(loaded.Store), nil
}

// against opens what a folder has to compare the journal with.
func (a *app) against(at folder.Folder, where config.Store) (replay.Against, func() error, error) {
	var out replay.Against
	stop := func() error { return nil }
	if _, err := os.Stat(at.Metrics()); err == nil {
		file, err := figures.Read(at.Metrics())
		if err != nil {
			return out, stop, err
		}
		out.Metrics = file
	}
	if !exists(where.Buffer) {
		return out, stop, nil
	}
	services, err := a.only("buffer", where)
	if err != nil {
		return out, stop, err
	}
	out.Buffer, stop = services.Buffer, services.Stop
	return out, stop, nil
}

// exists reports whether there is a database at dsn; one on a server is taken to
// be there.
func exists(dsn string) bool {
	path := store.File(dsn)
	if path == "" {
		return true
	}
	_, err := os.Stat(path)
	return err == nil
}

// only starts one embedded service in memory, on the data of a folder. A buffer is
// read as it is, so that the folder need not be writable; only one of an earlier
// version is opened for writing, which upgrades its tables.
func (a *app) only(name string, where config.Store) (*stack.Stack, error) {
	defaults := config.Default()
	opts := stack.Options{Config: &defaults, Store: where, Only: []string{name}, ReadOnly: name == "buffer", Version: a.version}
	s, err := stack.Start(opts)
	if err == nil || !opts.ReadOnly || errors.Is(err, errs.ErrDenied) || errors.Is(err, errs.ErrNotFound) {
		return s, err
	}
	opts.ReadOnly = false
	return stack.Start(opts)
}

// replayAll verifies the named runs of a source, or all of them, in the journal
// that the source reads.
func replayAll(ctx context.Context, s source.Source, dsn string, ids []string, against replay.Against) ([]replay.Result, error) {
	runs, err := s.Runs(ctx)
	if err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		runs = nil
		for _, id := range ids {
			r, err := findRun(ctx, s, id)
			if err != nil {
				return nil, err
			}
			runs = append(runs, r)
		}
	}
	reader, err := source.Open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var out []replay.Result
	for _, r := range runs {
		result, err := replay.Run(ctx, reader, r, against)
		if err != nil {
			return nil, err
		}
		out = append(out, result)
	}
	return out, nil
}

// showResults prints the results, and fails where one is at fault.
func (a *app) showResults(results []replay.Result) error {
	bad := 0
	for _, r := range results {
		if r.Fault != "" {
			bad++
		}
	}
	if a.json {
		if err := a.printJSON(results); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "RUN\tENTRIES\tPAIRS\tHASH\tCOMPARED WITH\tRESULT")
		for _, r := range results {
			verdict := "ok"
			if r.Fault != "" {
				verdict = r.Fault
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%.16s\t%s\t%s\n", r.Run, r.Entries, r.Pairs, r.Hash, compared(r), verdict)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, r := range results {
			if r.NotPlayed != "" {
				fmt.Fprintf(a.out, "%s was not played again with the recorded answers of its models: %s.\n", r.Run, r.NotPlayed)
			}
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d runs are not what they were", bad, len(results))
	}
	return nil
}

// compared names what was there to compare a run's journal with.
func compared(r replay.Result) string {
	var with []string
	if r.Buffer {
		with = append(with, "buffer")
	}
	if r.Metrics {
		with = append(with, "metrics.json")
	}
	if r.Prompts > 0 {
		with = append(with, fmt.Sprintf("%d prompts", r.Prompts))
	}
	if len(with) == 0 {
		return "itself"
	}
	return strings.Join(with, ", ")
}

func (a *app) report() *cobra.Command {
	var steps bool
	var out string
	cmd := &cobra.Command{
		Use:   "report [DIR]",
		Short: "Write metrics.json and report.html again, from the journal alone",
		Long: `Writes metrics.json and report.html of a folder again, from its journal alone; the
runs need not be finished. With --out they are written to another folder, so that DIR
may be read-only. With --journal the runs are those of a database, whoever conducted
them: one report of an experiment that many processes conducted.`,
		Example: `  propersim report runs/2026-11-22-proper --steps
  propersim report --journal postgres://user@host/db --experiment demo --out report`,
		Args: arguments(0, 1),
	}
	cmd.Flags().BoolVar(&steps, "steps", false, "write steps.parquet too")
	cmd.Flags().StringVar(&out, "out", "", "`folder` to write to (default DIR)")
	a.placeFlags(cmd.Flags())
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		if a.from.journal != "" && (len(args) > 0 || out == "") {
			return usagef("--journal needs --out FOLDER, and no DIR")
		}
		at := folder.Folder("")
		if len(args) > 0 {
			at = folder.Folder(args[0])
		}
		to := at
		if out != "" {
			to = folder.Folder(out)
		}
		return a.rewrite(cmd.Context(), at, to, steps)
	})
	return cmd
}

// rewrite writes the outputs of a folder, or of the journal that flags name, to a
// folder, and prints the table of methods.
func (a *app) rewrite(ctx context.Context, at, to folder.Folder, steps bool) error {
	file, err := a.writeOutputs(ctx, at, to, steps)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(file)
	}
	if err := methodTable(a.out, file.Runs); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "\n  %s\n  %s\n", to.Report(), to.Metrics())
	return err
}

func (a *app) writeOutputs(ctx context.Context, at, to folder.Folder, steps bool) (*figures.File, error) {
	job := output.Job{Folder: to, Program: a.program, Where: []string{"--journal", "DSN"}, Version: a.version, Steps: steps}
	var args []string
	if at != "" {
		args = []string{string(at)}
		job.Where, job.ScoreSets = args, at.ScoreSets()
	}
	s, _, _, err := a.openPlace(ctx, args)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	job.Source = s
	if at != "" && at.Used() {
		if job.Config, err = at.Load(config.Sources{}); err != nil {
			return nil, err
		}
	}
	if at != "" {
		if before, err := figures.Read(at.Metrics()); err == nil {
			job.Timing = before.Timing
		}
	}
	if err := outfile.MkdirAll(string(to), 0o755); err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	return job.Write(ctx)
}
