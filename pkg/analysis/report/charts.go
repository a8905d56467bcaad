package report

import (
	"fmt"
	"html/template"
	"image/color"
	"math"
	"strings"

	"github.com/propersim/propersim/pkg/analysis/chart"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// drawing is a chart with its caption.
type drawing struct {
	Title, Note string
	// SVG is for wide screens; Small, where it is set, for narrow ones.
	SVG, Small template.HTML
	Legend     []key
	Wide       bool
}

// key names a colour of a chart.
type key struct {
	Name   string
	Color  template.CSS
	Dashed bool
}

func newKey(name string, c color.NRGBA) key {
	return key{Name: name, Color: template.CSS(chart.CSS(c))} //nolint:gosec // a colour of our own
}

// keys names the methods; references are dashed.
func keys(lines []chart.Series) []key {
	var out []key
	for _, s := range lines {
		k := newKey(s.Name, s.Color)
		k.Dashed = s.Dashed
		out = append(out, k)
	}
	return out
}

// narrow is the width of a chart that fits a telephone, in pixels.
const narrow = 330

// plotter is a chart that can be drawn at a width.
type plotter func(width float64) (string, error)

// draw draws a chart, and a small one beside a wide one.
func (d drawing) draw(width float64, plot plotter) (drawing, error) {
	svg, err := plot(width)
	if err != nil {
		return d, err
	}
	d.SVG = drawn(svg)
	if width == narrow {
		return d, nil
	}
	small, err := plot(narrow)
	d.Small = drawn(small)
	return d, err
}

// charts draws the headline figures and what explains them.
func (v *view) charts() error {
	if len(v.Methods) == 0 || v.Days == 0 {
		return nil
	}
	for _, of := range []func() ([]drawing, error){v.headlines, v.levels} {
		drawings, err := of()
		if err != nil {
			return err
		}
		v.Headlines = append(v.Headlines, drawings...)
	}
	for _, m := range v.Methods {
		if m.Reference && m.Name != v.Main.Name {
			continue
		}
		drawings, err := explain(v.File, m.Name)
		if err != nil {
			return err
		}
		v.Drawings = append(v.Drawings, drawings...)
	}
	return nil
}

// headlines draws recall, precision and success.
func (v *view) headlines() ([]drawing, error) {
	var out []drawing
	for _, c := range []struct{ name, title, note string }{
		{"recall", "Recall", "Share of due moments at which it spoke."},
		{"precision", "Precision", "Share of what it said that came at a due moment."},
		{"success_rate", "Success", "Share of what it said that scored 3 or 4."},
	} {
		lines := v.series(c.name)
		d, err := drawing{Title: c.title, Note: c.note, Legend: keys(lines)}.draw(narrow, func(width float64) (string, error) {
			return chart.Lines{Y: strings.ToLower(c.title), Low: 0, High: 1, Series: lines, Width: width, Height: 250}.SVG()
		})
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// levels draws the rate and the score.
func (v *view) levels() ([]drawing, error) {
	low, high := wanted(v.File, v.Main.Name)
	rates := v.series("per_waking_hour")
	rate, err := drawing{Title: "How often it speaks", Note: "Recommendations per waking hour. The green band is what could be reached: from what a perfect assistant says to the most that is welcome.", Legend: append(keys(rates), newKey("wanted", chart.Wanted)), Wide: true}.draw(500, func(width float64) (string, error) {
		return chart.Rate{Series: rates, WantedMin: low, WantedMax: high, Width: width, Height: 290}.SVG()
	})
	if err != nil {
		return nil, err
	}
	lines := v.series("mean_score")
	score, err := drawing{Title: "Mean score", Note: "Of 4, silence included, so it hardly sees what was said. The scale shows days 2 on; what is outside is marked at the edge.", Legend: keys(lines), Wide: true}.draw(500, func(width float64) (string, error) {
		return chart.Lines{Y: "mean score (0-4)", Low: 0, High: 4, Fit: true, Series: lines, Width: width, Height: 290}.SVG()
	})
	return []drawing{rate, score}, err
}

// explain draws the criteria and the traits of a method.
func explain(f *figures.File, method string) ([]drawing, error) {
	passed, err := drawing{Title: "Criteria: " + method, Note: "Share of delivered candidates, silence included, that passed each criterion. The scale shows days 2 on.", Legend: criteriaKeys, Wide: true}.draw(500, func(width float64) (string, error) {
		return chart.Lines{Y: "pass rate", Low: 0, High: 1, Fit: true, Series: criteria(f, method), Width: width, Height: 260}.SVG()
	})
	if err != nil {
		return nil, err
	}
	from, to := figures.LastSpan(figures.LastDay(f.Runs, method))
	traits, err := drawing{Title: "Traits: " + method, Note: "Mean score on " + dayRange(from, to) + " of the people high and low in each trait, with 95% intervals over people. " + effects(f, method), Legend: []key{newKey("high", chart.HighPole), newKey("low", chart.LowPole)}, Wide: true}.draw(500, func(width float64) (string, error) {
		names := []string{"extraversion", "agreeable.", "conscientious.", "neuroticism", "openness"}
		if width == narrow {
			names = []string{"extra.", "agree.", "consc.", "neuro.", "open."}
		}
		return chart.Traits{Y: "mean score", Most: 4, Names: names, High: poles(f, method, true), Low: poles(f, method, false), Width: width, Height: 260}.SVG()
	})
	return []drawing{passed, traits}, err
}

// effects names the traits whose effect is significant after Holm's correction.
func effects(f *figures.File, method string) string {
	var out []string
	tested := false
	for _, e := range f.Aggregate.Traits {
		if e.Method != method || e.Holm == nil {
			continue
		}
		tested = true
		if *e.Holm < 0.05 {
			out = append(out, fmt.Sprintf("%s %+.2f (p = %.3f)", e.Trait, *e.Difference, *e.Holm))
		}
	}
	switch {
	case !tested:
		return "Too few people for a test."
	case len(out) == 0:
		return "No difference is significant (Welch's t, Holm's correction over the five)."
	}
	return "Significant (Welch's t, Holm's correction over the five), high less low: " + strings.Join(out, ", ") + "."
}

// series returns one figure of every method by day, references last and dashed unless
// nothing else was run.
func (v *view) series(name string) []chart.Series {
	var out, dashed []chart.Series
	methods := figures.Methods(v.File.Runs)
	for _, m := range v.Methods {
		s := chart.Series{Name: m.Name, Color: chart.MethodColor(m.Name, methods), Dashed: m.Reference && !v.Main.Reference}
		for _, g := range v.File.Aggregate.Days {
			if g.Method != m.Name {
				continue
			}
			s.X, s.Y = append(s.X, float64(g.Day)), append(s.Y, orNaN(rate(g.Rates, name)))
			ci := g.Intervals[name].NewPeople
			if ci == nil {
				ci = &figures.Interval{Low: math.NaN(), High: math.NaN()}
			}
			s.Low, s.High = append(s.Low, ci.Low), append(s.High, ci.High)
			s.Notes = append(s.Notes, "n = "+sample(g)+" people × seeds")
		}
		switch {
		case len(s.X) == 0:
		case s.Dashed:
			dashed = append(dashed, s)
		default:
			out = append(out, s)
		}
	}
	return append(out, dashed...)
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
			out[i].Notes = append(out[i].Notes, "n = "+sample(g)+" people × seeds")
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
		bar := chart.Bar{N: pole.Personas, Value: orNaN(pole.Level), Low: math.NaN(), High: math.NaN()}
		if pole.Interval != nil {
			bar.Low, bar.High = pole.Interval.Low, pole.Interval.High
		}
		out = append(out, bar)
	}
	return out
}

// wanted averages the band of a method's days.
func wanted(f *figures.File, method string) (low, high float64) {
	n := 0.0
	for _, g := range f.Aggregate.Days {
		if g.Method == method {
			low, high, n = low+g.Wanted.Min, high+g.Wanted.Max, n+1
		}
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
	return drawn(svg), err
}
