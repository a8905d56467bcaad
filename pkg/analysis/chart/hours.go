package chart

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Hours is a heat map of the 24 hours of rows of days or people. A cell is divided
// among what happened in it.
type Hours struct {
	Rows []HourRow
	// Per is how many days of how many runs a cell adds up; the colour is full where
	// two things happened on each of them.
	Per int
	// Label is the width of the rows' names in pixels.
	Label float64
}

// HourRow is one row.
type HourRow struct {
	Name  string
	Cells [24]HourCell
}

// HourCell is one hour. Titles are shown where something happened.
type HourCell struct {
	// Asleep says that there was no waking step.
	Asleep bool
	// Met counts what was said while something was due, Missed the due moments at
	// which nothing was said, and Wrong what was said while nothing was due.
	Met, Missed, Wrong int
	Title              string
}

const (
	hourWidth = 27.0
	rowHeight = 19.0
	hoursTop  = 20.0
)

// SVG draws the map.
func (h Hours) SVG() string {
	var out strings.Builder
	width, height := h.Label+24*hourWidth+4, hoursTop+rowHeight*float64(len(h.Rows))+4
	out.WriteString(open(width, height))
	for hour := 0; hour <= 24; hour += 3 {
		x := h.Label + float64(hour)*hourWidth
		anchor := "middle"
		if hour == 24 {
			anchor = "end"
		}
		fmt.Fprintf(&out, `<text class="t" x="%g" y="12" text-anchor="%s">%02d:00</text>`, x, anchor, hour)
	}
	for i, row := range h.Rows {
		y := hoursTop + float64(i)*rowHeight
		fmt.Fprintf(&out, `<text class="t" x="%g" y="%g" text-anchor="end">%s</text>`, h.Label-6, y+13, html.EscapeString(row.Name))
		fmt.Fprintf(&out, `<path class="hb" d="M%g %gh%gv%gh%gz"/>`, h.Label, y, 24*hourWidth, rowHeight-2, -24*hourWidth)
		h.sleep(&out, row, y)
		for hour, c := range row.Cells {
			h.cell(&out, c, h.Label+float64(hour)*hourWidth, y)
		}
	}
	for hour := 3; hour < 24; hour += 3 {
		fmt.Fprintf(&out, `<path class="hl" d="M%g %gV%g"/>`, h.Label+float64(hour)*hourWidth, hoursTop, height-5)
	}
	out.WriteString("</svg>")
	return out.String()
}

// sleep shades the hours slept through, as few shapes as possible.
func (h Hours) sleep(out *strings.Builder, row HourRow, y float64) {
	for from := 0; from < 24; {
		to := from
		for to < 24 && row.Cells[to].Asleep {
			to++
		}
		if to > from {
			fmt.Fprintf(out, `<path class="hz" d="M%g %gh%gv%gh%gz"/>`, h.Label+float64(from)*hourWidth, y, float64(to-from)*hourWidth, rowHeight-2, -float64(to-from)*hourWidth)
		}
		from = max(to, from+1)
	}
}

func (h Hours) cell(out *strings.Builder, c HourCell, x, y float64) {
	all := c.Met + c.Missed + c.Wrong
	if all == 0 {
		return
	}
	share := math.Min(1, float64(all)/float64(2*max(1, h.Per)))
	fmt.Fprintf(out, `<g opacity="%.2g"><title>%s</title>`, 0.4+0.6*share, html.EscapeString(c.Title))
	at := x + 1
	for _, part := range []struct {
		class string
		n     int
	}{{"hs", c.Met}, {"hm", c.Missed}, {"hw", c.Wrong}} {
		if part.n > 0 {
			wide := (hourWidth - 2) * float64(part.n) / float64(all)
			fmt.Fprintf(out, `<path class="%s" d="M%.4g %gh%.3gv%gh-%.3gz"/>`, part.class, at, y, wide, rowHeight-2, wide)
			at += wide
		}
	}
	out.WriteString("</g>")
}
