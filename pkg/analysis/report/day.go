package report

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"

	"github.com/propersim/propersim/pkg/analysis/chart"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// daysView shows the last day of each person under a method: of those whom it served
// best and worst in full, of the others as a timeline.
type daysView struct {
	Method, Span string
	Best, Worst  *dayView
	Others       []dayView
}

// dayView is the last day of a run.
type dayView struct {
	Name, Run string
	Day       int
	// Figures are those that the people are ranked by.
	Figures  string
	Timeline template.HTML
	// Said are the first ones in order of time, More the rest.
	Said, More []said
}

// said is one recommendation in a list.
type said struct {
	Clock, Text, Topic, Score, Class, Command string
	Due                                       bool
}

// listed is how many recommendations a list shows before the reader opens the rest.
const listed = 12

func newDays(in Input, method string) daysView {
	last := figures.LastDay(in.File.Runs, method)
	from, _ := figures.LastSpan(last)
	v := daysView{Method: method, Span: dayRange(from, last)}
	type ranked struct {
		dayView
		f1   float64
		fold *Hours
	}
	var all []ranked
	for _, l := range lives(in.Hours, method) {
		f1, text := served(in.File.Runs, l.folds[0], from, last)
		all = append(all, ranked{newDay(l.folds[0], text), f1, l.folds[0]})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(b.f1, a.f1) })
	for i, r := range all {
		switch {
		case i == 0:
			r.list(in, r.fold)
			v.Best = &r.dayView
		case i == len(all)-1:
			r.list(in, r.fold)
			v.Worst = &r.dayView
		default:
			v.Others = append(v.Others, r.dayView)
		}
	}
	return v
}

// served returns the harmonic mean of recall and precision of a run, 0 where nothing
// was met, and both in words.
func served(runs []figures.Run, h *Hours, from, to int) (float64, string) {
	i := slices.IndexFunc(runs, func(r figures.Run) bool { return r.ID == h.run })
	if i < 0 {
		return 0, ""
	}
	var sum figures.Tally
	for _, d := range runs[i].Days {
		if d.Day >= from && d.Day <= to {
			sum.Add(d.Counts)
		}
	}
	rates := sum.Rates(runs[i].StepSeconds)
	text := fmt.Sprintf("recall %s, precision %s", figure(rates.Recall, 2), figure(rates.Precision, 2))
	if rates.Recall == nil || rates.Precision == nil || *rates.Recall+*rates.Precision == 0 {
		return 0, text
	}
	return 2 * *rates.Recall * *rates.Precision / (*rates.Recall + *rates.Precision), text
}

func newDay(h *Hours, text string) dayView {
	var t chart.Timeline
	for i, a := range h.last.activities {
		s := chart.Span{From: a.from, To: a.to, Label: a.kind, Kind: []string{"ax", "ay"}[i%2], Title: fmt.Sprintf("%s–%s %s", clock(a.from), clock(a.to), a.doing)}
		if a.asleep {
			s.Kind, s.Label = "za", "asleep"
		}
		t.Activities = append(t.Activities, s)
	}
	for _, d := range h.last.due {
		s := chart.Span{From: d.from, To: d.to, Kind: "hm", Title: fmt.Sprintf("%s–%s due, missed", clock(d.from), clock(d.to))}
		if d.met {
			s.Kind, s.Title = "hs", fmt.Sprintf("%s–%s due, met", clock(d.from), clock(d.to))
		}
		t.Due = append(t.Due, s)
	}
	for _, u := range h.last.said {
		title := fmt.Sprintf("%s, %s of 4: %s", clock(u.at), u.score(), cut(u.text, 160))
		if len(h.last.said) > 60 {
			title = fmt.Sprintf("%s, %s of 4", clock(u.at), u.score()) // the page must stay small
		}
		t.Said = append(t.Said, chart.Dot{At: u.at, Label: u.score(), Class: "s" + u.class(), Title: title})
	}
	return dayView{Name: h.name, Run: h.run, Day: h.last.day, Figures: text, Timeline: drawn(t.SVG())}
}

// list adds what was said, in words.
func (v *dayView) list(in Input, h *Hours) {
	for i, u := range h.last.said {
		s := said{
			Clock: clock(u.at), Text: u.text, Topic: u.topic, Score: u.score(), Class: u.class(), Due: u.due,
			Command: in.command(h.run, u.step),
		}
		if i < listed {
			v.Said = append(v.Said, s)
		} else {
			v.More = append(v.More, s)
		}
	}
}

func (u utterance) score() string {
	if u.total < 0 {
		return "–"
	}
	return fmt.Sprint(u.total)
}

func (u utterance) class() string {
	if u.total < 0 {
		return "u"
	}
	return fmt.Sprint(u.total)
}
