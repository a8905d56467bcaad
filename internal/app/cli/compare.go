package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/nearest"
	"github.com/propersim/propersim/pkg/analysis/compare"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/scores"
	"github.com/propersim/propersim/pkg/analysis/source"
)

func (a *app) compare() *cobra.Command {
	var days, scoreSets string
	var mixed bool
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare A with B: differences with paired 95% intervals",
		Long: `Compares two experiments over the people and seeds that both have: every headline
figure of A less that of B, with two 95% intervals. "New people" is Student's t over
people (seeds averaged): what to expect of others. "These people" has the noise of
runs alone, and needs several seeds. A star marks a difference whose interval for new
people excludes zero.

--scores NAME compares by a score set of the folders (written by rescore), NAME_A,NAME_B
by one of each; "recorded" is a run's own.

Experiments that differ in time step, world, seeds, rubrics, judge or score set are
refused unless --mixed is given.

A and B are run folders or metrics.json files; where one holds several methods,
FOLDER:METHOD says which. With --journal A and B are names of experiments in that
journal. Without --days: the first day, the last three, all.`,
		Example: `  propersim compare runs/proper runs/silent
  propersim compare runs/all:proper-contrast runs/all:proper --days 12-14`,
		Args: exact(2),
	}
	cmd.Flags().StringVar(&a.from.journal, "journal", "", "`DSN` of a journal; A and B are experiments in it")
	cmd.Flags().BoolVar(&mixed, "mixed", false, "compare even if time steps, worlds, seeds, rubrics, judges or score sets differ")
	cmd.Flags().StringVar(&scoreSets, "scores", compare.Recorded, "score `set` of A and B; two, comma-separated, for one of each")
	cmd.Flags().StringVar(&days, "days", "", "`ranges` of days, comma-separated, e.g. 1,12-14")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		ranges, err := parseRanges(days)
		if err != nil {
			return usage(err)
		}
		setOfA, setOfB, two := strings.Cut(scoreSets, ",")
		if !two {
			setOfB = setOfA
		}
		left, err := a.side(cmd.Context(), args[0], setOfA)
		if err != nil {
			return err
		}
		right, err := a.side(cmd.Context(), args[1], setOfB)
		if err != nil {
			return err
		}
		if differences := compare.Mixed(left, right); len(differences) > 0 && !mixed {
			return usagef("A and B differ in %s; --mixed compares them all the same%s", strings.Join(differences, "; "), withoutJudge(left, right))
		}
		if ranges == nil {
			ranges = compare.Ranges(left, right)
		} else if err := requireDays(ranges, left, right); err != nil {
			return err
		}
		return a.showComparison(left, right, compare.Over(left, right, ranges))
	})
	return cmd
}

// withoutJudge names the sides whose metrics.json has no judge, and what writes it
// again; empty where there is none.
func withoutJudge(sides ...compare.Side) string {
	var names []string
	for _, side := range sides {
		if slices.ContainsFunc(side.Runs, func(r figures.Run) bool { return r.Judge == "" }) {
			names = append(names, side.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; the metrics.json of %s is from a version that recorded no judge: `propersim report DIR` writes it again from the journal", strings.Join(names, " and "))
}

func parseRanges(text string) ([]compare.Range, error) {
	if text == "" {
		return nil, nil
	}
	var out []compare.Range
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			to = from
		}
		low, errLow := strconv.Atoi(from)
		high, errHigh := strconv.Atoi(to)
		if errLow != nil || errHigh != nil || low < 1 || high < low {
			return nil, fmt.Errorf("--days: found %q, want days from 1 on, e.g. 3 or 12-14", part)
		}
		out = append(out, compare.Range{From: low, To: high})
	}
	return out, nil
}

// requireDays refuses ranges that reach beyond the days of a side.
func requireDays(ranges []compare.Range, sides ...compare.Side) error {
	for _, side := range sides {
		last := figures.LastDay(side.Runs, side.Method)
		for _, r := range ranges {
			if r.To > last {
				return usagef("--days: found %d-%d, but %s has days 1 to %d", r.From, r.To, side.Name, last)
			}
		}
	}
	return nil
}

// side reads "FOLDER[:METHOD]", scored by a score set.
func (a *app) side(ctx context.Context, name, scoreSet string) (compare.Side, error) {
	path, method := name, ""
	if _, err := os.Stat(path); err != nil || a.from.journal != "" {
		if at := strings.LastIndex(name, ":"); at > 0 {
			path, method = name[:at], name[at+1:]
		}
	}
	runs, err := a.sideRuns(ctx, path, scoreSet)
	if err != nil {
		return compare.Side{}, err
	}
	methods := figures.Methods(runs)
	switch {
	case method == "" && len(methods) == 1:
		method = methods[0]
	case method == "":
		return compare.Side{}, usagef("%s holds %d methods; say which: %s:%s", path, len(methods), path, strings.Join(methods, ", "+path+":"))
	case !slices.Contains(methods, method):
		message := fmt.Sprintf("%s holds no method %q, but %s", path, method, strings.Join(methods, ", "))
		if near := nearest.Of(method, methods); near != "" {
			message += fmt.Sprintf("; did you mean %q?", near)
		}
		return compare.Side{}, usagef("%s", message)
	}
	return compare.Side{Name: name, Method: method, Scores: scoreSet, Runs: runs}, nil
}

// sideRuns reads the runs of an experiment of the journal that flags name, or
// those of a path, scored by a score set.
func (a *app) sideRuns(ctx context.Context, name, scoreSet string) ([]figures.Run, error) {
	switch {
	case scoreSet == "":
		return nil, usagef("--scores: found an empty name; %q is a run's own scores", compare.Recorded)
	case scoreSet != compare.Recorded:
		return a.rescored(ctx, name, scoreSet)
	case a.from.journal == "":
		return a.figures(ctx, name)
	}
	s, err := place{journal: a.from.journal, experiment: name}.open(ctx)
	if err != nil {
		return nil, err
	}
	return foldRuns(ctx, s)
}

// rescored folds the runs of a folder by the scores of a set.
func (a *app) rescored(ctx context.Context, name, scoreSet string) ([]figures.Run, error) {
	at := folder.Folder(name)
	if a.from.journal != "" || !at.Used() {
		return nil, usagef("--scores %s: score sets are in run folders, and %s is none", scoreSet, name)
	}
	set, err := scores.Read(at.Scores(scoreSet))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("--scores: there is no %s (rescore writes one)", at.Scores(scoreSet))
	}
	if err != nil {
		return nil, err
	}
	s, err := a.openFolder(ctx, at)
	if err != nil {
		return nil, err
	}
	runs, err := foldRuns(ctx, scores.Over(s, set))
	for i := range runs {
		runs[i].Judge = set.Judge
	}
	return runs, err
}

// figures reads the runs of a metrics.json, of a folder's metrics.json, or,
// where there is none, of its journal.
func (a *app) figures(ctx context.Context, path string) ([]figures.Run, error) {
	at := folder.Folder(path)
	if strings.HasSuffix(path, ".json") {
		file, err := figures.Read(path)
		if err != nil {
			return nil, err
		}
		return file.Runs, nil
	}
	if _, err := os.Stat(at.Metrics()); err == nil {
		file, err := figures.Read(at.Metrics())
		if err != nil {
			return nil, err
		}
		return file.Runs, nil
	}
	s, err := a.openFolder(ctx, at)
	if err != nil {
		return nil, err
	}
	return foldRuns(ctx, s)
}

// foldRuns folds every run of a source and closes it.
func foldRuns(ctx context.Context, s source.Source) ([]figures.Run, error) {
	defer s.Close()
	recorded, err := s.Runs(ctx)
	if err != nil {
		return nil, err
	}
	var out []figures.Run
	for _, r := range recorded {
		f := figures.NewFold(r)
		for e, err := range s.Entries(ctx, r.GetId(), 0) {
			if err != nil {
				return nil, err
			}
			if err := f.Add(e); err != nil {
				return nil, err
			}
		}
		out = append(out, f.Run())
	}
	return out, nil
}

func (a *app) showComparison(left, right compare.Side, results []compare.Result) error {
	if a.json {
		return a.printJSON(map[string]any{"a": left.Name, "b": right.Name, "method_a": left.Method, "method_b": right.Method, "results": results})
	}
	fmt.Fprintf(a.out, "A  %s (%s)\nB  %s (%s)\n", left.Name, left.Method, right.Name, right.Method)
	for _, r := range results {
		days := fmt.Sprintf("days %d-%d", r.From, r.To)
		if r.From == r.To {
			days = fmt.Sprintf("day %d", r.From)
		}
		fmt.Fprintf(a.out, "\n%s; in both: people %d, seeds %d\n", days, r.Personas, r.Seeds)
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\tA\tB\tA - B\tNEW PEOPLE, 95%\t\tTHESE PEOPLE, 95%\tSD OF A RUN")
		for _, row := range r.Rows {
			mark, noise := "", "-"
			if row.Clear {
				mark = "*"
			}
			if row.Bounds.SD != nil {
				noise = fmt.Sprintf("%.3f", row.Bounds.SD.Runs)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.Label, figure(row.A), figure(row.B), signed(row.Difference),
				signedInterval(row.Bounds.NewPeople), mark, signedInterval(row.Bounds.ThesePeople), noise)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func signedInterval(i *figures.Interval) string {
	if i == nil {
		return "-"
	}
	return fmt.Sprintf("%+.3f to %+.3f", i.Low, i.High)
}

func signed(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%+.3f", *v)
}
