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

// Traits is a chart of the mean gain of the personas on either pole of each
// trait, with 95% intervals.
type Traits struct {
	// Y names the gain.
	Y string
	// Names are the traits; High and Low hold one pole each.
	Names         []string
	High, Low     []Bar
	Width, Height float64
}

// Bar is a value with its interval; a NaN value is not drawn.
type Bar struct{ Value, Low, High float64 }

// SVG draws the chart.
func (c Traits) SVG() (string, error) {
	p := newPlot("", c.Y)
	p.Add(grid())
	if err := addBars(p, "high", c.High, HighPole, -0.19); err != nil {
		return "", err
	}
	if err := addBars(p, "low", c.Low, LowPole, 0.19); err != nil {
		return "", err
	}
	zero, err := plotter.NewLine(plotter.XYs{{X: -0.5, Y: 0}, {X: float64(len(c.Names)) - 0.5, Y: 0}})
	if err != nil {
		return "", fmt.Errorf("chart: zero line: %w", err)
	}
	zero.LineStyle = draw.LineStyle{Color: ink, Width: 0.8}
	p.Add(zero)
	p.NominalX(c.Names...)
	p.X.Min, p.X.Max = -0.5, float64(len(c.Names))-0.5
	p.Y.Min, p.Y.Max = math.Min(p.Y.Min, 0), math.Max(p.Y.Max*1.15, 0.1)
	return render(p, vg.Length(c.Width), vg.Length(c.Height))
}

// addBars draws the bars of one pole beside the traits' marks.
func addBars(p *plot.Plot, name string, bars []Bar, fill color.NRGBA, offset float64) error {
	const half = 0.17
	for i, b := range bars {
		if math.IsNaN(b.Value) {
			continue
		}
		x := float64(i) + offset
		box, err := plotter.NewPolygon(plotter.XYs{{X: x - half, Y: 0}, {X: x + half, Y: 0}, {X: x + half, Y: b.Value}, {X: x - half, Y: b.Value}})
		if err != nil {
			return fmt.Errorf("chart: %s: %w", name, err)
		}
		box.Color = fill
		box.LineStyle.Width = 0
		p.Add(box)
		if math.IsNaN(b.Low) || math.IsNaN(b.High) {
			continue
		}
		whisker, err := plotter.NewLine(plotter.XYs{{X: x, Y: b.Low}, {X: x, Y: b.High}})
		if err != nil {
			return fmt.Errorf("chart: %s: %w", name, err)
		}
		whisker.LineStyle = draw.LineStyle{Color: ink, Width: 1.2}
		p.Add(whisker)
	}
	return nil
}
