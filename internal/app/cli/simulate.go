package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/output"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

func (a *app) simulate() *cobra.Command {
	var out, name, shard string
	var goOn, estimated bool
	flags := slices.Concat(simulationFlags, connectFlags(""), windowFlags)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Let people live with an assistant, and measure it",
		Long: `Starts the six services in this process, each a gRPC server called through its
generated client, lets every chosen person live with every chosen method, and
writes a folder:

  journal.db      every step, in a hash chain: the truth
  report.html     what happened, with curves; opens offline
  metrics.json    the figures (docs/metrics.md)
  steps.parquet   one row a step
  pairs.jsonl     preference pairs in TRL's conversational format

Ctrl-C stops after the present steps; "propersim resume DIR" continues from there.
The same seed gives the same final hashes, stopped or not.

With --environment-address nothing is started here: the runs are made in that
environment, the user and buffer services are called where --user-address and
--buffer-address say, or on their ports, and the folder gets the outputs alone.

Methods: none (no memory), ar (remembers what it said), ars (and its scores),
proper (ar, trained every night), proper-contrast (trained on contrasts),
silent, constant (a fixed rate), scheduled (fixed times of the day), bandit (a
contextual bandit that learns from scores), persona-given (told what the person
wants).`,
		Example: `  propersim simulate --personas 1-4 --days 3
  propersim simulate --method none,ar,ars,proper,silent --out runs/side-by-side
  propersim simulate --persona-file me.yaml --personas my-name --days 7
  propersim simulate --set trainer.pairs=400 --seeds 1-5
  propersim simulate --assistant-address 127.0.0.1:7090 --method desk-break
  propersim simulate --environment-address 127.0.0.1:7070     on served services`,
		Args: cobra.NoArgs,
	}
	bind(cmd, flags)
	cmd.MarkFlagsMutuallyExclusive("seed", "seeds")
	cmd.Flags().StringVar(&name, "experiment", "", "`name` of the experiment: a label of its runs; the same name goes on with the runs of the same journal (default a random one)")
	cmd.Flags().StringVar(&shard, "shard", "", "conduct one part of the people, `INDEX/COUNT`: every COUNT-th from INDEX on, 0-based")
	cmd.Flags().StringVar(&out, "out", "", "run `folder` to make (default runs/<date-time>-<method>)")
	cmd.Flags().StringVar(&a.next, "next", "", "`text` printed at the end instead of the default hints (used by the container)")
	cmd.Flags().BoolVar(&estimated, "estimate", false, "say what models would use (calls, tokens, USD, hours), and run nothing")
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
		return final(a.conduct(cmd.Context(), at, loaded, fresh))
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
		{"days", "simulation.days", "simulated `days` in all: more than before lengthen the experiment"},
		{"parallel", "simulation.parallel", "`runs` conducted at once; changes no result"},
	}, slices.Concat(connectFlags(""), windowFlags)...)
	cmd := &cobra.Command{
		Use:   "resume DIR",
		Short: "Resume a run folder that was stopped",
		Long: `Resumes the runs of a folder from their last committed step, failed ones included,
and writes the outputs again. A finished folder only gets its outputs, unless --days
lengthens it: its runs then continue as if they had been that long from the start.`,
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
		return final(a.conduct(cmd.Context(), at, loaded, nil))
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
		return nil, usagef("simulation.days: found %d, but %s has %d; an experiment can be lengthened alone", loaded.Simulation.Days, at, days)
	}
	there.Simulation.Days = loaded.Simulation.Days
	if differences := folder.Differences(&there.Config, &loaded.Config); len(differences) > 0 {
		return nil, usagef("configuration differs from the one recorded in %s: %s", at, strings.Join(differences, "; "))
	}
	return loaded, nil
}

// conduct makes or resumes the runs of a folder and writes its outputs. fresh is
// nil where the folder has an experiment already.
func (a *app) conduct(ctx context.Context, at folder.Folder, loaded *config.Loaded, fresh *origin) (err error) {
	if err := at.Make(); err != nil {
		return err
	}
	release, err := at.Lock("")
	if err != nil {
		return err
	}
	defer release()
	logFile, err := at.OpenLog()
	if err != nil {
		return err
	}
	defer logFile.Close()
	log, level, err := logger(loaded.Log, logFile)
	if err != nil {
		return err
	}
	window, err := a.openWindow(ctx, loaded, "simulate", log, level)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, window.close()) }()
	if fresh == nil {
		if kept := at.Prompts(); kept != "" {
			loaded.Models.Prompts = kept // the runs go on with the prompts that they were made with
		}
	}
	trade()
	var before int64
	var services *stack.Stack
	err = a.patiently(ctx, func() (err error) {
		if before, err = stepsBefore(ctx, at, loaded); err != nil {
			return err
		}
		services, err = stack.Start(stack.Options{
			Config: &loaded.Config, Store: at.Store(loaded.Store), Version: a.version, Logger: log, Remote: remote(loaded),
			Registry: window.metrics(), Tracer: window.Tracer(), Workers: loaded.Backends.Trainer == "worker",
		})
		return err
	})
	if err != nil {
		return misused(err)
	}
	if at := services.Addresses()["trainer"]; at != "" && loaded.Backends.Trainer == "worker" {
		fmt.Fprintf(a.errOut, "trainer serves workers and nodes on %s\n", at)
	}
	stop := sync.OnceValue(services.Stop)
	defer func() { err = errors.Join(err, stop()) }()
	began := time.Now()
	var runs []*environmentv1.Run
	err = a.patiently(ctx, func() (err error) {
		runs, err = a.begin(ctx, at, loaded, services, fresh)
		return err
	})
	if err != nil {
		return a.interrupted(ctx, at, stop, err)
	}
	board := live.NewBoard(began, before)
	if services.Usage() != nil {
		board.ShowModels(services.Models)
	}
	sitting, err := beginSitting(at, board)
	if err != nil {
		return err
	}
	if err := errors.Join(a.watch(ctx, services, runs, board), sitting.end()); err != nil {
		return a.interrupted(ctx, at, stop, err)
	}
	fmt.Fprintln(a.errOut, "Writing the report ...")
	var file *figures.File
	err = a.patiently(ctx, func() (err error) {
		file, err = a.write(ctx, at, loaded, services, runs, sitting.timing())
		return err
	})
	if err != nil {
		return a.interrupted(ctx, at, stop, err)
	}
	if at := loaded.Connect.Environment; at != "" && a.next == "" { // there is no journal here
		a.next = fmt.Sprintf("  %s   the runs stay in that environment", a.command("runs", "ls", "--address", at))
	}
	return a.conclude(at, file)
}

// trade spends memory, of which a simulation needs little, to spare the garbage
// collector work: 32 people and 14 days take a sixth less time (57 s and 182 MiB
// to 50 s and 296 MiB on 2 cores), and the heap stays below 400 MiB as long as it
// can. GOGC and GOMEMLIMIT win where they are set.
func trade() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(300)
		debug.SetMemoryLimit(400 << 20)
	}
}

// begin creates the runs, or lets those there are go on.
func (a *app) begin(ctx context.Context, at folder.Folder, loaded *config.Loaded, services *stack.Stack, fresh *origin) ([]*environmentv1.Run, error) {
	if fresh != nil {
		if _, err := experiment.People(ctx, services.Personas, &loaded.Config); err != nil {
			return nil, refused(err)
		}
		if err := at.Save(&loaded.Config, fresh.experiment, fresh.shard); err != nil {
			return nil, err
		}
		if set := services.Prompts(); set != nil {
			if err := at.SavePrompts(set.Texts()); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(a.errOut, "Writing to %s\n", at)
	}
	id, err := at.ID()
	if err != nil {
		return nil, err
	}
	text, err := at.Shard()
	if err != nil {
		return nil, err
	}
	part, err := experiment.ParseShard(text)
	if err != nil {
		return nil, fmt.Errorf("run folder %s: shard: %w", at, err)
	}
	created, err := createdDays(at, loaded)
	if err != nil {
		return nil, err
	}
	as := loaded.Config
	as.Simulation.Days = created
	runs, err := experiment.Create(ctx, services, &as, id, part)
	if err != nil {
		return nil, err
	}
	if runs, err = experiment.Extend(ctx, services, runs, loaded.Simulation.Days); err != nil {
		return nil, err
	}
	return experiment.Resume(ctx, services, runs)
}

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

// remote reports whether the runs are conducted elsewhere.
func remote(loaded *config.Loaded) bool { return loaded.Connect.Environment != "" }

// watch shows the runs until they are over.
func (a *app) watch(ctx context.Context, services *stack.Stack, runs []*environmentv1.Run, board *live.Board) error {
	for _, r := range runs {
		board.Update(r)
	}
	showing, hide := context.WithCancel(ctx)
	var view sync.WaitGroup
	view.Go(func() { live.Show(showing, a.screen, board) })
	err := experiment.Watch(ctx, services, runs, board)
	hide()
	view.Wait()
	return err
}

// interrupted stops the services and says how to go on, where a signal was the
// cause.
func (a *app) interrupted(ctx context.Context, at folder.Folder, stop func() error, err error) error {
	if ctx.Err() == nil || !at.Used() {
		return err
	}
	if err := stop(); err != nil {
		return err
	}
	fmt.Fprintf(a.errOut, "\nStopped; every committed step is kept. Resume with:\n  %s\n", a.command("resume", string(at)))
	return &failure{err: errInterrupted, code: exitInterrupted}
}

// write makes the outputs of a folder while its services still run.
func (a *app) write(ctx context.Context, at folder.Folder, loaded *config.Loaded, services *stack.Stack, runs []*environmentv1.Run, timing *figures.Timing) (*figures.File, error) {
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.GetId())
	}
	recorded, err := recordedBy(ctx, at, loaded, services)
	if err != nil {
		return nil, err
	}
	defer recorded.Close()
	file, err := output.Job{Folder: at, Program: a.program, Where: []string{string(at)}, Source: source.Only(recorded, ids), Config: loaded, Version: a.version, Timing: timing, Steps: true, ScoreSets: at.ScoreSets()}.Write(ctx)
	if err != nil {
		return nil, err
	}
	_, err = output.Pairs(ctx, services.Buffer, ids, bufferv1.ExportFormat_EXPORT_FORMAT_JSONL, at.Pairs())
	return file, err
}

// recordedBy reads what the services have recorded: from the journal itself
// where it lies here, which is faster.
func recordedBy(ctx context.Context, at folder.Folder, loaded *config.Loaded, services *stack.Stack) (source.Source, error) {
	if remote(loaded) {
		return source.Remote(services.Runs, func() error { return nil }), nil
	}
	return source.Open(ctx, at.Store(loaded.Store).Journal)
}

// stepsBefore counts the steps that a folder holds.
func stepsBefore(ctx context.Context, at folder.Folder, loaded *config.Loaded) (int64, error) {
	reader, err := source.Open(ctx, at.Store(loaded.Store).Journal)
	if errors.Is(err, errs.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	runs, err := reader.Runs(ctx)
	steps := int64(0)
	for _, r := range runs {
		steps += int64(r.GetProgress().GetSteps())
	}
	return steps, err
}
