package chart

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// Traits is a chart of the level of the personas on either pole of each trait, with
// 95% intervals. Its axis need not begin at zero, so levels are dots, not bars.
type Traits struct {
	// Y names the level.
	Y string
	// Names are the traits; High and Low hold one pole each.
	Names     []string
	High, Low []Bar
	// Most is the greatest level that there can be, the least being 0: an interval
	// that goes further is drawn to there.
	Most          float64
	Width, Height float64
}

// Bar is a value with its interval; a NaN value is not drawn. N is the number of
// people.
type Bar struct {
	Value, Low, High float64
	N                int
}

// SVG draws the chart.
func (c Traits) SVG() (string, error) {
	p := newPlot("", c.Y)
	p.Add(grid())
	low, high := math.Inf(1), math.Inf(-1)
	for _, b := range append(slices.Clone(c.High), c.Low...) {
		for _, v := range []float64{b.Value, b.Low, b.High} {
			if !math.IsNaN(v) {
				low, high = math.Min(low, c.possible(v)), math.Max(high, c.possible(v))
			}
		}
	}
	if low > high {
		low, high = 0, 4
	}
	every := even(math.Max(high-low, 0.05))
	low, high = math.Floor(low/every-0.25)*every, math.Ceil(high/every+0.25)*every
	low, high = c.possible(low), math.Min(high, c.Most+every/4) // room for a dot at the edge
	p.Y.Tick.Marker = evenTicks(every)
	above, err := c.poles(p, "high", c.High, HighPole, -0.14)
	if err != nil {
		return "", err
	}
	below, err := c.poles(p, "low", c.Low, LowPole, 0.14)
	if err != nil {
		return "", err
	}
	p.NominalX(c.Names...)
	p.X.Min, p.X.Max = -0.5, float64(len(c.Names))-0.5
	p.Y.Min, p.Y.Max = low, high
	return render(p, c.Width, c.Height, append(above, below...))
}

// possible returns the nearest level that there can be.
func (c Traits) possible(v float64) float64 { return math.Min(math.Max(v, 0), c.Most) }

// poles draws the dots of one pole beside the traits' ticks.
func (c Traits) poles(p *plot.Plot, name string, bars []Bar, fill color.NRGBA, offset float64) ([]mark, error) {
	var marks []mark
	for i, b := range bars {
		if math.IsNaN(b.Value) {
			continue
		}
		x := float64(i) + offset
		text := fmt.Sprintf("%s %s: %.3g", name, c.Names[i], b.Value)
		if !math.IsNaN(b.Low) && !math.IsNaN(b.High) {
			whisker, err := plotter.NewLine(plotter.XYs{{X: x, Y: c.possible(b.Low)}, {X: x, Y: c.possible(b.High)}})
			if err != nil {
				return nil, fmt.Errorf("chart: %s: %w", name, err)
			}
			whisker.LineStyle = draw.LineStyle{Color: fill, Width: 2}
			p.Add(whisker)
			text += fmt.Sprintf(" (95%%: %.3g to %.3g)", b.Low, b.High)
		}
		dot, err := plotter.NewScatter(plotter.XYs{{X: x, Y: b.Value}})
		if err != nil {
			return nil, fmt.Errorf("chart: %s: %w", name, err)
		}
		dot.GlyphStyle = draw.GlyphStyle{Color: fill, Radius: 5, Shape: draw.CircleGlyph{}}
		p.Add(dot)
		marks = append(marks, mark{x: x, y: b.Value, title: fmt.Sprintf("%s, n = %d people", text, b.N)})
	}
	return marks, nil
}
