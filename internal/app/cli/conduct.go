package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/output"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// conducting is one process that conducts the runs of a folder.
type conducting struct {
	*app
	at     folder.Folder
	loaded *config.Loaded
	fresh  *origin                       // nil where the folder already has an experiment
	fork   *environmentv1.ForkRunRequest // a fork to make first; nil for none
	longer bool                          // lengthens the experiment
	forked bool                          // some of the runs are forks
	pairs  output.Written                // to the file of pairs
	before map[string]int64              // steps in the journal at the start, by run
	begun  time.Time                     // when the services had started
	stop   func() error                  // stops the services; may be called again
	*stack.Stack
}

// conduct makes or resumes the runs of a folder and writes its outputs.
func (c *conducting) conduct(ctx context.Context) (err error) {
	if err := c.at.Make(); err != nil {
		return err
	}
	release, err := c.at.Lock("")
	if err != nil {
		return err
	}
	defer release()
	logFile, err := c.at.OpenLog()
	if err != nil {
		return err
	}
	defer logFile.Close()
	log, level, err := logger(c.loaded.Log, &logWriter{to: logFile, path: logFile.Name(), errOut: c.errOut})
	if err != nil {
		return err
	}
	window, err := c.openWindow(ctx, c.loaded, "simulate", log, level)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, window.close()) }()
	if err := c.start(ctx, log, window); err != nil {
		return misused(err)
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	file, err := c.work(ctx)
	if err != nil {
		return c.interrupted(ctx, c.noSpace(err))
	}
	if at := c.loaded.Connect.Environment; at != "" && c.next == "" { // there is no journal here
		c.next = fmt.Sprintf("  %s   the runs stay in that environment", c.command("runs", "ls", "--address", at))
	}
	return c.conclude(file)
}

// start starts the services, and waits for those that do not answer yet.
func (c *conducting) start(ctx context.Context, log *zap.Logger, window *window) error {
	if kept := c.at.Prompts(); c.fresh == nil && kept != "" {
		c.loaded.Models.Prompts = kept // runs keep the prompts that they were made with
	}
	trade()
	err := c.patiently(ctx, func() (err error) {
		if c.before, err = stepsBefore(ctx, c.at, c.loaded); err != nil {
			return err
		}
		c.Stack, err = stack.Start(stack.Options{
			Config: &c.loaded.Config, Store: c.at.Store(c.loaded.Store), Version: c.version, Logger: log, Remote: remote(c.loaded),
			Registry: window.metrics(), Tracer: window.Tracer(), Workers: c.loaded.Backends.Trainer == "worker",
		})
		return err
	})
	if err != nil {
		return err
	}
	if at := c.Addresses()["trainer"]; at != "" && c.loaded.Backends.Trainer == "worker" {
		fmt.Fprintf(c.errOut, "trainer serves workers and nodes on %s\n", at)
	}
	c.stop, c.begun = sync.OnceValue(c.Stop), time.Now()
	return nil
}

// work conducts the runs until they are over and writes the outputs.
func (c *conducting) work(ctx context.Context) (file *figures.File, err error) {
	var runs []*environmentv1.Run
	err = c.patiently(ctx, func() (err error) {
		runs, err = c.begin(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	before := int64(0) // of these runs alone: others share the database with them
	for _, r := range runs {
		before += c.before[r.GetId()]
	}
	board := live.NewBoard(c.begun, before)
	if c.Usage() != nil {
		board.ShowModels(c.Models)
	}
	sitting, err := beginSitting(c.at, board)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.watch(ctx, runs, board), sitting.end()); err != nil {
		return nil, err
	}
	fmt.Fprintln(c.errOut, "Writing the report ...")
	err = c.patiently(ctx, func() (err error) {
		file, err = c.write(ctx, runs, sitting.timing())
		return err
	})
	return file, err
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

// watch shows the runs until they are over.
func (c *conducting) watch(ctx context.Context, runs []*environmentv1.Run, board *live.Board) error {
	for _, r := range runs {
		board.Update(r)
	}
	showing, hide := context.WithCancel(ctx)
	var view sync.WaitGroup
	view.Go(func() { live.Show(showing, c.screen, board) })
	err := experiment.Watch(ctx, c.Stack, runs, board)
	hide()
	view.Wait()
	return err
}

// interrupted stops the services and prints how to resume, where a signal was the
// cause of an error.
func (c *conducting) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || !c.at.Used() {
		return err
	}
	if err := c.stop(); err != nil {
		return err
	}
	fmt.Fprintf(c.errOut, "\nStopped; every committed step is kept. Resume with:\n  %s\n", c.command("resume", string(c.at)))
	return &failure{err: errInterrupted, code: exitInterrupted}
}

// write makes the outputs of a folder while its services still run.
func (c *conducting) write(ctx context.Context, runs []*environmentv1.Run, timing *figures.Timing) (*figures.File, error) {
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.GetId())
	}
	recorded, err := c.recorded(ctx)
	if err != nil {
		return nil, err
	}
	defer recorded.Close()
	file, err := output.Job{Folder: c.at, Program: c.program, Where: []string{string(c.at)}, Source: source.Only(recorded, ids), Config: c.loaded, Version: c.version, Timing: timing, Steps: true, ScoreSets: c.at.ScoreSets()}.Write(ctx)
	if err != nil {
		return nil, err
	}
	c.pairs, err = output.Pairs(ctx, c.Buffer, runs, runs, bufferv1.ExportFormat_EXPORT_FORMAT_JSONL, c.at.Pairs())
	return file, err
}

// recorded opens what the services have recorded: the journal itself where it is
// on this machine, which is faster.
func (c *conducting) recorded(ctx context.Context) (source.Source, error) {
	if remote(c.loaded) {
		return source.Remote(c.Runs, func() error { return nil }), nil
	}
	return source.Open(ctx, c.at.Store(c.loaded.Store).Journal)
}

// stepsBefore counts the steps of each run in the journal; none where there is none
// yet.
func stepsBefore(ctx context.Context, at folder.Folder, loaded *config.Loaded) (map[string]int64, error) {
	reader, err := source.Open(ctx, at.Store(loaded.Store).Journal)
	if errors.Is(err, errs.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	runs, err := reader.Runs(ctx)
	steps := make(map[string]int64, len(runs))
	for _, r := range runs {
		steps[r.GetId()] = int64(r.GetProgress().GetSteps())
	}
	return steps, err
}
