package chart

import "gonum.org/v1/plot"

// Spark is a small chart without axes: the daily scores of one persona, one
// line a method, on the range [Low, High].
type Spark struct {
	Low, High     float64
	Series        []Series
	Width, Height float64
}

// SVG draws the chart.
func (c Spark) SVG() (string, error) {
	p := plot.New()
	p.BackgroundColor = nil
	p.HideAxes()
	for _, s := range c.Series {
		s.Name = ""
		if err := addLine(p, s, 1.6); err != nil {
			return "", err
		}
	}
	spanDays(p, c.Series)
	p.Y.Min, p.Y.Max = c.Low, c.High
	return render(p, c.Width, c.Height, nil)
}
