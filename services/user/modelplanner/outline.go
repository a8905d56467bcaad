package modelplanner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/services/user/planner"
	"github.com/propersim/propersim/services/user/portrait"
)

// idea is an activity for a free stretch.
type idea struct {
	Kind    activity.Kind `json:"kind"`
	Minutes int           `json:"minutes"`
	Doing   string        `json:"doing"`
}

// maxIdeas is how many activities a free stretch of so many seconds has at most:
// one for each half an hour, up to four.
func maxIdeas(seconds int) int { return min(4, max(1, seconds/(30*60))) }

// outline fills the free stretches of a frame.
func (p *modelPlanner) outline(ctx context.Context, q question) ([]planner.Stretch, role.Effects, error) {
	number, frame := q.number, q.frame
	free := make(map[string]planner.Stretch)
	var names []string
	for _, s := range frame.Stretches {
		if s.Kind == "" {
			name := fmt.Sprintf("s%d", len(names)+1)
			free[name], names = s, append(names, name)
		}
	}
	if len(names) == 0 {
		return frame.Stretches, role.Effects{}, nil
	}
	schema, err := outlineSchema(names, free, p.frames.Kinds())
	if err != nil {
		return nil, role.Effects{}, err
	}
	messages, err := p.prompts.Render("planner/outline", p.outlineView(q, names, free))
	if err != nil {
		return nil, role.Effects{}, err
	}
	answers, err := p.asker.Do(ctx, model.Call{
		Role: model.Planner, Purpose: "outline", Run: p.life.RunID, Step: q.step, At: int64(q.step) * int64(p.scale), Messages: messages, Schema: schema, Check: checkOutline, Ahead: q.ahead,
	})
	if err != nil {
		return nil, role.Effects{}, err
	}
	var ideas map[string][]idea
	if err := answers[0].Decode(&ideas); err != nil {
		return nil, role.Effects{}, fmt.Errorf("plan of day %d: %w: %w", number, err, errs.ErrPrecondition)
	}
	var out []planner.Stretch
	for _, s := range frame.Stretches {
		if s.Kind != "" {
			out = append(out, s)
			continue
		}
		out = append(out, fit(s, ideas[names[0]])...)
		names = names[1:]
	}
	return out, model.Effects(answers...), nil
}

// checkOutline refuses activities without words.
func checkOutline(value []byte) error {
	var ideas map[string][]idea
	if err := json.Unmarshal(value, &ideas); err != nil {
		return err
	}
	for name, list := range ideas {
		for i, one := range list {
			if one.Doing = line(one.Doing); one.Doing == "" {
				return fmt.Errorf("/%s/%d/doing: is blank", name, i)
			}
		}
	}
	return nil
}

// fit divides a free stretch among ideas in proportion to their minutes. No part
// is shorter than a task; ideas that find no room are dropped, the last first.
func fit(s planner.Stretch, ideas []idea) []planner.Stretch {
	total := s.To - s.From
	ideas = ideas[:min(len(ideas), max(1, total/planner.Shortest))]
	weight := 0
	for _, one := range ideas {
		weight += max(1, one.Minutes)
	}
	spare := total - len(ideas)*planner.Shortest
	var out []planner.Stretch
	at := s.From
	for i, one := range ideas {
		end := at + planner.Shortest + spare*max(1, one.Minutes)/weight
		if i == len(ideas)-1 {
			end = s.To
		}
		out = append(out, planner.Stretch{From: at, To: end, Kind: one.Kind, Doing: line(one.Doing)})
		at = end
	}
	return out
}

// outlineSchema has a list of ideas for each free stretch.
func outlineSchema(names []string, free map[string]planner.Stretch, kinds []activity.Kind) (*model.Schema, error) {
	one := map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"kind", "minutes", "doing"},
		"properties": map[string]any{
			"kind":    map[string]any{"type": "string", "enum": kinds},
			"minutes": map[string]any{"type": "integer", "minimum": 10, "maximum": 240},
			"doing":   map[string]any{"type": "string", "minLength": 1, "maxLength": 80},
		},
	}
	properties := make(map[string]any)
	for _, name := range names {
		properties[name] = map[string]any{"type": "array", "minItems": 1, "maxItems": maxIdeas(free[name].To - free[name].From), "items": one}
	}
	raw, err := json.Marshal(map[string]any{"type": "object", "additionalProperties": false, "required": names, "properties": properties})
	if err != nil {
		return nil, err
	}
	return model.NewSchema("outline", raw)
}

// outlineView is what the template gets.
type outlineView struct {
	Person    portrait.Person
	Day       int32
	Wake, Bed string
	Fixed     []viewStretch
	Free      []viewStretch
	Kinds     []string
	Yesterday string
}

type viewStretch struct {
	Name, From, To, Kind, Doing string
	Minutes                     int
}

func (p *modelPlanner) outlineView(q question, names []string, free map[string]planner.Stretch) outlineView {
	frame := q.frame
	v := outlineView{Person: p.person, Day: q.number, Wake: clock(frame.Wake), Bed: clock(frame.Bed), Yesterday: q.yesterday}
	for _, kind := range p.frames.Kinds() {
		v.Kinds = append(v.Kinds, string(kind))
	}
	for _, s := range frame.Stretches {
		if s.Kind != "" {
			v.Fixed = append(v.Fixed, viewStretch{From: clock(s.From), To: clock(s.To), Kind: string(s.Kind), Doing: s.Doing})
		}
	}
	for _, name := range names {
		s := free[name]
		v.Free = append(v.Free, viewStretch{Name: name, From: clock(s.From), To: clock(s.To), Minutes: (s.To - s.From) / 60})
	}
	return v
}

// clock writes seconds from midnight as HH:MM; a day may end after midnight.
func clock(second int) string {
	return fmt.Sprintf("%02d:%02d", second/3600%24, second/60%60)
}

// line puts a text on one line.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

// tasks asks for the words and the place of every stretch, all at the same time.
func (p *modelPlanner) tasks(ctx context.Context, q question, stretches []planner.Stretch) ([]planner.Draft, role.Effects, error) {
	drafts := make([]planner.Draft, len(stretches))
	calls := make([]model.Call, len(stretches))
	for i, s := range stretches {
		kind, spots := p.frames.Places(s.Kind)
		s.Kind = kind
		drafts[i].Stretch = s
		var places []string
		for _, spot := range spots {
			if place := spot.RoomID + "/" + spot.ObjectID; !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
		count := planner.Count(s)
		schema, err := tasksSchema(places, count)
		if err != nil {
			return nil, role.Effects{}, err
		}
		messages, err := p.prompts.Render("planner/tasks", struct {
			Person                portrait.Person
			Kind, Doing, From, To string
			Count                 int
			Places                []string
		}{p.person, string(kind), s.Doing, clock(s.From), clock(s.To), count, places})
		if err != nil {
			return nil, role.Effects{}, err
		}
		calls[i] = model.Call{
			Role: model.Planner, Purpose: fmt.Sprintf("tasks-%02d", i), Run: p.life.RunID, Step: q.step, At: int64(q.step) * int64(p.scale),
			Messages: messages, Schema: schema, Check: checkTasks, Ahead: q.ahead,
		}
	}
	answers, err := p.asker.DoAll(ctx, calls)
	if err != nil {
		return nil, role.Effects{}, err
	}
	for i := range drafts {
		var words worded
		if err := answers[i][0].Decode(&words); err != nil {
			return nil, role.Effects{}, fmt.Errorf("tasks of %s at %s: %w: %w", drafts[i].Kind, clock(drafts[i].From), err, errs.ErrPrecondition)
		}
		drafts[i].Room, drafts[i].Object, _ = strings.Cut(words.Place, "/")
		for _, doing := range words.Tasks {
			drafts[i].Tasks = append(drafts[i].Tasks, line(doing))
		}
	}
	return drafts, model.EffectsOf(answers), nil
}

// worded is the model's answer about a stretch.
type worded struct {
	Place string   `json:"place"`
	Tasks []string `json:"tasks"`
}

func checkTasks(value []byte) error {
	var w worded
	if err := json.Unmarshal(value, &w); err != nil {
		return err
	}
	for _, task := range w.Tasks {
		if line(task) == "" {
			return errors.New("/tasks: a task is blank")
		}
	}
	return nil
}

func tasksSchema(places []string, count int) (*model.Schema, error) {
	raw, err := json.Marshal(map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"place", "tasks"},
		"properties": map[string]any{
			"place": map[string]any{"type": "string", "enum": places},
			"tasks": map[string]any{"type": "array", "minItems": count, "maxItems": count, "items": map[string]any{"type": "string", "minLength": 1, "maxLength": 100}},
		},
	})
	if err != nil {
		return nil, err
	}
	return model.NewSchema("tasks", raw)
}
