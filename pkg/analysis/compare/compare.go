// Package compare says how much better one experiment is than another, with
// paired intervals over the people and seeds that both have.
package compare

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// Side is one of the two: the runs of one method.
type Side struct {
	// Name is how the caller named it.
	Name   string
	Method string
	// Scores is the name of the score set by which the runs are scored; Recorded for
	// their own scores.
	Scores string
	Runs   []figures.Run
}

// Recorded names the scores that a run has of itself.
const Recorded = "recorded"

// Range is a stretch of simulated days, both ends included.
type Range struct {
	From int `json:"from_day"`
	To   int `json:"to_day"`
}

// Result compares both sides over a range.
type Result struct {
	Range
	// Personas and Seeds count those that both sides have; only they are compared.
	Personas int   `json:"personas"`
	Seeds    int   `json:"seeds"`
	Rows     []Row `json:"rows"`
}

// Row compares one figure.
type Row struct {
	Name  string   `json:"name"`
	Label string   `json:"label"`
	A     *float64 `json:"a"`
	B     *float64 `json:"b"`
	// Difference is a less b; its bounds are paired.
	Difference *float64       `json:"difference"`
	Bounds     figures.Bounds `json:"bounds"`
	// Clear says that the interval for new people excludes zero.
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

// Over compares the sides over each range by every headline figure. Runs are
// paired by person and seed; where the sides have no seed in common, by person,
// each side's seeds averaged.
func Over(a, b Side, ranges []Range) []Result {
	out := make([]Result, 0, len(ranges))
	for _, r := range ranges {
		left, right := paired(figures.Units(a.Runs, a.Method, r.From, r.To), figures.Units(b.Runs, b.Method, r.From, r.To))
		result := Result{Range: r}
		result.Personas, result.Seeds = count(left)
		for _, s := range figures.Statistics() {
			row := Row{Name: s.Name, Label: s.Label, A: s.Value(left), B: s.Value(right)}
			row.Difference, row.Bounds = s.Difference(left, right)
			row.Clear = row.Bounds.NewPeople.Clear()
			result.Rows = append(result.Rows, row)
		}
		out = append(out, result)
	}
	return out
}

// paired keeps the people and seeds that both sides have, in the same order.
func paired(a, b []figures.Unit) (left, right []figures.Unit) {
	if !slices.ContainsFunc(a, func(u figures.Unit) bool {
		return slices.ContainsFunc(b, func(o figures.Unit) bool { return o.Seed == u.Seed })
	}) {
		a, b = people(a), people(b)
	}
	for _, u := range a {
		if i := slices.IndexFunc(b, func(o figures.Unit) bool { return o.Persona == u.Persona && o.Seed == u.Seed }); i >= 0 {
			left, right = append(left, u), append(right, b[i])
		}
	}
	return left, right
}

// people adds up the runs of each person.
func people(units []figures.Unit) []figures.Unit {
	var out []figures.Unit
	for _, u := range units {
		u.Seed = 0
		if n := len(out); n > 0 && out[n-1].Persona == u.Persona {
			out[n-1].Counts.Add(u.Counts)
			out[n-1].Hours += u.Hours
			continue
		}
		out = append(out, u)
	}
	return out
}

func count(units []figures.Unit) (people, seeds int) {
	ids, numbers := make(map[string]bool), make(map[uint64]bool)
	for _, u := range units {
		ids[u.Persona], numbers[u.Seed] = true, true
	}
	return len(ids), len(numbers)
}

// Mixed names what the two sides do not share and a comparison would mix: time
// step, world, seeds, score set, judge, and the rubrics of the people that both
// have: their exact forms and, where a model judges, their texts. Empty where they
// are alike.
func Mixed(a, b Side) []string {
	var out []string
	differ := func(what string, of func(figures.Run) string) {
		left, right := values(a, of), values(b, of)
		if !slices.Equal(left, right) {
			out = append(out, what+" ("+strings.Join(left, ", ")+" against "+strings.Join(right, ", ")+")")
		}
	}
	differ("time steps", func(r figures.Run) string { return (time.Duration(r.StepSeconds) * time.Second).String() })
	differ("worlds", func(r figures.Run) string { return r.World })
	differ("seeds", func(r figures.Run) string { return strconv.FormatUint(r.Seed, 10) })
	if left, right := cmp.Or(a.Scores, Recorded), cmp.Or(b.Scores, Recorded); left != right {
		out = append(out, "score sets ("+left+" against "+right+")")
	}
	judge := func(r figures.Run) string { return cmp.Or(r.Judge, "not recorded") }
	differ("judges", judge)
	if rubrics := unlike(a, b, func(r figures.Run) string { return r.Rubric }); len(rubrics) > 0 {
		out = append(out, "rubrics of "+strings.Join(rubrics, ", "))
	}
	exact := []string{"exact"}
	if slices.Equal(values(a, judge), exact) && slices.Equal(values(b, judge), exact) {
		return out
	}
	if texts := unlike(a, b, func(r figures.Run) string { return r.RubricText }); len(texts) > 0 {
		out = append(out, "texts of the rubrics of "+strings.Join(texts, ", "))
	}
	return out
}

// unlike returns the people that both sides have and in which they differ.
func unlike(a, b Side, of func(figures.Run) string) []string {
	var out []string
	for _, x := range a.Runs {
		for _, y := range b.Runs {
			if x.Persona == y.Persona && of(x) != of(y) && !slices.Contains(out, x.Persona) {
				out = append(out, x.Persona)
			}
		}
	}
	return out
}

// values returns the distinct values of a side's runs, sorted.
func values(s Side, of func(figures.Run) string) []string {
	var out []string
	for _, r := range s.Runs {
		if r.Method == s.Method {
			out = append(out, of(r))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
