// Package report writes report.html: one page that opens without a network and
// tells an experiment from its summary to its hashes.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/analysis/chart"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

//go:embed page.html
var page string

// Input is what a report is made of.
type Input struct {
	// Name heads the page: the run folder.
	Name string
	File *figures.File
	// Values are the configuration with where each value came from.
	Values []Value
	// Best and Worst are telling moments.
	Best, Worst []Moment
}

// Value is one value of the configuration.
type Value struct{ Key, Value, Origin string }

// Write writes the page.
func Write(w io.Writer, in Input) error {
	v, err := newView(in)
	if err != nil {
		return err
	}
	t, err := template.New("report").Funcs(functions()).Parse(page)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// view is what the page shows.
type view struct {
	Input
	Methods  []methodView
	Personas []personaView
	Drawings []drawing
	Cards    []card
	Days     int
	LastDays string
	Complete bool
}

// methodView is a method's row and its table of personas.
type methodView struct {
	Name, Color string
	First, Last figures.Group
	Rows        []row
}

// personaView is a persona with its curve.
type personaView struct {
	Name, Traits string
	Spark        template.HTML
}

// row is one run in the table of its method.
type row struct {
	figures.Run
	Traits      string
	First, Last figures.Rates
	Gain        *float64
	InBand      string
}

func newView(in Input) (*view, error) {
	f := in.File
	v := &view{Input: in, Days: figures.LastDay(f.Runs, ""), Complete: f.Failures == (figures.Failures{})}
	from, _ := figures.LastSpan(v.Days)
	v.LastDays = fmt.Sprintf("days %d-%d", from, v.Days)
	if from == v.Days {
		v.LastDays = fmt.Sprintf("day %d", v.Days)
	}
	methods := figures.Methods(f.Runs)
	for _, m := range methods {
		last := figures.LastDay(f.Runs, m)
		end, _ := figures.LastSpan(last)
		mv := methodView{
			Name: m, Color: chart.CSS(chart.MethodColor(m, methods)),
			First: figures.NewGroup(f.Runs, m, 1, 1),
			Last:  figures.NewGroup(f.Runs, m, end, last),
		}
		for _, r := range f.Runs {
			if r.Method == m {
				mv.Rows = append(mv.Rows, newRow(r, end))
			}
		}
		v.Methods = append(v.Methods, mv)
	}
	if err := v.personas(methods); err != nil {
		return nil, err
	}
	v.Cards = cards(v)
	var err error
	v.Drawings, err = charts(f)
	return v, err
}

func newRow(r figures.Run, from int) row {
	out := row{Run: r, Traits: letters(r.BigFive)}
	var end figures.Tally
	for i, d := range r.Days {
		if i == 0 {
			out.First = d.Rates
		}
		if d.Day >= from {
			end.Add(d.Counts)
			out.Last = end.Rates(r.StepSeconds)
		}
	}
	if out.First.MeanScore != nil && out.Last.MeanScore != nil {
		gain := *out.Last.MeanScore - *out.First.MeanScore
		out.Gain = &gain
	}
	if rate := out.Last.PerWakingHour; rate != nil {
		switch wanted := out.Last.Wanted; {
		case wanted.Contains(*rate, 1):
			out.InBand = "in"
		case wanted.Contains(*rate, 2):
			out.InBand = "near"
		default:
			out.InBand = "out"
		}
	}
	return out
}

func (v *view) personas(methods []string) error {
	var ids []string
	for _, r := range v.File.Runs {
		if slices.Contains(ids, r.Persona) {
			continue
		}
		ids = append(ids, r.Persona)
		var own []figures.Run
		for _, other := range v.File.Runs {
			if other.Persona == r.Persona {
				own = append(own, other)
			}
		}
		svg, err := spark(own, methods)
		if err != nil {
			return err
		}
		v.Personas = append(v.Personas, personaView{Name: r.PersonaName, Traits: letters(r.BigFive), Spark: svg})
	}
	return nil
}

// letters writes a Big Five profile as "E a C o N": capital means high.
func letters(bigFive map[string]string) string {
	var out []string
	for _, trait := range []string{"extraversion", "agreeableness", "conscientiousness", "openness", "neuroticism"} {
		letter := trait[:1]
		if bigFive[trait] == "high" {
			letter = strings.ToUpper(letter)
		}
		out = append(out, letter)
	}
	return strings.Join(out, " ")
}
