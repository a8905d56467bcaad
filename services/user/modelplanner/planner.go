// Package modelplanner plans a person's days by a model. What is certain of a
// day (getting up, requirements, meals, bedtime) follows from the persona as
// with the embedded planner; the model fills the free stretches, and words and
// places every task. A day is one note.
package modelplanner

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	"github.com/propersim/propersim/prompts"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/planner"
	"github.com/propersim/propersim/services/user/portrait"
)

// Drivers returns the planners that ask the model of the planner's role. An
// ErrInvalid where that role is not configured.
func Drivers(asker model.Asker, set *prompts.Set) (driver.Planners, error) {
	r, _, err := asker.Role(model.Planner)
	if err != nil {
		return driver.Planners{}, err
	}
	return driver.Planners{Backend: r.Backend(model.Planner, "model", set.Digest()), New: func(life driver.Life) (driver.Planner, error) {
		frames, err := planner.New(life.Persona, life.World, life.Settings)
		if err != nil {
			return nil, err
		}
		return &modelPlanner{
			asker: asker, prompts: set, life: life, frames: frames, scale: simtime.Scale(life.Settings.GetStepSeconds()),
			person: portrait.Of(life.Persona), days: make(map[int32]*decided),
		}, nil
	}}, nil
}

// modelPlanner is a driver.Planner.
type modelPlanner struct {
	asker   model.Asker
	prompts *prompts.Set
	life    driver.Life
	frames  *planner.Planner
	scale   simtime.Scale
	person  portrait.Person
	days    map[int32]*decided
	asked   int32 // the last day that was asked for ahead
}

// decided is a day that was planned.
type decided struct {
	day    *planner.Day
	drafts []planner.Draft
}

// Act implements driver.Planner. A day is planned when the person gets up.
func (p *modelPlanner) Act(ctx context.Context, step int32) (driver.Plan, role.Effects, error) {
	if err := errs.FromContext(ctx); err != nil {
		return driver.Plan{}, role.Effects{}, err
	}
	number, second := p.scale.Day(step), int(p.scale.SecondOfDay(step))
	if second >= p.wake(number) {
		today, effects, err := p.decide(ctx, step, number)
		if err != nil {
			return driver.Plan{}, role.Effects{}, err
		}
		return p.at(ctx, today, number, second), effects, nil
	}
	if number == 1 {
		return driver.Plan{Action: p.frames.Asleep()}, role.Effects{}, nil
	}
	yesterday, effects, err := p.decide(ctx, step, number-1)
	if err != nil {
		return driver.Plan{}, role.Effects{}, err
	}
	return p.at(ctx, yesterday, number-1, second+simtime.SecondsPerDay), effects, nil
}

// at is what the person does at a second from the midnight before a day. Whoever has
// gone to bed has the next day asked for, so that the morning does not wait for it.
func (p *modelPlanner) at(ctx context.Context, d *decided, number int32, second int) driver.Plan {
	if second >= d.day.Bed {
		p.lookAhead(ctx, number+1)
	}
	return d.at(second)
}

// wake is when the person gets up on a day.
func (p *modelPlanner) wake(number int32) int {
	if known := p.days[number]; known != nil {
		return known.day.Wake
	}
	return p.frames.Frame(number).Wake
}

// at is what the person does at a second from the midnight before the day.
func (d *decided) at(second int) driver.Plan {
	if second >= d.day.Bed {
		return driver.Plan{Action: d.day.Night}
	}
	action, seen := d.day.At(second)
	return driver.Plan{Action: action, Observation: seen}
}

// decide returns the plan of a day, with a note and calls where it is made now.
func (p *modelPlanner) decide(ctx context.Context, step, number int32) (*decided, role.Effects, error) {
	if known := p.days[number]; known != nil {
		return known, role.Effects{}, nil
	}
	q := p.question(number, step)
	drafts, effects, err := p.ask(ctx, q)
	if err != nil {
		return nil, role.Effects{}, err
	}
	frame := q.frame
	made, err := p.compose(number, frame.Wake, frame.Bed, drafts)
	if err != nil {
		return nil, role.Effects{}, err
	}
	content, err := json.Marshal(noted{frame.Wake, frame.Bed, drafts})
	if err != nil {
		return nil, role.Effects{}, fmt.Errorf("note of day %d: %w", number, err)
	}
	effects.Notes = append(effects.Notes, &simv1.Note{Role: simv1.Role_ROLE_PLANNER, Key: fmt.Sprintf(noteKey, number), Content: content})
	p.keep(number, made)
	return made, effects, nil
}

// keep remembers a day and forgets those that no step can ask for any more.
func (p *modelPlanner) keep(number int32, made *decided) {
	p.days[number] = made
	for old := range p.days {
		if old < number-2 {
			delete(p.days, old)
		}
	}
}

func (p *modelPlanner) compose(number int32, wake, bed int, drafts []planner.Draft) (*decided, error) {
	day, err := p.frames.Compose(number, wake, bed, drafts)
	if err != nil {
		return nil, err
	}
	return &decided{day: day, drafts: drafts}, nil
}

// noteKey is the key of the note of a day.
const noteKey = "day/%d"

// noted is the content of a note.
type noted struct {
	Wake   int             `json:"wake"`
	Bed    int             `json:"bed"`
	Drafts []planner.Draft `json:"drafts"`
}

// Restore implements driver.Planner.
func (p *modelPlanner) Restore(note *simv1.Note) error {
	var number int32
	if _, err := fmt.Sscanf(note.GetKey(), noteKey, &number); err != nil || number < 1 {
		return errs.Invalid("key", "found %q, want day/N", note.GetKey())
	}
	var kept noted
	if err := json.Unmarshal(note.GetContent(), &kept); err != nil {
		return errs.Invalid("content", "the plan of day %d cannot be read: %v", number, err)
	}
	made, err := p.compose(number, kept.Wake, kept.Bed, kept.Drafts)
	if err != nil {
		return errs.Invalid("content", "%v", err)
	}
	p.keep(number, made)
	return nil
}
