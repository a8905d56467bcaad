// Package report writes report.html: one page that opens without a network and
// shows an experiment from its summary to its hashes.
package report

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/propersim/propersim/pkg/analysis/chart"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// page.html is the frame; every section of it is a template of its own in sections.
//
//go:embed page.html sections/*.html
var pages embed.FS

//go:embed style.css
var style string

//go:embed script.js
var script string

// Input is what a report is made of.
type Input struct {
	// Name heads the page: the run folder.
	Name string
	// Program starts the commands that the page shows, as a shell needs it; Where are
	// their arguments that say where the runs are, such as the folder.
	Program string
	Where   []string
	File    *figures.File
	// Values are the configuration with where each value came from.
	Values []Value
	// Best and Worst are telling moments.
	Best, Worst []Moment
	// Hours are the folds of the runs, in the order of File.Runs; they may be missing.
	Hours []*Hours
}

// Value is one value of the configuration.
type Value struct{ Key, Value, Origin string }

// command writes the command line that shows a step, quoted for a shell.
func (in Input) command(run string, step int) string {
	args := slices.Concat([]string{"runs", "step"}, in.Where, []string{run, strconv.Itoa(step)})
	return cmp.Or(in.Program, "propersim") + " " + shellescape.QuoteCommand(args)
}

// commands returns the moments with the command that shows each of them.
func (in Input) commands(moments []Moment) []Moment {
	out := slices.Clone(moments)
	for i, m := range out {
		out[i].Command = in.command(m.Run, m.Step)
	}
	return out
}

// Write writes the page.
func Write(w io.Writer, in Input) error {
	v, err := newView(in)
	if err != nil {
		return err
	}
	t, err := template.New("page.html").Funcs(functions()).ParseFS(pages, "page.html", "sections/*.html")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// view is what the page shows.
type view struct {
	Input
	Methods []methodView
	// Main is the first method that is no reference.
	Main         *methodView
	Personas     []personaView
	Headlines    []drawing
	Drawings     []drawing
	Cards        []card
	Banners      []string
	When         []whenView
	DaysOf       []daysView
	Sure         []sureView
	Nights       []nightsView
	SeveralSeeds bool
	Days         int
	LastDays     string
	// Policy lets the page run its own script and fetch nothing.
	Policy        string
	Style, Script template.HTML
}

// methodView is a method's row and its table of personas.
type methodView struct {
	Name        string
	Color       template.CSS
	Reference   bool
	First, Last figures.Group
	Rows        []row
}

// personaView is a persona with its curve.
type personaView struct {
	Name, Traits, N string
	Spark           template.HTML
}

// row is one run in the table of its method.
type row struct {
	figures.Run
	Traits      string
	First, Last figures.Rates
	Gain        *float64
	InBand      string
}

// references are methods that the others are compared with.
var references = []string{"silent", "constant", "scheduled", "persona-given"}

func newView(in Input) (*view, error) {
	for _, h := range in.Hours {
		h.closeDue()
	}
	in.Best, in.Worst = in.commands(in.Best), in.commands(in.Worst)
	f := in.File
	v := &view{Input: in, Days: figures.LastDay(f.Runs, ""), Banners: banners(f)}
	from, _ := figures.LastSpan(v.Days)
	v.LastDays = dayRange(from, v.Days)
	v.assets()
	methods := figures.Methods(f.Runs)
	for _, m := range methods {
		v.Methods = append(v.Methods, newMethod(f.Runs, m, methods))
	}
	v.shown()
	if err := v.personas(methods); err != nil {
		return nil, err
	}
	v.Cards, v.Sure, v.SeveralSeeds, v.Nights = cards(v), sure(v.Methods), severalSeeds(v.Methods), v.nights()
	return v, v.charts()
}

// assets puts style and script into the page, and allows that script alone.
func (v *view) assets() {
	sum := sha256.Sum256([]byte(script))
	v.Policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	v.Style = template.HTML("<style>" + style + "</style>")     //nolint:gosec // a file of our own
	v.Script = template.HTML("<script>" + script + "</script>") //nolint:gosec // a file of our own
}

func newMethod(runs []figures.Run, name string, all []string) methodView {
	last := figures.LastDay(runs, name)
	from, _ := figures.LastSpan(last)
	m := methodView{
		Name: name, Color: template.CSS(chart.CSS(chart.MethodColor(name, all))), //nolint:gosec // a colour of our own
		Reference: slices.Contains(references, name),
		First:     figures.NewGroup(runs, name, 1, 1),
		Last:      figures.NewGroup(runs, name, from, last),
	}
	for _, r := range runs {
		if r.Method == name {
			m.Rows = append(m.Rows, newRow(r, from))
		}
	}
	return m
}

// shown chooses the main method, and the methods whose hours are shown: those that are
// no references, or the main one where all are.
func (v *view) shown() {
	if len(v.Methods) == 0 {
		return
	}
	v.Main = &v.Methods[max(0, slices.IndexFunc(v.Methods, func(m methodView) bool { return !m.Reference }))]
	if len(v.Hours) == 0 {
		return
	}
	for _, m := range v.Methods {
		if m.Reference && m.Name != v.Main.Name {
			continue
		}
		v.When = append(v.When, newWhen(v.Input, m.Name))
		v.DaysOf = append(v.DaysOf, newDays(v.Input, m.Name))
	}
}

func newRow(r figures.Run, from int) row {
	out := row{Run: r, Traits: letters(r.BigFive)}
	var end figures.Tally
	for i, d := range r.Days {
		if i == 0 {
			out.First = d.Rates
		}
		if d.Day >= from {
			end.Add(d.Counts)
			out.Last = end.Rates(r.StepSeconds)
		}
	}
	if out.First.MeanScore != nil && out.Last.MeanScore != nil {
		gain := *out.Last.MeanScore - *out.First.MeanScore
		out.Gain = &gain
	}
	if rate := out.Last.PerWakingHour; rate != nil {
		switch wanted := out.Last.Wanted; {
		case wanted.Contains(*rate, 1):
			out.InBand = "in"
		case wanted.Contains(*rate, 2):
			out.InBand = "near"
		default:
			out.InBand = "out"
		}
	}
	return out
}

func (v *view) personas(methods []string) error {
	var ids []string
	for _, r := range v.File.Runs {
		if slices.Contains(ids, r.Persona) {
			continue
		}
		ids = append(ids, r.Persona)
		var own []figures.Run
		for _, other := range v.File.Runs {
			if other.Persona == r.Persona {
				own = append(own, other)
			}
		}
		svg, err := spark(own, methods)
		if err != nil {
			return err
		}
		v.Personas = append(v.Personas, personaView{Name: r.PersonaName, Traits: letters(r.BigFive), Spark: svg, N: fmt.Sprint(len(own))})
	}
	return nil
}

// letters writes a Big Five profile as "E a C o N": capital means high.
func letters(bigFive map[string]string) string {
	var out []string
	for _, trait := range []string{"extraversion", "agreeableness", "conscientiousness", "openness", "neuroticism"} {
		letter := trait[:1]
		if bigFive[trait] == "high" {
			letter = strings.ToUpper(letter)
		}
		out = append(out, letter)
	}
	return strings.Join(out, " ")
}
