package cli

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/output"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// conclude prints what came out. Failed runs make the command fail.
func (c *conducting) conclude(file *figures.File) error {
	if c.json {
		if err := c.printJSON(map[string]any{"folder": string(c.at), "timing": file.Timing, "spans": file.Aggregate.Spans, "failures": file.Failures, "pairs": c.pairs}); err != nil {
			return err
		}
	} else if err := c.summarize(file); err != nil {
		return err
	}
	for _, r := range file.Runs {
		if r.State == "failed" {
			fmt.Fprintf(c.errOut, "run %s failed: %s\n", r.ID, r.Reason)
		}
	}
	if reason := budgetSpent(file.Runs); reason != "" {
		return &failure{code: exitBudget, err: fmt.Errorf("%s\nResume with `%s`", reason, c.command("resume", string(c.at), "--set", "models.budget.usd=..."))}
	}
	if n := file.Failures.FailedRuns; n > 0 {
		return fmt.Errorf("%d of %d runs failed; retry with `%s`", n, len(file.Runs), c.command("resume", string(c.at)))
	}
	return nil
}

// budgetSpent is why runs are paused; empty where none is. A run that somebody
// paused has no reason.
func budgetSpent(runs []figures.Run) string {
	for _, r := range runs {
		if r.State == "paused" && r.Reason != "" {
			return r.Reason
		}
	}
	return ""
}

// summarize prints the table of methods, where the files are and what to try
// next.
func (c *conducting) summarize(file *figures.File) error {
	fmt.Fprintln(c.out)
	if err := methodTable(c.out, file.Runs); err != nil {
		return err
	}
	for _, method := range figures.Methods(file.Runs) {
		extremes(c.out, file.Runs, method)
	}
	if f := file.Failures; f.UnjudgedSteps+f.FailedCandidates+f.FailedNights > 0 {
		fmt.Fprintf(c.out, "\n%d steps could not be judged, %d answers could not be read, %d nights failed: see the report.\n", f.UnjudgedSteps, f.FailedCandidates, f.FailedNights)
	}
	if t := file.Timing; t != nil && t.Steps > 0 {
		fmt.Fprintf(c.out, "\n%s steps in %.1f s%s, %s a second, peak memory %d MiB.\n", live.Thousands(t.Steps), t.WallSeconds, sittings(t), live.Thousands(int64(t.StepsPerSecond)), t.PeakRSSBytes>>20)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "\n  %s\tthe report: open it in a browser\n", c.at.Report())
	fmt.Fprintf(w, "  %s\tthe figures\n", c.at.Metrics())
	fmt.Fprintf(w, "  %s\tone row a step\n", c.at.Steps())
	fmt.Fprintf(w, "  %s\t%s\n", c.at.Pairs(), pairsNote(c.pairs, c.forked))
	if err := w.Flush(); err != nil {
		return err
	}
	if left := leftOut(c.pairs); left != "" {
		fmt.Fprintf(c.out, "\n%s\n", left)
	}
	if c.next != "" {
		_, err := fmt.Fprintf(c.out, "\nNext:\n%s\n", c.next)
		return err
	}
	next := c.command("simulate", "--method", "proper,proper-contrast,silent,persona-given") + "   methods side by side"
	if methods := figures.Methods(file.Runs); len(methods) > 1 {
		next = c.command("compare", fmt.Sprintf("%s:%s", c.at, methods[0]), fmt.Sprintf("%s:%s", c.at, methods[len(methods)-1])) + "   the difference, with intervals"
	}
	_, err := fmt.Fprintf(c.out, "\nNext:\n  %s   prove it without any model\n  %s\n", c.command("replay", "--verify", string(c.at)), next)
	return err
}

// pairsNote says what the file of pairs is good for. forked says that some of the
// runs share steps.
func pairsNote(w output.Written, forked bool) string {
	switch {
	case w.Pairs == 0:
		return "empty: " + whyNoPairs(w)
	case forked:
		return "preference pairs for TRL, those of steps that a fork shares once"
	}
	return "preference pairs for TRL"
}

// whyNoPairs says why a file of pairs is empty.
func whyNoPairs(w output.Written) string {
	if len(w.WithoutPrompt) > 0 {
		return "no preference pair has a prompt"
	}
	return "there are no preference pairs, no two candidates of a step differed in score"
}

// leftOut says how many pairs of which method a file lacks, and why; empty for none.
func leftOut(w output.Written) string {
	var parts []string
	total := int64(0)
	for _, method := range slices.Sorted(maps.Keys(w.WithoutPrompt)) {
		n := w.WithoutPrompt[method]
		total += n
		parts = append(parts, fmt.Sprintf("%s %s", method, live.Thousands(n)))
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("%s preference pairs were left out (%s): they have no prompt to train on, because no policy answered.",
		live.Thousands(total), strings.Join(parts, ", "))
}

// sittings says which part of an experiment this process conducted, where there
// were several.
func sittings(t *figures.Timing) string {
	if t.Sittings < 2 {
		return ""
	}
	return fmt.Sprintf(" over %d sittings (this one: %s steps in %.1f s)", t.Sittings, live.Thousands(t.This.Steps), t.This.WallSeconds)
}

// methodTable compares the first day with the last ones, one row a method: first
// what was said and when, then the score.
func methodTable(out io.Writer, runs []figures.Run) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METHOD\tDAYS\tN\tRECALL\tPRECISION\tSUCCESS\tPER HOUR\tWANTED\tNEAR BAND\tMEAN SCORE\tNEW PEOPLE, 95%\tTHESE PEOPLE, 95%")
	seeds := make(map[uint64]bool)
	for _, r := range runs {
		seeds[r.Seed] = true
	}
	noneDue := false
	for _, method := range figures.Methods(runs) {
		last := figures.LastDay(runs, method)
		if last == 0 {
			continue
		}
		groups := []figures.Group{figures.NewGroup(runs, method, 1, 1)}
		if from, to := figures.LastSpan(last); from > 1 {
			groups = append(groups, figures.NewGroup(runs, method, from, to))
		}
		for _, g := range groups {
			row(w, g)
			noneDue = noneDue || g.Recall == nil
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if noneDue {
		if _, err := fmt.Fprintln(out, "RECALL -: no recommendation was due on those days: people had been told as much as they wanted, or more, before each open moment."); err != nil {
			return err
		}
	}
	if len(seeds) == 1 {
		_, err := fmt.Fprintln(out, "One seed: the noise of a run cannot be told apart from the differences between people (--seeds 1-5).")
		return err
	}
	return nil
}

func row(w io.Writer, g figures.Group) {
	days := fmt.Sprint(g.FromDay)
	if g.ToDay > g.FromDay {
		days = fmt.Sprintf("%d-%d", g.FromDay, g.ToDay)
	}
	n := fmt.Sprint(g.Personas)
	if g.Runs > g.Personas {
		n = fmt.Sprintf("%dx%d", g.Personas, g.Runs/g.Personas)
	}
	score := g.Intervals["mean_score"]
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.2f-%.2f\t%d/%d\t%s\t%s\t%s\n", g.Method, days, n,
		figure(g.Recall), figure(g.Precision), figure(g.SuccessRate), figure(g.PerWakingHour), g.Wanted.Min, g.Wanted.Max,
		g.NearBand, g.Personas, figure(g.MeanScore), between(score.NewPeople), between(score.ThesePeople))
}

func between(i *figures.Interval) string {
	if i == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f to %.2f", i.Low, i.High)
}

// extremes names the personas with the greatest and the least score over the
// last days.
func extremes(out io.Writer, runs []figures.Run, method string) {
	from, to := figures.LastSpan(figures.LastDay(runs, method))
	score := figures.Named("mean_score")
	best, worst := "", ""
	high, low := math.Inf(-1), math.Inf(1)
	units := figures.Units(runs, method, from, to)
	for i := 0; i < len(units); {
		j := i
		for j < len(units) && units[j].Persona == units[i].Persona {
			j++
		}
		u, v := units[i], score.Value(units[i:j])
		i = j
		if v == nil {
			continue
		}
		if *v > high {
			best, high = u.Persona, *v
		}
		if *v < low {
			worst, low = u.Persona, *v
		}
	}
	if best != "" && best != worst {
		fmt.Fprintf(out, "%s: best with %s (%.2f), worst with %s (%.2f)\n", method, best, high, worst, low)
	}
}

func figure(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", *v)
}
