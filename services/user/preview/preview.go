// Package preview shows the days of a persona before a run: what it does, when
// it can be addressed, and what a perfect assistant would make of that.
package preview

import (
	"fmt"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/planner"
)

// Day is one day from getting up to going to bed.
type Day struct {
	// Number is 1-based.
	Number int32 `json:"day"`
	// Wake and Bed are clock times; a bedtime after midnight is past 24:00.
	Wake string `json:"wake"`
	Bed  string `json:"bed"`
	// Stretches cover the day; short walks belong to the stretch before.
	Stretches []Stretch `json:"stretches"`
	// AwakeHours, OpenHours and LikedHours are nested: awake; receptive and not
	// protected; and with a topic that is liked then.
	AwakeHours float64 `json:"awake_hours"`
	OpenHours  float64 `json:"open_hours"`
	LikedHours float64 `json:"liked_hours"`
	// Wanted is how often a perfect assistant speaks, Most how often it could.
	// Without an upper bound in the spec Most is -1.
	Wanted int `json:"wanted"`
	Most   int `json:"most"`
}

// Stretch is one activity for a while.
type Stretch struct {
	From        string  `json:"from"`
	To          string  `json:"to"`
	Kind        string  `json:"kind"`
	Description string  `json:"description"` // of its first task
	Room        string  `json:"room"`
	Required    bool    `json:"required"` // a daily requirement
	Open        float64 `json:"open"`     // share of it that is open, [0, 1]

	steps, opened int
}

// Days previews the first days of a life by the embedded planner; at most 31. The
// persona must have its spec. Errors are errs.Violations.
func Days(p *simv1.Persona, w *simv1.World, settings *simv1.Settings, days int32) ([]Day, error) {
	if days < 1 || days > 31 {
		return nil, errs.Invalid("days", "found %d, want 1 to 31", days)
	}
	rules, err := judge.Compile(p.GetSpec())
	if err != nil {
		return nil, fmt.Errorf("spec of %q: %w", p.GetId(), err)
	}
	plans, err := planner.New(p, w, settings)
	if err != nil {
		return nil, err
	}
	scale := simtime.Scale(settings.GetStepSeconds())
	best := rules.NewBest(scale)
	out := make([]Day, days)
	for i := range out {
		out[i] = outline(plans.Day(int32(i)+1), best.Bounded())
	}
	// The last day may end after midnight.
	for step := int32(0); step < (days+1)*scale.StepsPerDay(); step++ {
		action, seen := plans.At(step)
		if seen == nil {
			continue
		}
		chance := best.Step(step, activity.Kind(action.GetKind()))
		if d, second := at(plans, scale, step); d <= days {
			out[d-1].count(plans.Day(d), second, chance, scale)
		}
	}
	for i := range out {
		out[i].finish()
	}
	return out, nil
}

// at returns the day to which a waking step belongs, and its second of that day:
// past 86,400 where the day has not ended at midnight.
func at(plans *planner.Planner, scale simtime.Scale, step int32) (int32, int) {
	number, second := scale.Day(step), int(scale.SecondOfDay(step))
	if second < plans.Day(number).Wake {
		return number - 1, second + simtime.SecondsPerDay
	}
	return number, second
}

// outline lays out the stretches of a planned day.
func outline(d *planner.Day, bounded bool) Day {
	out := Day{Number: d.Number, Wake: clock(d.Wake), Bed: clock(d.Bed)}
	if !bounded {
		out.Most = -1
	}
	for _, task := range d.Tasks {
		a, last := task.Action, len(out.Stretches)-1
		if last >= 0 && (a.GetWalking() || out.Stretches[last].Kind == a.GetKind()) {
			out.Stretches[last].To = clock(task.To)
			out.Stretches[last].Required = out.Stretches[last].Required || task.Required
			continue
		}
		out.Stretches = append(out.Stretches, Stretch{
			From: clock(task.From), To: clock(task.To), Kind: a.GetKind(), Description: a.GetDescription(), Room: a.GetRoom(), Required: task.Required,
		})
	}
	return out
}

// count adds one waking step.
func (d *Day) count(plan *planner.Day, second int, c judge.Chance, scale simtime.Scale) {
	hours := float64(scale) / 3600
	d.AwakeHours += hours
	s := d.stretch(plan, second)
	s.steps++
	if c.Open {
		d.OpenHours += hours
		s.opened++
	}
	if c.Liked {
		d.LikedHours += hours
	}
	if c.Speaks {
		d.Wanted++
	}
	if c.Could && d.Most >= 0 {
		d.Most++
	}
}

// stretch returns the stretch of a second of the day.
func (d *Day) stretch(plan *planner.Day, second int) *Stretch {
	n := -1
	kind := ""
	for _, task := range plan.Tasks {
		if !task.Action.GetWalking() && task.Action.GetKind() != kind || n < 0 {
			n, kind = n+1, task.Action.GetKind()
		}
		if second < task.To {
			break
		}
	}
	return &d.Stretches[n]
}

func (d *Day) finish() {
	for i := range d.Stretches {
		if s := &d.Stretches[i]; s.steps > 0 {
			s.Open = float64(s.opened) / float64(s.steps)
		}
	}
}

// clock writes a second of a day as 22:30, or 25:10 after midnight.
func clock(second int) string { return fmt.Sprintf("%02d:%02d", second/3600, second/60%60) }
