// Package planner plans the days of a simulated person: when it gets up and
// goes to bed, what its prose demands of every day, and what it does with the
// rest, as tasks of 10 to 30 minutes bound to a room and an object.
//
// A plan is a pure function of persona, world, seed, stream and day. At a step
// the person does what it does at the step's beginning, so a walk of half a
// minute is seen at one step of 2.5 minutes in five, as often as it would be in
// life.
package planner

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	"github.com/propersim/propersim/pkg/world"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// Planner plans the days of one run. It is the embedded driver.Planner, and not
// safe for concurrent use.
type Planner struct {
	persona *simv1.Persona
	plan    *world.Plan
	scale   simtime.Scale
	source  seeded.Source
	rhythm  rhythm
	taste   taste
	bed     world.Spot
	cache   [3]*Day // by day number modulo its length
}

// Task is something done at one place for a while, or the walk to it.
type Task struct {
	// From and To are seconds from the midnight before the day's waking; a day
	// that ends after midnight runs past 86,400.
	From, To int
	// Required: part of a daily requirement.
	Required bool
	// Action and Observation are what the person does and what is seen of it.
	// They are shared: callers must not change them.
	Action      *simv1.Action
	Observation *simv1.Observation
}

// Day is a planned day from getting up to going to bed.
type Day struct {
	// Number is 1-based.
	Number int32
	// Wake and Bed are seconds from midnight.
	Wake, Bed int
	// Tasks cover [Wake, Bed) without gap or overlap.
	Tasks []Task
	// Night is the sleep that follows.
	Night *simv1.Action
}

// New returns the planner of a run. It fails with errs.Violations where the
// world or the time scale is invalid.
func New(persona *simv1.Persona, w *simv1.World, settings *simv1.Settings) (*Planner, error) {
	scale := simtime.Scale(settings.GetStepSeconds())
	if err := scale.Validate(); err != nil {
		return nil, errs.Invalid("settings.step_seconds", "%v", err)
	}
	plan, err := world.NewPlan(w)
	if err != nil {
		return nil, inWorld(err)
	}
	p := &Planner{
		persona: persona, plan: plan, scale: scale,
		source: seeded.New(settings.GetSeed(), "planner"),
		rhythm: readRhythm(persona), taste: newTaste(persona),
	}
	p.bed = plan.Spots(activity.Sleep)[0]
	return p, nil
}

// inWorld puts the faults of a world under its field.
func inWorld(err error) error {
	var faults errs.Violations
	if !errors.As(err, &faults) {
		return fmt.Errorf("world: %w", err)
	}
	out := make(errs.Violations, len(faults))
	for i, fault := range faults {
		out[i] = errs.Violation{Field: "world." + fault.Field, Message: fault.Message}
	}
	return out
}

// Drivers returns the embedded driver of the planner's role.
func Drivers() driver.Planners {
	return driver.Planners{
		Backend: &simv1.Backend{Driver: driver.Embedded},
		New: func(life driver.Life) (driver.Planner, error) {
			return New(life.Persona, life.World, life.Settings)
		},
	}
}

// Act implements driver.Planner; it takes microseconds and never fails.
func (p *Planner) Act(_ context.Context, step int32) (driver.Plan, role.Effects, error) {
	action, seen := p.At(step)
	return driver.Plan{Action: action, Observation: seen}, role.Effects{}, nil
}

// Restore implements driver.Planner: this one makes no notes, and refuses those
// of another driver.
func (p *Planner) Restore(note *simv1.Note) error {
	return errs.Invalid("key", "found %q, want no note: the embedded planner derives every plan again", note.GetKey())
}

// At returns what the person does at a step, and what is seen of it: nil while
// it sleeps. Both are shared: the caller must not change them.
func (p *Planner) At(step int32) (*simv1.Action, *simv1.Observation) {
	number := p.scale.Day(step)
	second := int(p.scale.SecondOfDay(step))
	today := p.Day(number)
	if second >= today.Wake && second < today.Bed {
		return today.at(second)
	}
	if second >= today.Bed {
		return today.Night, nil
	}
	if number == 1 {
		return p.asleep(0), nil
	}
	yesterday := p.Day(number - 1)
	if second+day < yesterday.Bed {
		return yesterday.at(second + day)
	}
	return yesterday.Night, nil
}

func (d *Day) at(second int) (*simv1.Action, *simv1.Observation) {
	i := sort.Search(len(d.Tasks), func(i int) bool { return d.Tasks[i].To > second })
	return d.Tasks[i].Action, d.Tasks[i].Observation
}

// Day returns the plan of a day, 1-based.
func (p *Planner) Day(number int32) *Day {
	slot := &p.cache[int(number)%len(p.cache)]
	if *slot == nil || (*slot).Number != number {
		*slot = p.make(number)
	}
	return *slot
}

func (p *Planner) make(number int32) *Day {
	src := p.source.At(int(number))
	wake, bedtime, blocks := p.blocks(src)
	d := &Day{Number: number, Wake: wake, Bed: bedtime}
	d.Night = p.asleep(p.firstStep(number, bedtime))
	m := maker{planner: p, day: d, src: src, room: p.bed.Room, spoken: map[activity.Kind]int{}}
	for i, b := range blocks {
		m.block(i, b)
	}
	m.walk(p.bed)
	return d
}

func (p *Planner) asleep(since int32) *simv1.Action {
	return &simv1.Action{Kind: string(activity.Sleep), Description: "asleep", Room: p.bed.RoomID, Object: p.bed.ObjectID, StartedStep: since, Asleep: true}
}

// firstStep returns the first step that begins at or after a second of a day.
func (p *Planner) firstStep(number int32, second int) int32 {
	return p.scale.FirstStep(number) + int32((second+int(p.scale)-1)/int(p.scale))
}

func words(text string) []string { return content.Split(text) }

func lowerFirst(text string) string {
	if text == "" || len(text) > 1 && text[1] >= 'A' && text[1] <= 'Z' {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}
