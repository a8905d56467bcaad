// Package chart draws the figures of a report as SVG fragments that can stand
// inside a page. Every chart has named axes, the same colour for the same method, and
// its values on hover.
package chart

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Series is one line of a chart.
type Series struct {
	Name string
	// X are days, Y values; a NaN breaks the line.
	X, Y []float64
	// Low and High bound a band around the line; nil draws none.
	Low, High []float64
	Color     color.NRGBA
	// Dashed draws a reference: a thin broken line without a band.
	Dashed bool
	// Notes stand behind the value of each point, such as "n = 32 x 1"; nil for none.
	Notes []string
}

var (
	ink   = color.NRGBA{0x33, 0x41, 0x55, 0xff}
	faint = color.NRGBA{0xe2, 0xe8, 0xf0, 0xff}
	// methods fixes the colours of the program's own methods; hues differ in
	// lightness too, so that they can be told apart without colour vision.
	methods = map[string]color.NRGBA{
		"none":            {0x94, 0xa3, 0xb8, 0xff},
		"ar":              {0x47, 0x55, 0x69, 0xff},
		"ars":             {0x08, 0x91, 0xb2, 0xff},
		"proper":          {0x25, 0x63, 0xeb, 0xff},
		"proper-contrast": {0x93, 0x33, 0xea, 0xff},
		"proper-plus":     {0x0f, 0x76, 0x6e, 0xff},
		"silent":          {0x57, 0x53, 0x4e, 0xff},
		"constant":        {0xea, 0x58, 0x0c, 0xff},
		"scheduled":       {0xca, 0x8a, 0x04, 0xff},
		"bandit":          {0xb9, 0x1c, 0x1c, 0xff},
		"persona-given":   {0x16, 0xa3, 0x4a, 0xff},
	}
	others = []color.NRGBA{{0xdb, 0x27, 0x77, 0xff}, {0x4c, 0x1d, 0x95, 0xff}, {0x7f, 0x1d, 0x1d, 0xff}, {0x65, 0xa3, 0x0d, 0xff}}
)

// Criteria are the colours of the four criteria in the order of the contract.
var Criteria = [4]color.NRGBA{{0xdb, 0x27, 0x77, 0xff}, {0x25, 0x63, 0xeb, 0xff}, {0xea, 0x58, 0x0c, 0xff}, {0x16, 0xa3, 0x4a, 0xff}}

// The two poles of a trait, and the wanted band.
var (
	HighPole = color.NRGBA{0x25, 0x63, 0xeb, 0xff}
	LowPole  = color.NRGBA{0xea, 0x58, 0x0c, 0xff}
	Wanted   = color.NRGBA{0x86, 0xc9, 0x9b, 0xff}
)

// MethodColor returns the colour of a method; those of other people's methods
// follow from their place in all.
func MethodColor(method string, all []string) color.NRGBA {
	if c, ok := methods[method]; ok {
		return c
	}
	return others[max(0, slices.Index(all, method))%len(others)]
}

// CSS writes a colour as a value of a style sheet, which a page may override: a dark
// page defines --c475569 to replace #475569.
func CSS(c color.NRGBA) string {
	return fmt.Sprintf("var(--c%02x%02x%02x,#%02x%02x%02x)", c.R, c.G, c.B, c.R, c.G, c.B)
}

func fade(c color.NRGBA, alpha uint8) color.NRGBA {
	c.A = alpha
	return c
}

// newPlot returns an empty plot in the house style.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: 12}
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = sans
		axis.Label.TextStyle.Color = ink
		axis.Tick.Label.Font = sans
		axis.Tick.Label.Font.Size = 11.5
		axis.Tick.Label.Color = ink
		axis.LineStyle = draw.LineStyle{Color: faint, Width: 1}
		axis.Tick.LineStyle = draw.LineStyle{Color: faint, Width: 1}
		axis.Padding = 6
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	return p
}

// written matches a colour as the library writes it.
var written = regexp.MustCompile(`#([0-9A-Fa-f]{6})`)

// render draws p without the XML prelude and with its size in pixels of the page, so
// that text never shrinks. Marks are drawn on top.
func render(p *plot.Plot, width, height float64, marks []mark) (string, error) {
	canvas := vgsvg.New(vg.Length(width), vg.Length(height))
	area := draw.New(canvas)
	p.Draw(area)
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return "", fmt.Errorf("chart: %w", err)
	}
	svg := out.String()
	at, end := strings.Index(svg, "<g "), strings.LastIndex(svg, "</svg>")
	if at < 0 || end < at {
		return "", errors.New("chart: the library wrote no drawing")
	}
	body := written.ReplaceAllStringFunc(svg[at:end], func(c string) string {
		c = strings.ToLower(c[1:])
		return "var(--c" + c + ",#" + c + ")"
	})
	body = strings.ReplaceAll(body, "Liberation Sans", "Inter,Liberation Sans,Helvetica,Arial")
	return open(width, height) + body + overlay(p, area, height, marks) + "</svg>", nil
}

// open begins a drawing that is never smaller than width pixels.
func open(width, height float64) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" style="min-width:%gpx;max-width:%gpx" role="img">`, width, height, width, width*1.25)
}

// runs splits a series where it has no value.
func runs(y []float64) [][2]int {
	var out [][2]int
	for i := 0; i < len(y); {
		if math.IsNaN(y[i]) {
			i++
			continue
		}
		j := i
		for j < len(y) && !math.IsNaN(y[j]) {
			j++
		}
		out = append(out, [2]int{i, j})
		i = j
	}
	return out
}

// dayTicks marks whole days, at most so many of them.
type dayTicks struct{ most int }

func (d dayTicks) Ticks(low, high float64) []plot.Tick {
	every := max(1, int(math.Ceil((high-low)/float64(max(1, d.most)))))
	var out []plot.Tick
	for day := int(math.Ceil(low)); day <= int(high); day++ {
		if (day-1)%every == 0 {
			out = append(out, plot.Tick{Value: float64(day), Label: fmt.Sprint(day)})
		}
	}
	return out
}

// evenTicks marks multiples of a distance.
type evenTicks float64

func (e evenTicks) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	for i := math.Ceil(low/float64(e) - 1e-9); i*float64(e) <= high+1e-9; i++ {
		value := math.Round(i*float64(e)*1000)/1000 + 0 // no negative zero
		out = append(out, plot.Tick{Value: value, Label: fmt.Sprintf("%g", value)})
	}
	return out
}
