package report

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/propersim/propersim/pkg/analysis/chart"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// whenView shows at which hours a method spoke.
type whenView struct {
	Method string
	// Days and Seeds say what a cell of the overview adds up.
	Days, Seeds string
	Overview    template.HTML
	People      []personHours
}

// personHours is a person's map of hours by day.
type personHours struct {
	Name, Note string
	SVG        template.HTML
}

// life is one person under one method: a fold a seed, by seed.
type life struct {
	name  string
	folds []*Hours
}

// lives groups the folds of a method by person.
func lives(all []*Hours, method string) []life {
	var out []life
	at := make(map[string]int)
	for _, h := range all {
		if h.method != method || len(h.days) == 0 {
			continue
		}
		i, ok := at[h.persona]
		if !ok {
			i = len(out)
			at[h.persona] = i
			out = append(out, life{name: h.name})
		}
		out[i].folds = append(out[i].folds, h)
	}
	for _, l := range out {
		slices.SortStableFunc(l.folds, func(a, b *Hours) int { return int(min(max(int64(a.seed-b.seed), -1), 1)) })
	}
	return out
}

// over adds up the hours of all seeds.
func (l life) over(from, to int) [24]cell {
	var out [24]cell
	for _, f := range l.folds {
		for i, c := range f.over(from, to) {
			out[i].add(c)
		}
	}
	return out
}

func newWhen(in Input, method string) whenView {
	last := figures.LastDay(in.File.Runs, method)
	from, _ := figures.LastSpan(last)
	all := lives(in.Hours, method)
	v := whenView{Method: method, Days: dayRange(from, last), Seeds: "1 seed"}
	overview := chart.Hours{Per: last - from + 1, Label: 150}
	for _, l := range all {
		if n := len(l.folds); n > 1 {
			v.Seeds = fmt.Sprintf("%d seeds", n)
			overview.Per = n * (last - from + 1)
		}
		overview.Rows = append(overview.Rows, hourRow(l.name, l.name+", ", l.over(from, last)))
		v.People = append(v.People, l.byDay())
	}
	v.Overview = drawn(overview.SVG())
	return v
}

// byDay draws one row a day.
func (l life) byDay() personHours {
	byDay := chart.Hours{Per: len(l.folds), Label: 52}
	longest := l.folds[0]
	for _, f := range l.folds {
		if len(f.days) > len(longest.days) {
			longest = f
		}
	}
	var sum cell
	for _, d := range longest.days {
		cells := l.over(d.day, d.day)
		byDay.Rows = append(byDay.Rows, hourRow(fmt.Sprintf("day %d", d.day), fmt.Sprintf("day %d, ", d.day), cells))
		for _, c := range cells {
			sum.add(c)
		}
	}
	return personHours{
		Name: l.name, SVG: drawn(byDay.SVG()),
		Note: fmt.Sprintf("said %d, %d of them wrong; due %d, missed %d", sum.said, sum.wrong, sum.due, sum.missed),
	}
}

func hourRow(name, prefix string, cells [24]cell) chart.HourRow {
	row := chart.HourRow{Name: cut(name, 22)}
	for i, c := range cells {
		row.Cells[i] = chart.HourCell{
			Asleep: c.waking == 0, Met: int(c.said - c.wrong), Missed: int(c.missed), Wrong: int(c.wrong),
			Title: fmt.Sprintf("%s%02d–%02d h: said %d, %d wrong; due %d, missed %d", prefix, i, i+1, c.said, c.wrong, c.due, c.missed),
		}
	}
	return row
}

// cut shortens a text to so many characters.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// drawn marks what pkg/analysis/chart wrote as safe: it escapes every text.
func drawn(svg string) template.HTML { return template.HTML(svg) } //nolint:gosec // see above

// dayRange names the days [from, to].
func dayRange(from, to int) string {
	if from == to {
		return fmt.Sprintf("day %d", to)
	}
	return fmt.Sprintf("days %d-%d", from, to)
}
