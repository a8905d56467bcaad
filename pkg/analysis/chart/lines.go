package chart

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Lines is a chart of values by simulated day.
type Lines struct {
	// Y names the vertical axis, which runs from Low to High.
	Y         string
	Low, High float64
	// Fit narrows the axis to what the lines do after their first day; what lies
	// outside is marked with its value at the edge. On the first day nearly everything
	// is said, which would squash the days of interest.
	Fit    bool
	Series []Series
	// Width and Height are in pixels.
	Width, Height float64
}

// SVG draws the chart.
func (c Lines) SVG() (string, error) {
	low, high := c.Low, c.High
	if c.Fit {
		low, high = fit(c.Series, low, high)
	}
	p := newPlot("simulated day", c.Y)
	p.X.Tick.Marker = dayTicks{most: int(c.Width / 36)}
	p.Y.Tick.Marker = evenTicks(even(high - low))
	p.Y.Min, p.Y.Max = low, high
	p.Add(grid())
	for _, s := range c.Series {
		if err := addBand(p, s); err != nil {
			return "", err
		}
	}
	var marks []mark
	for _, s := range c.Series {
		if err := addLine(p, s, 2); err != nil {
			return "", err
		}
		marks = append(marks, s.marks(low, high, func(v float64) float64 { return v })...)
	}
	spanDays(p, c.Series)
	p.Y.Min, p.Y.Max = low, high
	return render(p, c.Width, c.Height, marks)
}

// fit returns the range of the lines from their second day on, bands included, on
// even marks within [low, high]. References are included where they are no further
// away than half the width of the range.
func fit(series []Series, low, high float64) (float64, float64) {
	from, to := math.Inf(1), math.Inf(-1)
	extend := func(s Series, include func(v float64) bool) {
		for _, values := range [][]float64{s.Y, s.Low, s.High} {
			for i, v := range values {
				if (i > 0 || len(s.X) == 1) && !math.IsNaN(v) && include(v) {
					from, to = math.Min(from, v), math.Max(to, v)
				}
			}
		}
	}
	for _, s := range series {
		if !s.Dashed {
			extend(s, func(float64) bool { return true })
		}
	}
	if from > to {
		return low, high
	}
	margin := math.Max((to-from)/2, 0.1*(high-low))
	least, most := from-margin, to+margin
	for _, s := range series {
		if s.Dashed {
			extend(s, func(v float64) bool { return v >= least && v <= most })
		}
	}
	every := even(math.Max(to-from, 0.02*(high-low)))
	from, to = math.Floor(from/every-0.25)*every, math.Ceil(to/every+0.25)*every
	return math.Max(low, from), math.Min(high, to)
}

// even returns a distance between marks such that a range has four to eight of them.
func even(span float64) float64 {
	for _, every := range []float64{0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5} {
		if span/every <= 6 {
			return every
		}
	}
	return 1
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Width = 0
	g.Vertical.Color = color.Transparent
	g.Horizontal = draw.LineStyle{Color: faint, Width: 0.7}
	return g
}

// spanDays makes sure that one day alone still has a width.
func spanDays(p *plot.Plot, series []Series) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, x := range s.X {
			low, high = math.Min(low, x), math.Max(high, x)
		}
	}
	if low > high {
		low, high = 1, 1
	}
	if low == high {
		low, high = low-0.5, high+0.5
	}
	p.X.Min, p.X.Max = low, high
}

func points(s Series, from, to int, y []float64) plotter.XYs {
	out := make(plotter.XYs, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, plotter.XY{X: s.X[i], Y: y[i]})
	}
	return out
}

func addBand(p *plot.Plot, s Series) error {
	if s.Low == nil || s.Dashed {
		return nil
	}
	for _, r := range runs(s.Low) {
		outline := points(s, r[0], r[1], s.High)
		for i := r[1] - 1; i >= r[0]; i-- {
			outline = append(outline, plotter.XY{X: s.X[i], Y: s.Low[i]})
		}
		area, err := plotter.NewPolygon(outline)
		if err != nil {
			return fmt.Errorf("chart: %s: %w", s.Name, err)
		}
		area.Color = fade(s.Color, 0x24)
		area.LineStyle.Width = 0
		p.Add(area)
	}
	return nil
}

func addLine(p *plot.Plot, s Series, width float64) error {
	for _, r := range runs(s.Y) {
		line, err := plotter.NewLine(points(s, r[0], r[1], s.Y))
		if err != nil {
			return fmt.Errorf("chart: %s: %w", s.Name, err)
		}
		line.LineStyle = draw.LineStyle{Color: s.Color, Width: vg.Length(width)}
		if s.Dashed {
			line.Width = 1.4
			line.Dashes = []vg.Length{5, 4}
		}
		p.Add(line)
		if r[1]-r[0] == 1 {
			dot, err := plotter.NewScatter(points(s, r[0], r[1], s.Y))
			if err != nil {
				return fmt.Errorf("chart: %s: %w", s.Name, err)
			}
			dot.GlyphStyle = draw.GlyphStyle{Color: s.Color, Radius: 3, Shape: draw.CircleGlyph{}}
			p.Add(dot)
		}
	}
	return nil
}
