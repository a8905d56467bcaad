package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/judging"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/prompts"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/modeljudge"
)

func (a *app) judge() *cobra.Command {
	parent := &cobra.Command{Use: "judge", Short: "Measure a judge: its agreement with the exact one, and its resistance to injected texts"}
	parent.AddCommand(a.judgeAgreement(), a.judgeInjection())
	return parent
}

// judgeFlags say which judge is asked, and about how much.
type judgeFlags struct {
	judge string
	limit int
	// answers is where the answers of a model are kept; empty for nowhere.
	answers string
}

func (f *judgeFlags) bind(cmd *cobra.Command, limit int) {
	cmd.Flags().StringVar(&f.judge, "judge", "model", "`judge` to ask: model, hybrid or exact; models.roles.judge says which model")
	cmd.Flags().IntVar(&f.limit, "limit", limit, "at most so many recorded `moments`")
}

func (a *app) judgeInjection() *cobra.Command {
	var f judgeFlags
	cmd := &cobra.Command{
		Use: "injection DIR [RUN...]", Short: "Measure how far injected instructions change the scores of a judge",
		Long: `Asks a judge about recorded recommendations, with and without each text of a corpus
behind their words: role tags, demands for marks, false rubrics, broken JSON,
look-alike and hidden characters. It prints the change of the score beside the
judge's own noise, and the texts that moved it most.`,
		Example: "  propersim judge injection runs/2026-11-22-ars --judge model --config models.yaml --limit 5",
		Args:    arguments(1, many),
	}
	f.bind(cmd, 5)
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		texts, err := judging.Injections()
		if err != nil {
			return err
		}
		return a.withJudge(cmd, args, f, func(ctx context.Context, judges driver.Judges, moments []judging.Moment) error {
			shifts, err := judging.Inject(ctx, judges, moments, texts)
			if err != nil {
				return err
			}
			return a.showShifts(shifts)
		})
	})
	return cmd
}

func (a *app) showShifts(s *judging.Shifts) error {
	if a.json {
		return a.printJSON(s)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TEXT\tJUDGED\tMEAN CHANGE\tRAISED\tFELL\tUNJUDGED")
	line := func(name string, x judging.Shift) {
		fmt.Fprintf(w, "%s\t%d\t%+.2f\t%d\t%d\t%d\n", name, x.Judged, x.Mean, x.Raised, x.Fell, x.Unjudged)
	}
	line("none, judged twice", s.Baseline)
	line(fmt.Sprintf("all %d texts", len(s.Texts)), s.All)
	for _, x := range s.Texts {
		if x.Mean > 0.5 || x.Unjudged > 0 {
			line(fmt.Sprintf("%.60q", x.Text), x)
		}
	}
	return w.Flush()
}

// withJudge opens a run folder and a judge, and gives a sample of the recorded
// moments to work.
func (a *app) withJudge(cmd *cobra.Command, args []string, f judgeFlags, work func(context.Context, driver.Judges, []judging.Moment) error) (err error) {
	ctx := cmd.Context()
	loaded, err := a.judgeConfig(cmd, folder.Folder(args[0]))
	if err != nil {
		return err
	}
	s, _, ids, err := a.openPlace(ctx, args)
	if err != nil {
		return err
	}
	defer s.Close()
	runs, err := s.Runs(ctx)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		runs = make([]*environmentv1.Run, len(ids))
		for i, id := range ids {
			if runs[i], err = findRun(ctx, s, id); err != nil {
				return err
			}
		}
	}
	moments, err := judging.Moments(ctx, s, runs, f.limit)
	if err != nil {
		return err
	}
	if len(moments) == 0 {
		return fmt.Errorf("%s has no waking step to judge: %w", args[0], errs.ErrNotFound)
	}
	judges, stop, err := openJudge(ctx, f, loaded)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return work(ctx, judges, moments)
}

// judgeConfig is the configuration that --config names, or that of the folder.
func (a *app) judgeConfig(cmd *cobra.Command, at folder.Folder) (*config.Loaded, error) {
	if a.configFile != "" || !at.Used() {
		return a.load(cmd)
	}
	loaded, err := at.Load(a.sources(cmd, nil))
	return loaded, usage(err)
}

// openJudge makes the judges of a driver.
func openJudge(ctx context.Context, f judgeFlags, loaded *config.Loaded) (driver.Judges, func() error, error) {
	nothing := func() error { return nil }
	switch f.judge {
	case driver.Exact:
		return driver.ExactJudges(), nothing, nil
	case modeljudge.Model, modeljudge.Hybrid:
	default:
		return driver.Judges{}, nothing, usagef("--judge: found %q, want exact, model or hybrid", f.judge)
	}
	set, err := prompts.Load(loaded.Models.Prompts)
	if err != nil {
		return driver.Judges{}, nothing, usage(err)
	}
	client, err := model.New(ctx, loaded.Models.Config(), model.Deps{Answers: cmp.Or(f.answers, ":memory:"), Patience: time.Minute})
	if err != nil {
		return driver.Judges{}, nothing, usage(err)
	}
	stop := func() error { return client.Close(context.Background()) }
	judges, err := modeljudge.Drivers(f.judge, client, set)
	if err != nil {
		return driver.Judges{}, nothing, errors.Join(usage(err), stop())
	}
	return judges, stop, nil
}
