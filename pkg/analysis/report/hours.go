package report

import (
	"fmt"
	"strings"

	"github.com/propersim/propersim/pkg/analysis/figures"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Hours folds the entries of a run into what happened in each hour of each day, and
// into its last day in full. It needs some kilobytes for a run of two weeks.
type Hours struct {
	run, persona, name, method string
	seed                       uint64
	step                       int // seconds
	days                       []hoursOfDay
	last                       lastDay
	due                        bool
	dueAt                      int // hour at which the open due moment began
}

// hoursOfDay counts one day.
type hoursOfDay struct {
	day   int
	cells [24]cell
}

// cell counts one hour.
type cell struct {
	// waking counts steps awake; said recommendations, and wrong those at which
	// nothing was due; due the due moments that began, and missed those of them that
	// nothing was said at.
	waking, said, wrong, due, missed uint16
}

// lastDay is one day in full.
type lastDay struct {
	day        int
	activities []activity
	due        []stretch
	said       []utterance
}

// activity is a stretch of one activity, in seconds of the day.
type activity struct {
	from, to    int
	kind, doing string
	asleep      bool
}

// stretch is a due moment, in seconds of the day.
type stretch struct {
	from, to int
	met      bool
}

// utterance is one recommendation; total is -1 where it is unjudged.
type utterance struct {
	at, step, total int
	text, topic     string
	due             bool
}

// NewHours returns an empty fold of a run.
func NewHours(run *environmentv1.Run) *Hours {
	return &Hours{
		run: run.GetId(), persona: run.GetPersona().GetId(), name: run.GetPersona().GetName(), method: figures.MethodName(run),
		seed: run.GetConfig().GetSeed(), step: int(run.GetConfig().GetStepSeconds()),
	}
}

// Add takes the next entry.
func (h *Hours) Add(e *environmentv1.Entry) {
	s := e.GetBody().GetStep()
	if s == nil {
		return
	}
	if day := int(s.GetDay()); len(h.days) == 0 || h.days[len(h.days)-1].day != day {
		h.closeDue()
		h.days = append(h.days, hoursOfDay{day: day})
		h.last = lastDay{day: day, activities: h.last.activities[:0], due: h.last.due[:0], said: h.last.said[:0]}
	}
	h.activity(s)
	if s.GetAction().GetAsleep() {
		h.closeDue()
		return
	}
	hour := min(23, int(s.GetSecondOfDay())/3600)
	c := &h.days[len(h.days)-1].cells[hour]
	c.waking++
	h.moment(c, hour, s)
}

// activity extends the activity under way or begins the next one.
func (h *Hours) activity(s *environmentv1.Step) {
	a, at := s.GetAction(), int(s.GetSecondOfDay())
	doing := a.GetDescription()
	if a.GetRoom() != "" {
		doing += ", " + strings.ReplaceAll(a.GetRoom(), "_", " ")
	}
	if n := len(h.last.activities); n > 0 {
		old := &h.last.activities[n-1]
		if old.kind == a.GetKind() && old.asleep == a.GetAsleep() {
			old.to = at + h.step
			return
		}
	}
	h.last.activities = append(h.last.activities, activity{from: at, to: at + h.step, kind: a.GetKind(), doing: doing, asleep: a.GetAsleep()})
}

// moment follows due moments as figures.Fold does, and notes what was said.
func (h *Hours) moment(c *cell, hour int, s *environmentv1.Step) {
	due, at := s.GetMoment().GetDue(), int(s.GetSecondOfDay())
	rec := figures.Delivered(s).GetRecommendation()
	switch {
	case due && !h.due:
		h.due, h.dueAt = true, hour
		c.due++
		h.last.due = append(h.last.due, stretch{from: at, to: at + h.step})
	case due:
		h.last.due[len(h.last.due)-1].to = at + h.step
	default:
		h.closeDue()
	}
	if rec == nil {
		return
	}
	c.said++
	u := utterance{at: at, step: int(s.GetStep()), total: -1, text: rec.GetText(), topic: rec.GetTopic(), due: due}
	if v := figures.Judgement(s); v != nil && v.Total != nil {
		u.total = int(v.GetTotal())
	}
	h.last.said = append(h.last.said, u)
	if !due {
		c.wrong++
		return
	}
	h.due = false
	h.last.due[len(h.last.due)-1].met = true
}

// closeDue ends an open due moment at which nothing was said.
func (h *Hours) closeDue() {
	if h.due {
		h.days[len(h.days)-1].cells[h.dueAt].missed++
	}
	h.due = false
}

// over adds up the hours of the days [from, to].
func (h *Hours) over(from, to int) [24]cell {
	var out [24]cell
	for _, d := range h.days {
		if d.day < from || d.day > to {
			continue
		}
		for i, c := range d.cells {
			out[i].add(c)
		}
	}
	return out
}

func (c *cell) add(o cell) {
	c.waking += o.waking
	c.said += o.said
	c.wrong += o.wrong
	c.due += o.due
	c.missed += o.missed
}

// clock writes a second of the day to the minute, "24:00" at its end.
func clock(second int) string { return fmt.Sprintf("%02d:%02d", second/3600, second/60%60) }
