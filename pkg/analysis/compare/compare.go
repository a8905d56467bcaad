// Package compare says how much better one experiment is than another, with
// intervals over the personas that both have.
package compare

import (
	"slices"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// Side is one of the two: the runs of one method.
type Side struct {
	// Name is how the caller named it.
	Name   string
	Method string
	Runs   []figures.Run
}

// Range is a stretch of simulated days, both ends included.
type Range struct {
	From int `json:"from_day"`
	To   int `json:"to_day"`
}

// Result compares both sides over a range.
type Result struct {
	Range
	// Personas counts those that both sides have; only they are compared.
	Personas int   `json:"personas"`
	Rows     []Row `json:"rows"`
}

// Row compares one figure.
type Row struct {
	Name  string   `json:"name"`
	Label string   `json:"label"`
	A     *float64 `json:"a"`
	B     *float64 `json:"b"`
	// Difference is a less b; Interval is paired, 95%.
	Difference *float64          `json:"difference"`
	Interval   *figures.Interval `json:"interval"`
	// Clear says that the interval excludes zero.
	Clear bool `json:"clear"`
}

// Ranges returns what is compared where nothing is asked for: the first day,
// the last three, and all that both sides have.
func Ranges(a, b Side) []Range {
	last := min(figures.LastDay(a.Runs, a.Method), figures.LastDay(b.Runs, b.Method))
	switch {
	case last == 0:
		return nil
	case last == 1:
		return []Range{{1, 1}}
	}
	from, to := figures.LastSpan(last)
	return []Range{{1, 1}, {from, to}, {1, last}}
}

// Over compares the sides over each range: every headline figure, on the same
// resamples of the personas that both have.
func Over(a, b Side, ranges []Range) []Result {
	boot := figures.NewBootstrap()
	out := make([]Result, 0, len(ranges))
	for _, r := range ranges {
		left, right := paired(figures.Units(a.Runs, a.Method, r.From, r.To), figures.Units(b.Runs, b.Method, r.From, r.To))
		result := Result{Range: r, Personas: len(left)}
		for _, s := range figures.Statistics() {
			row := Row{Name: s.Name, Label: s.Label, A: s.Value(left), B: s.Value(right)}
			row.Difference, row.Interval = boot.Difference(s, left, right)
			row.Clear = row.Interval != nil && (row.Interval.Low > 0 || row.Interval.High < 0)
			result.Rows = append(result.Rows, row)
		}
		out = append(out, result)
	}
	return out
}

// paired keeps the personas that both sides have, in the same order.
func paired(a, b []figures.Unit) (left, right []figures.Unit) {
	for _, u := range a {
		if i := slices.IndexFunc(b, func(o figures.Unit) bool { return o.Persona == u.Persona }); i >= 0 {
			left, right = append(left, u), append(right, b[i])
		}
	}
	return left, right
}
