package report

import (
	"html/template"
	"image/color"
	"math"

	"github.com/propersim/propersim/pkg/analysis/chart"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// drawing is a chart with its caption.
type drawing struct {
	Title, Note string
	SVG         template.HTML
	Legend      []key
	Wide        bool
}

// key names a colour of a chart.
type key struct {
	Name  string
	Color template.CSS
}

func newKey(name string, c color.NRGBA) key {
	return key{Name: name, Color: template.CSS(chart.CSS(c))} //nolint:gosec // a colour of our own
}

func methodKeys(methods []string) []key {
	var out []key
	for _, m := range methods {
		out = append(out, newKey(m, chart.MethodColor(m, methods)))
	}
	return out
}

// charts draws everything that stands above the tables.
func charts(f *figures.File) ([]drawing, error) {
	all := figures.Methods(f.Runs)
	var out []drawing
	add := func(d drawing, svg string, err error) error {
		d.SVG = template.HTML(svg) //nolint:gosec // drawn by our own code; the library escapes every text in it
		out = append(out, d)
		return err
	}
	svg, err := chart.Lines{Y: "mean score (0-4)", Low: 0, High: 4, Every: 1, Series: series(f, all, "mean_score", true), Width: 760, Height: 300}.SVG()
	if err := add(drawing{Title: "Score per day", Note: "Mean total of what was delivered, silence included; the band is the 95% interval for new people (Student's t).", Legend: methodKeys(all), Wide: true}, svg, err); err != nil {
		return nil, err
	}
	low, high := wanted(f)
	svg, err = chart.Rate{Series: series(f, all, "per_waking_hour", true), WantedMin: low, WantedMax: high, Width: 760, Height: 300}.SVG()
	if err := add(drawing{Title: "How often it speaks", Note: "Recommendations per waking hour; the green band is what the personas want, on average.", Legend: append(methodKeys(all), newKey("wanted", chart.Wanted)), Wide: true}, svg, err); err != nil {
		return nil, err
	}
	for _, name := range []string{"recall", "precision"} {
		svg, err = chart.Lines{Y: name, Low: 0, High: 1, Every: 0.2, Series: series(f, all, name, true), Width: 480, Height: 260}.SVG()
		note := "Share of due moments that were met with a recommendation."
		if name == "precision" {
			note = "Share of recommendations that came at a due moment."
		}
		if err := add(drawing{Title: map[string]string{"recall": "Recall", "precision": "Precision"}[name], Note: note, Legend: methodKeys(all)}, svg, err); err != nil {
			return nil, err
		}
	}
	for _, method := range all {
		svg, err = chart.Lines{Y: "pass rate", Low: 0, High: 1, Every: 0.2, Series: criteria(f, method), Width: 480, Height: 260}.SVG()
		if err := add(drawing{Title: "Criteria: " + method, Note: "Share of delivered candidates that passed each criterion.", Legend: criteriaKeys}, svg, err); err != nil {
			return nil, err
		}
	}
	for _, method := range all {
		svg, err = chart.Traits{Y: "mean score, last days", Names: figures.Traits(), High: poles(f, method, true), Low: poles(f, method, false), Width: 480, Height: 260}.SVG()
		if err := add(drawing{Title: "Traits: " + method, Note: "Mean score of the last days of the people high and low in each trait, with 95% intervals over people.", Legend: []key{newKey("high", chart.HighPole), newKey("low", chart.LowPole)}}, svg, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// series draws one statistic of every method.
func series(f *figures.File, methods []string, name string, band bool) []chart.Series {
	var out []chart.Series
	for _, method := range methods {
		s := chart.Series{Name: method, Color: chart.MethodColor(method, methods)}
		complete := band
		for _, g := range f.Aggregate.Days {
			if g.Method != method {
				continue
			}
			s.X = append(s.X, float64(g.Day))
			s.Y = append(s.Y, value(g.Rates, name))
			ci := g.Intervals[name].NewPeople
			if ci == nil {
				ci = &figures.Interval{Low: math.NaN(), High: math.NaN()}
			}
			s.Low, s.High = append(s.Low, ci.Low), append(s.High, ci.High)
		}
		if !complete {
			s.Low, s.High = nil, nil
		}
		out = append(out, s)
	}
	return out
}

func value(r figures.Rates, name string) float64 {
	switch name {
	case "mean_score":
		return orNaN(r.MeanScore)
	case "per_waking_hour":
		return orNaN(r.PerWakingHour)
	case "recall":
		return orNaN(r.Recall)
	case "precision":
		return orNaN(r.Precision)
	}
	return math.NaN()
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

var criteriaKeys = []key{
	newKey("preference", chart.Criteria[0]), newKey("timing", chart.Criteria[1]),
	newKey("frequency", chart.Criteria[2]), newKey("communication", chart.Criteria[3]),
}

func criteria(f *figures.File, method string) []chart.Series {
	out := make([]chart.Series, len(chart.Criteria))
	for i := range out {
		out[i] = chart.Series{Name: criteriaKeys[i].Name, Color: chart.Criteria[i]}
	}
	for _, g := range f.Aggregate.Days {
		if g.Method != method {
			continue
		}
		for i, v := range []*float64{g.Criteria.Preference, g.Criteria.Timing, g.Criteria.Frequency, g.Criteria.Communication} {
			out[i].X = append(out[i].X, float64(g.Day))
			out[i].Y = append(out[i].Y, orNaN(v))
		}
	}
	return out
}

func poles(f *figures.File, method string, high bool) []chart.Bar {
	var out []chart.Bar
	for _, e := range f.Aggregate.Traits {
		if e.Method != method {
			continue
		}
		pole := e.Low
		if high {
			pole = e.High
		}
		bar := chart.Bar{Value: orNaN(pole.Level), Low: math.NaN(), High: math.NaN()}
		if pole.Interval != nil {
			bar.Low, bar.High = pole.Interval.Low, pole.Interval.High
		}
		out = append(out, bar)
	}
	return out
}

// wanted averages the bands of the personas.
func wanted(f *figures.File) (low, high float64) {
	n := 0.0
	for _, g := range f.Aggregate.Days {
		low, high, n = low+g.Wanted.Min, high+g.Wanted.Max, n+1
	}
	if n == 0 {
		return 0, 0
	}
	return low / n, high / n
}

// spark draws a persona's daily scores under every method.
func spark(runs []figures.Run, methods []string) (template.HTML, error) {
	c := chart.Spark{Low: 0, High: 4, Width: 150, Height: 44}
	for _, r := range runs {
		s := chart.Series{Color: chart.MethodColor(r.Method, methods)}
		for _, d := range r.Days {
			s.X = append(s.X, float64(d.Day))
			s.Y = append(s.Y, orNaN(d.MeanScore))
		}
		c.Series = append(c.Series, s)
	}
	svg, err := c.SVG()
	return template.HTML(svg), err //nolint:gosec // drawn by our own code
}
