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
	// Every is the distance between two marks on it.
	Every  float64
	Series []Series
	// Width and Height are in points.
	Width, Height float64
}

// SVG draws the chart.
func (c Lines) SVG() (string, error) {
	p := newPlot("simulated day", c.Y)
	p.X.Tick.Marker = dayTicks{}
	p.Y.Tick.Marker = evenTicks(c.Every)
	p.Y.Min, p.Y.Max = c.Low, c.High
	p.Add(grid())
	for _, s := range c.Series {
		if err := addBand(p, s); err != nil {
			return "", err
		}
	}
	for _, s := range c.Series {
		if err := addLine(p, s, 2); err != nil {
			return "", err
		}
	}
	spanDays(p, c.Series)
	p.Y.Min, p.Y.Max = c.Low, c.High
	return render(p, vg.Length(c.Width), vg.Length(c.Height))
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
	if s.Low == nil {
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
			line.Dashes = []vg.Length{5, 4}
		}
		p.Add(line)
		if r[1]-r[0] == 1 {
			dot, err := plotter.NewScatter(points(s, r[0], r[1], s.Y))
			if err != nil {
				return fmt.Errorf("chart: %s: %w", s.Name, err)
			}
			dot.GlyphStyle = draw.GlyphStyle{Color: s.Color, Radius: 2.5, Shape: draw.CircleGlyph{}}
			p.Add(dot)
		}
	}
	return nil
}
