package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/judging"
	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/scores"
	"github.com/propersim/propersim/services/user/driver"
)

func (a *app) judgeAgreement() *cobra.Command {
	f := scoreFlags{repeat: true}
	cmd := &cobra.Command{
		Use: "agreement DIR [RUN...]", Short: "Measure the agreement of a judge with the exact judge and with itself",
		Long: `Asks a judge twice about a sample of the recorded moments and compares its verdicts
with those of the exact judge, and with its own repeat. For each criterion: the share
of equal verdicts, Cohen's kappa, and the bias (passes of the judge less those of the
other); for the total, 0 to 4: the quadratic-weighted kappa, and the bias in points.
Intervals are 95%, by a bootstrap over moments.

The verdicts are kept as a score set, DIR/scores/NAME.jsonl, and report.html shows the
agreement. The run itself and other score sets stay as they are; an existing NAME is
refused. Answers that were paid for are kept: a command that was stopped continues
when it is given again.`,
		Example: "  propersim judge agreement runs/2026-11-22-ars --judge model --config models.yaml --limit 200",
		Args:    arguments(1, many),
	}
	f.bind(cmd, 200)
	cmd.Flags().StringVar(&f.name, "name", "", "`name` of the score set (default agreement-JUDGE)")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		f.name = cmp.Or(f.name, "agreement-"+f.judge)
		return a.scoreAgain(cmd, args, f)
	})
	return cmd
}

func (a *app) rescore() *cobra.Command {
	f := scoreFlags{judgeFlags: judgeFlags{limit: 1 << 30}}
	cmd := &cobra.Command{
		Use: "rescore DIR [RUN...]", Short: "Judge the recorded candidates again, beside the scores of the run",
		Long: `Asks a judge about every recorded candidate and writes a score set,
DIR/scores/NAME.jsonl: one line a candidate, with the verdicts of the judge and of the
exact judge, and the score of the run. report.html shows how far the two judges agree,
and ` + "`compare --scores NAME`" + ` compares by the new scores. The run itself and other score
sets stay as they are; an existing NAME is refused. Answers that were paid for are
kept: a command that was stopped continues when it is given again.`,
		Example: "  propersim rescore runs/2026-11-22-ars --judge model --config models.yaml --name second-opinion",
		Args:    arguments(1, many),
	}
	cmd.Flags().StringVar(&f.judge, "judge", "model", "`judge` to ask: model, hybrid or exact; models.roles.judge says which model")
	cmd.Flags().StringVar(&f.name, "name", "", "`name` of the score set (default that of the judge)")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		f.name = cmp.Or(f.name, f.judge)
		return a.scoreAgain(cmd, args, f)
	})
	return cmd
}

// scoreFlags say which judge writes which score set.
type scoreFlags struct {
	judgeFlags
	// name of the score set.
	name string
	// repeat asks the judge twice.
	repeat bool
}

// scoreAgain writes a score set, then the report, and prints the agreement.
func (a *app) scoreAgain(cmd *cobra.Command, args []string, f scoreFlags) error {
	at := folder.Folder(args[0])
	path := at.Scores(f.name)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return usagef("--name: %s exists; choose another name, or remove it", path)
	}
	if err := outfile.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f.answers = path + ".answers.db"
	err := a.withJudge(cmd, args, f.judgeFlags, func(ctx context.Context, judges driver.Judges, moments []judging.Moment) error {
		return outfile.Replace(path, 0o644, func(w io.Writer) error {
			_, err := judging.Rescore(ctx, judges, moments, f.repeat, w)
			return err
		})
	})
	if err != nil {
		return err
	}
	set, err := scores.Read(path)
	if err != nil {
		return err
	}
	if _, err := a.writeOutputs(cmd.Context(), at, at, false); err != nil {
		return err
	}
	return a.showAgreement(set.Agreement(), path, at.Report())
}

func (a *app) showAgreement(g figures.JudgeAgreement, paths ...string) error {
	if a.json {
		return a.printJSON(g)
	}
	fmt.Fprintf(a.out, "%d candidates at %d moments, judged by %s\n", g.Candidates, g.Moments, g.Judge)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WITH\tCRITERION\tN\tEXACT AGREEMENT\t95%\tKAPPA\t95%\tBIAS\tUNJUDGED")
	for _, part := range []struct {
		name string
		all  []figures.Agreement
	}{{"exact judge", g.WithExact}, {"itself", g.WithItself}} {
		for _, x := range part.all {
			if x.N == 0 {
				fmt.Fprintf(w, "%s\t%s\t0\t-\t-\t-\t-\t-\t%d\n", part.name, x.Criterion, x.Unjudged)
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%.2f\t%.2f to %.2f\t%.2f\t%.2f to %.2f\t%+.2f\t%d\n", part.name, x.Criterion, x.N,
				x.Exact, x.ExactInterval.Low, x.ExactInterval.High, x.Kappa, x.KappaInterval.Low, x.KappaInterval.High, x.Bias, x.Unjudged)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, path := range paths {
		fmt.Fprintf(a.out, "  %s\n", path)
	}
	return nil
}
