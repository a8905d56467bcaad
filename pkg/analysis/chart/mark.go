package chart

import (
	"fmt"
	"html"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"
)

// mark is a place in a chart that shows a text on hover.
type mark struct {
	x, y  float64
	title string
	// clipped says that y is outside the axis: 1 above, -1 below, 0 inside.
	clipped int
	// label is written beside a clipped mark.
	label string
	color string
}

// overlay writes the marks in the coordinates of the drawing, whose y axis points
// down.
func overlay(p *plot.Plot, area draw.Canvas, height float64, marks []mark) string {
	data := p.DataCanvas(area)
	x, y := p.Transforms(&data)
	var out strings.Builder
	edges := map[string]int{} // labels at one place are written one above the other
	for _, m := range marks {
		px := x(m.x).Points()
		if m.clipped == 0 {
			fmt.Fprintf(&out, `<circle class="pt" cx="%.1f" cy="%.1f" r="7"><title>%s</title></circle>`, px, height-y(m.y).Points(), html.EscapeString(m.title))
			continue
		}
		edge, tip, at := p.Y.Max, -7.0, fmt.Sprint(m.clipped, m.x)
		if m.clipped < 0 {
			edge, tip = p.Y.Min, 7
		}
		py := height - y(edge).Points() - tip*1.3 - float64(edges[at])*14*float64(-m.clipped)
		edges[at]++
		anchor, dx := "start", 9.0
		if m.x > (p.X.Min+p.X.Max)/2 {
			anchor, dx = "end", -9
		}
		fmt.Fprintf(&out, `<g class="clip" style="fill:%s"><title>%s</title><path d="M%.1f %.1fl-5 %.1fh10z"/><text x="%.1f" y="%.1f" text-anchor="%s">%s</text></g>`,
			m.color, html.EscapeString(m.title), px, py+tip, -tip, px+dx, py+4, anchor, html.EscapeString(m.label))
	}
	return out.String()
}

// marks returns what a series shows on hover, inside [low, high] or at its edge.
// Edges are marked at the first point alone, where a line is outside for many.
func (s Series) marks(low, high float64, place func(float64) float64) []mark {
	var out []mark
	edge := false
	for i, v := range s.Y {
		if math.IsNaN(v) {
			continue
		}
		m := mark{x: s.X[i], y: place(v), title: s.title(i), color: CSS(s.Color), label: fmt.Sprintf("%.2f", v)}
		switch {
		case place(v) > high+1e-9:
			m.clipped = 1
		case place(v) < low-1e-9:
			m.clipped = -1
		}
		if s.Dashed && m.clipped != 0 {
			m.x, m.label = s.X[len(s.X)-1], s.Name+" "+m.label
			if i < len(s.Y)-1 {
				continue
			}
		}
		if m.clipped != 0 && edge {
			continue
		}
		edge = edge || m.clipped != 0
		out = append(out, m)
	}
	return out
}

func (s Series) title(i int) string {
	text := fmt.Sprintf("%s, day %g: %.3g", s.Name, s.X[i], s.Y[i])
	if s.Low != nil && !math.IsNaN(s.Low[i]) {
		text += fmt.Sprintf(" (95%%: %.3g to %.3g)", s.Low[i], s.High[i])
	}
	if s.Notes != nil {
		text += ", " + s.Notes[i]
	}
	return text
}
