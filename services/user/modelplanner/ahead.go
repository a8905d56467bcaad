package modelplanner

import (
	"context"
	"strings"

	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/services/user/planner"
)

// question is everything that the plan of a day depends on.
type question struct {
	number, step int32
	frame        planner.Frame
	// yesterday is what the person did of its own accord.
	yesterday string
	ahead     bool
}

// question returns what to ask about a day, at a step.
func (p *modelPlanner) question(number, step int32) question {
	q := question{number: number, step: step, frame: p.frames.Frame(number)}
	if before := p.days[number-1]; before != nil {
		var doings []string
		for _, d := range before.drafts {
			if !d.Fixed {
				doings = append(doings, d.Doing)
			}
		}
		q.yesterday = strings.Join(doings, "; ")
	}
	return q
}

// ask asks the model for the plan of a day. It neither reads nor changes what the
// planner remembers.
func (p *modelPlanner) ask(ctx context.Context, q question) ([]planner.Draft, role.Effects, error) {
	stretches, effects, err := p.outline(ctx, q)
	if err != nil {
		return nil, role.Effects{}, err
	}
	drafts, words, err := p.tasks(ctx, q, stretches)
	if err != nil {
		return nil, role.Effects{}, err
	}
	effects.Add(words)
	return drafts, effects, nil
}

// lookAhead asks for the plan of a coming day while the person sleeps and the
// assistant is trained. Only the answers are kept, by the client: the step at which
// the person gets up makes the same calls, finds their answers, and records them. A
// replay has the answers anyway.
func (p *modelPlanner) lookAhead(ctx context.Context, number int32) {
	client, live := p.asker.(*model.Client)
	if !live || client == nil || number <= p.asked || number > p.life.Settings.GetDays() || p.days[number] != nil {
		return
	}
	p.asked = number
	q := p.question(number, 0)
	q.ahead = true
	seconds := int32(p.scale)
	q.step = p.scale.FirstStep(number) + (int32(q.frame.Wake)+seconds-1)/seconds
	go func() {
		// What fails here is asked for again in the morning, which reports it.
		_, _, _ = p.ask(context.WithoutCancel(ctx), q)
	}()
}
