package report

import (
	"fmt"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// card is one figure on top of the page.
type card struct{ Label, Value, Note, Kind string }

// cards sums up the first method, or what went wrong.
func cards(v *view) []card {
	if len(v.Methods) == 0 {
		return nil
	}
	m := v.Methods[0]
	first, last := m.First, m.Last
	out := []card{
		{Label: "Recall", Value: figure(last.Recall, 2), Note: "due moments met; day 1: " + figure(first.Recall, 2)},
		{Label: "Precision", Value: figure(last.Precision, 2), Note: "said at a due moment; day 1: " + figure(first.Precision, 2)},
		{Label: "Success rate", Value: figure(last.SuccessRate, 2), Note: "said and scored 3 or 4; day 1: " + figure(first.SuccessRate, 2)},
		{Label: "Recommendations an hour", Value: figure(last.PerWakingHour, 2), Note: fmt.Sprintf("day 1: %s; wanted %.2f to %.2f", figure(first.PerWakingHour, 1), last.Wanted.Min, last.Wanted.Max)},
		{Label: "Near the wanted rate", Value: fmt.Sprintf("%d of %d", last.NearBand, last.Personas), Note: fmt.Sprintf("0.5x to 2x of each one's band; %d inside it", last.InBand)},
	}
	out = append(out, card{Label: "Mean score", Value: figure(last.MeanScore, 2), Note: "day 1: " + figure(first.MeanScore, 2) + interval(last.Intervals["mean_score"].NewPeople)})
	return append(out, failureCard(v.File.Failures))
}

func failureCard(f figures.Failures) card {
	n := f.UnjudgedSteps + f.FailedCandidates + f.FailedNights + f.FailedRuns + f.UnfinishedRuns
	if n == 0 {
		return card{Label: "Failures", Value: "none", Note: "every step judged, every night trained", Kind: "good"}
	}
	return card{
		Label: "Failures", Value: fmt.Sprint(n), Kind: "bad",
		Note: fmt.Sprintf("%d unjudged steps, %d unreadable answers, %d failed nights, %d failed and %d unfinished runs", f.UnjudgedSteps, f.FailedCandidates, f.FailedNights, f.FailedRuns, f.UnfinishedRuns),
	}
}

func interval(i *figures.Interval) string {
	if i == nil {
		return ""
	}
	return fmt.Sprintf("; new people, 95%%: %.2f to %.2f", i.Low, i.High)
}

// figure writes a value with so many digits, or a dash for none.
func figure(v *float64, digits int) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, *v)
}

func functions() map[string]any {
	return map[string]any{
		"two": func(v *float64) string { return figure(v, 2) },
		"one": func(v *float64) string { return figure(v, 1) },
		"signed": func(v *float64) string {
			if v == nil {
				return "–"
			}
			return fmt.Sprintf("%+.2f", *v)
		},
		"between": func(g figures.Group, name string) string {
			i := g.Intervals[name].NewPeople
			if i == nil {
				return "–"
			}
			return fmt.Sprintf("%.2f – %.2f", i.Low, i.High)
		},
		"short":   func(hash string) string { return hash[:min(16, len(hash))] },
		"percent": func(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) },
		"f2":      func(v float64) string { return fmt.Sprintf("%.2f", v) },
		"mib":     func(b int64) string { return fmt.Sprintf("%.0f MiB", float64(b)/(1<<20)) },
	}
}
