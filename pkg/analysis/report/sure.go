package report

import (
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// sureView is a figure of a method with what its runs vary by.
type sureView struct {
	Method, Label string
	N             string
	Value         *float64
	figures.Bounds
}

// headline are the figures that the page shows first, in this order.
var headline = []string{"recall", "precision", "success_rate", "per_waking_hour", "mean_score"}

// sure lists the intervals and variance components of the headline figures in the last
// days.
func sure(methods []methodView) []sureView {
	var out []sureView
	for _, m := range methods {
		for _, name := range headline {
			out = append(out, sureView{Method: m.Name, Label: label(name), N: sample(m.Last), Value: rate(m.Last.Rates, name), Bounds: m.Last.Intervals[name]})
		}
	}
	return out
}

func label(name string) string {
	for _, s := range figures.Statistics() {
		if s.Name == name {
			return s.Label
		}
	}
	return name
}

func rate(r figures.Rates, name string) *float64 {
	switch name {
	case "recall":
		return r.Recall
	case "precision":
		return r.Precision
	case "success_rate":
		return r.SuccessRate
	case "per_waking_hour":
		return r.PerWakingHour
	case "mean_score":
		return r.MeanScore
	}
	return nil
}

// severalSeeds reports whether any person has two runs of one method.
func severalSeeds(methods []methodView) bool {
	for _, m := range methods {
		if m.Last.Runs > m.Last.Personas {
			return true
		}
	}
	return false
}
