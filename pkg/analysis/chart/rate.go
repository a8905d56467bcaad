package chart

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
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
	p := newPlot("simulated day", "per waking hour, log scale")
	p.X.Tick.Marker = dayTicks{most: int(c.Width / 36)}
	p.Y.Tick.Marker = rateTicks{}
	p.Add(grid())
	spanDays(p, c.Series)
	from, to := p.X.Min, p.X.Max
	low, high := logarithm(c.WantedMin), logarithm(c.WantedMax)
	area, err := plotter.NewPolygon(plotter.XYs{{X: from, Y: low}, {X: to, Y: low}, {X: to, Y: high}, {X: from, Y: high}})
	if err != nil {
		return "", fmt.Errorf("chart: wanted band: %w", err)
	}
	area.Color = color.NRGBA{0x16, 0xa3, 0x4a, 0x30}
	area.LineStyle = draw.LineStyle{Color: color.NRGBA{0x16, 0xa3, 0x4a, 0x80}, Width: 0.8}
	p.Add(area)
	var marks []mark
	for _, s := range c.Series {
		marks = append(marks, s.marks(logarithm(RateFloor), logarithm(30), logarithm)...)
		s.Y, s.Low, s.High = logarithms(s.Y), logarithms(s.Low), logarithms(s.High)
		if err := addBand(p, s); err != nil {
			return "", err
		}
		if err := addLine(p, s, 2); err != nil {
			return "", err
		}
	}
	p.X.Min, p.X.Max = from, to
	p.Y.Min, p.Y.Max = logarithm(RateFloor), logarithm(30)
	return render(p, c.Width, c.Height, marks)
}

// logarithm places a rate on the axis; a NaN stays one. The axis itself is
// linear, because the library centres the name of a logarithmic one wrongly.
func logarithm(rate float64) float64 {
	if rate < RateFloor {
		rate = RateFloor
	}
	return math.Log10(rate)
}

func logarithms(rates []float64) []float64 {
	if rates == nil {
		return nil
	}
	out := make([]float64, len(rates))
	for i, v := range rates {
		out[i] = logarithm(v)
	}
	return out
}

// rateTicks marks the rates people speak of.
type rateTicks struct{}

func (rateTicks) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	for _, v := range []float64{0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 24} {
		if at := logarithm(v); at >= low && at <= high {
			label := fmt.Sprint(v)
			if v == RateFloor {
				label = "0"
			}
			out = append(out, plot.Tick{Value: at, Label: label})
		}
	}
	return out
}
