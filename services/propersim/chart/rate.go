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

// RateFloor is where a rate of zero is drawn, in recommendations per waking
// hour: a logarithmic axis has no zero.
const RateFloor = 0.02

// Rate is a chart of recommendations per waking hour on a logarithmic axis,
// against the wanted band.
type Rate struct {
	Series []Series
	// WantedMin and WantedMax bound the shaded band.
	WantedMin, WantedMax float64
	Width, Height        float64
}

// SVG draws the chart.
func (c Rate) SVG() (string, error) {
	p := newPlot("simulated day", "recommendations per waking hour (log)")
	p.X.Tick.Marker = dayTicks{}
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = rateTicks{}
	p.Add(grid())
	spanDays(p, c.Series)
	from, to := p.X.Min, p.X.Max
	low, high := floor(c.WantedMin), floor(c.WantedMax)
	area, err := plotter.NewPolygon(plotter.XYs{{X: from, Y: low}, {X: to, Y: low}, {X: to, Y: high}, {X: from, Y: high}})
	if err != nil {
		return "", fmt.Errorf("chart: wanted band: %w", err)
	}
	area.Color = color.NRGBA{0x16, 0xa3, 0x4a, 0x30}
	area.LineStyle = draw.LineStyle{Color: color.NRGBA{0x16, 0xa3, 0x4a, 0x80}, Width: 0.8}
	p.Add(area)
	for _, s := range c.Series {
		s.Y, s.Low, s.High = floors(s.Y), floors(s.Low), floors(s.High)
		if err := addBand(p, s); err != nil {
			return "", err
		}
		if err := addLine(p, s, 2); err != nil {
			return "", err
		}
	}
	p.X.Min, p.X.Max = from, to
	p.Y.Min, p.Y.Max = RateFloor, 30
	return render(p, vg.Length(c.Width), vg.Length(c.Height))
}

func floor(y float64) float64 { return math.Max(RateFloor, y) }

func floors(y []float64) []float64 {
	if y == nil {
		return nil
	}
	out := make([]float64, len(y))
	for i, v := range y {
		out[i] = v
		if v < RateFloor {
			out[i] = RateFloor
		}
	}
	return out
}

// rateTicks marks the rates people speak of.
type rateTicks struct{}

func (rateTicks) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	for _, v := range []float64{0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 24} {
		if v >= low && v <= high {
			label := fmt.Sprint(v)
			if v == RateFloor {
				label = "0"
			}
			out = append(out, plot.Tick{Value: v, Label: label})
		}
	}
	return out
}
