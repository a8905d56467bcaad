package chart

import (
	"fmt"
	"html"
	"strings"
)

// Timeline is one day of a person: activities, when something was due, and what was
// said with its score.
type Timeline struct {
	Activities []Span
	Due        []Span
	Said       []Dot
}

// Span is a stretch of a day, in seconds from midnight.
type Span struct {
	From, To int
	// Label is written inside where there is room.
	Label, Title string
	// Kind is the class of the shape: "za" asleep, "ax" or "ay" activities that take
	// turns, "hs" due and met, "hm" due and missed.
	Kind string
}

// Dot is one recommendation. Label is its score; Class that of its colour: "s0" to
// "s4", or "su" for an unjudged one.
type Dot struct {
	At                  int
	Label, Title, Class string
}

const (
	timelineLabel = 64.0
	hourLong      = 42.0
	// crowded is how many recommendations have room for a number.
	crowded = 48
)

func secondAt(second int) float64 { return timelineLabel + float64(second)/3600*hourLong }

// SVG draws the timeline.
func (t Timeline) SVG() string {
	var out strings.Builder
	const height = 118.0
	out.WriteString(open(timelineLabel+24*hourLong+8, height))
	for hour := 0; hour <= 24; hour++ {
		x := secondAt(hour * 3600)
		fmt.Fprintf(&out, `<path class="hl" d="M%g 18V%g"/>`, x, height-6)
		if hour%2 == 0 {
			anchor := "middle"
			if hour == 24 {
				anchor = "end"
			}
			fmt.Fprintf(&out, `<text class="t" x="%g" y="12" text-anchor="%s">%02d:00</text>`, x, anchor, hour)
		}
	}
	for _, lane := range []struct {
		name string
		y    float64
	}{{"doing", 38}, {"due", 66}, {"said", 97}} {
		fmt.Fprintf(&out, `<text class="t" x="%g" y="%g" text-anchor="end">%s</text>`, timelineLabel-8, lane.y, lane.name)
	}
	spans(&out, t.Activities, 22, 26)
	spans(&out, t.Due, 55, 14)
	for _, d := range t.Said {
		x, title := secondAt(d.At), html.EscapeString(d.Title)
		if len(t.Said) > crowded {
			fmt.Fprintf(&out, `<path class="%s" d="M%.1f 80h1.4v26h-1.4z"><title>%s</title></path>`, d.Class, x, title)
			continue
		}
		fmt.Fprintf(&out, `<g><title>%s</title><circle class="%s" cx="%.1f" cy="93" r="9"/><text class="n" x="%.1f" y="97" text-anchor="middle">%s</text></g>`, title, d.Class, x, x, html.EscapeString(d.Label))
	}
	out.WriteString("</svg>")
	return out.String()
}

func spans(out *strings.Builder, all []Span, y, height float64) {
	for _, s := range all {
		x, wide := secondAt(s.From), secondAt(s.To)-secondAt(s.From)
		fmt.Fprintf(out, `<g><title>%s</title><path class="%s" d="M%.1f %gh%.1fv%gh-%.1fz"/>`, html.EscapeString(s.Title), s.Kind, x, y, max(wide-0.6, 1), height, max(wide-0.6, 1))
		if room := int((wide - 6) / 6.6); s.Label != "" && room >= len([]rune(s.Label)) {
			fmt.Fprintf(out, `<text class="a" x="%.1f" y="%g" text-anchor="middle">%s</text>`, x+wide/2, y+height/2+4, html.EscapeString(s.Label))
		}
		out.WriteString("</g>")
	}
}
