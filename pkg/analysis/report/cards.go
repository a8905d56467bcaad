package report

import (
	"fmt"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// card is one figure on top of the page.
type card struct{ Label, Value, Note, Kind string }

// cards sums up the first method that is no reference, and what went wrong.
func cards(v *view) []card {
	if v.Main == nil {
		return nil
	}
	first, last := v.Main.First, v.Main.Last
	var out []card
	for _, c := range []struct{ label, name, note string }{
		{"Recall", "recall", "due moments met"},
		{"Precision", "precision", "said at a due moment"},
		{"Success rate", "success_rate", "said and scored 3 or 4"},
	} {
		out = append(out, card{Label: c.label, Value: figure(rate(last.Rates, c.name), 2), Note: c.note + interval(last, c.name) + "; day 1: " + figure(rate(first.Rates, c.name), 2)})
	}
	return append(out,
		card{Label: "Said per waking hour", Value: figure(last.PerWakingHour, 2), Note: fmt.Sprintf("wanted %.2f to %.2f; near that for %d of %d people; day 1: %s", last.Wanted.Min, last.Wanted.Max, last.NearBand, last.Personas, figure(first.PerWakingHour, 1))},
		card{Label: "Mean score", Value: figure(last.MeanScore, 2), Note: "of 4, silence included" + interval(last, "mean_score") + "; day 1: " + figure(first.MeanScore, 2)},
		failureCard(v.File.Failures),
	)
}

func failureCard(f figures.Failures) card {
	n := f.UnjudgedSteps + f.FailedCandidates + f.FailedNights + f.FailedRuns + f.UnfinishedRuns
	if n == 0 {
		return card{Label: "Failures", Value: "none", Note: "every step judged, no night failed", Kind: "good"}
	}
	return card{
		Label: "Failures", Value: fmt.Sprint(n), Kind: "bad",
		Note: fmt.Sprintf("%d unjudged steps, %d unreadable answers, %d failed nights, %d failed and %d unfinished runs", f.UnjudgedSteps, f.FailedCandidates, f.FailedNights, f.FailedRuns, f.UnfinishedRuns),
	}
}

// banners are what a reader must know before the figures.
func banners(f *figures.File) []string {
	var out []string
	if n := f.Failures.UnfinishedRuns; n > 0 {
		out = append(out, fmt.Sprintf("%d of %d runs are not finished: every figure below is of the days so far.", n, len(f.Runs)))
	}
	if n := f.Failures.FailedRuns; n > 0 {
		out = append(out, fmt.Sprintf("%d of %d runs failed: the figures hold their days until then. The reasons are under Failures.", n, len(f.Runs)))
	}
	var all, waking int
	for _, r := range f.Runs {
		for _, d := range r.Days {
			all += d.Counts.Candidates
			waking += d.Counts.Waking
		}
	}
	if n := f.Failures.FailedCandidates; n > 0 && float64(n) > 0.01*float64(all) {
		out = append(out, fmt.Sprintf("%d of %d candidates could not be read (%.1f%%): a delivered one counts as silence, so the model speaks less than it meant to.", n, all, 100*float64(n)/float64(max(1, all))))
	}
	for _, m := range f.Models {
		if share := m.FailedShare(); share > 0.01 {
			out = append(out, fmt.Sprintf("%.1f%% of the calls of the %s to %s had an unusable answer: %d were repaired, %d failed.", 100*share, m.Role, m.Model, m.Repaired, m.Failed))
		}
	}
	if n := f.Failures.UnjudgedSteps; n > 0 && float64(n) > 0.01*float64(waking) {
		out = append(out, fmt.Sprintf("%d of %d waking steps could not be judged (%.1f%%): they are in no score.", n, waking, 100*float64(n)/float64(max(1, waking))))
	}
	if n := f.Failures.FailedNights; n > 0 {
		out = append(out, fmt.Sprintf("%d nightly trainings failed: the next day ran with the adapter of the day before.", n))
	}
	return out
}

func interval(g figures.Group, name string) string {
	i := g.Intervals[name].NewPeople
	if i == nil {
		return ""
	}
	return fmt.Sprintf(", 95%%: %.2f to %.2f", i.Low, i.High)
}

// sample writes how many people and seeds a mean is over.
func sample(g figures.Group) string {
	switch {
	case g.Personas == 0:
		return "0"
	case g.Runs%g.Personas == 0:
		return fmt.Sprintf("%d × %d", g.Personas, g.Runs/g.Personas)
	}
	return fmt.Sprintf("%d (%d runs)", g.Personas, g.Runs)
}

// figure writes a value with so many digits, or a dash for none.
func figure(v *float64, digits int) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, *v)
}

// tableCell is a figure of a method in its table.
type tableCell struct{ Value, Between, First string }

func newCell(m methodView, name string) tableCell {
	return tableCell{
		Value: figure(rate(m.Last.Rates, name), 2), Between: between(m.Last.Intervals[name].NewPeople),
		First: figure(rate(m.First.Rates, name), 2),
	}
}

func functions() map[string]any {
	return map[string]any{
		"two":   func(v *float64) string { return figure(v, 2) },
		"three": func(v *float64) string { return figure(v, 3) },
		"took":  duration, "seconds": func(v *float64) string { return duration(*v) },
		"one": func(v *float64) string { return figure(v, 1) },
		"signed": func(v *float64) string {
			if v == nil {
				return "–"
			}
			return fmt.Sprintf("%+.2f", *v)
		},
		"bounds": between,
		"cell":   newCell,
		"n":      sample,
		"usd":    usd, "whole": whole, "unanswered": unanswered,
		"f2":  func(v float64) string { return fmt.Sprintf("%.2f", v) },
		"f3":  func(v float64) string { return fmt.Sprintf("%.3f", v) },
		"mib": func(b int64) string { return fmt.Sprintf("%.0f MiB", float64(b)/(1<<20)) },
	}
}

func between(i *figures.Interval) string {
	if i == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f – %.2f", i.Low, i.High)
}
