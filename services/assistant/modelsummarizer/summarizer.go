// Package modelsummarizer puts parts of a day into words by a model.
package modelsummarizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	"github.com/propersim/propersim/prompts"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
)

const promptName = "summarizer/block"

// recap is the model's answer. The sentence is bounded: a summary is read again
// in every prompt of the day.
type recap struct {
	Summary string `json:"summary" jsonschema:"minLength=1,maxLength=400"`
}

var schema = model.MustSchemaOf[recap]("summary")

// Summarizer is a driver.Summarizer.
type Summarizer struct {
	asker   model.Asker
	prompts *prompts.Set
	backend *simv1.Backend
}

// New returns the summarizer. It returns an ErrInvalid where the summarizer's
// role is not configured or the prompt asks for what there is not.
func New(asker model.Asker, set *prompts.Set) (*Summarizer, error) {
	r, _, err := asker.Role(model.Summarizer)
	if err != nil {
		return nil, err
	}
	s := &Summarizer{asker: asker, prompts: set, backend: r.Backend(model.Summarizer, "model", set.Digest())}
	_, err = s.render(&driver.Block{Scale: 150, Lines: []driver.Line{{}}})
	return s, err
}

// Repeatable implements driver.Summarizer: a model may answer differently, so
// that each summary is kept as a note.
func (*Summarizer) Repeatable() bool { return false }

// Backend implements driver.Summarizer.
func (s *Summarizer) Backend() *simv1.Backend { return s.backend }

// Summarize implements driver.Summarizer.
func (s *Summarizer) Summarize(ctx context.Context, b *driver.Block) (string, role.Effects, error) {
	if b.Steps == 0 {
		return "asleep or out of sight", role.Effects{}, errs.FromContext(ctx)
	}
	messages, err := s.render(b)
	if err != nil {
		return "", role.Effects{}, err
	}
	answers, err := s.asker.Do(ctx, model.Call{
		Role: model.Summarizer, Purpose: b.Name, Run: b.Run, Step: b.AskedAt, At: int64(b.AskedAt) * int64(b.Scale), Messages: messages, Schema: schema, Check: check,
	})
	if err != nil {
		return "", role.Effects{}, err
	}
	var out recap
	if err := answers[0].Decode(&out); err != nil {
		return "", role.Effects{}, fmt.Errorf("summary of block %s: %w: %w", b.Name, err, errs.ErrPrecondition)
	}
	return line(out.Summary), model.Effects(answers...), nil
}

func check(value []byte) error {
	var r recap
	if err := json.Unmarshal(value, &r); err != nil {
		return err
	}
	if line(r.Summary) == "" {
		return errors.New("the summary is blank")
	}
	return nil
}

// line puts a text on one line: the memory writes one summary a line.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

// view is what the template gets.
type view struct {
	Day                   int32
	From, To, Steps, Said int
	Scores                bool
	Lines                 []viewLine
}

type viewLine struct{ Clock, Doing, Place, Said, Score string }

func (s *Summarizer) render(b *driver.Block) ([]model.Message, error) {
	v := view{Day: b.Day, From: b.From, To: b.To, Steps: int(b.Scale.Minutes(int32(b.Steps))), Said: b.Said, Scores: b.Scored > 0}
	var last viewLine
	for _, l := range b.Lines {
		now := viewLine{Doing: l.Kind, Place: l.Room, Said: l.Said}
		if l.Description != "" {
			now.Doing = l.Description
		}
		if l.Score >= 0 {
			now.Score = fmt.Sprint(l.Score)
		}
		// A task lasts several steps: it is written once, unless something was said.
		if now == last && now.Said == "" {
			continue
		}
		last = now
		now.Clock = simtime.Clock(b.Scale.SecondOfDay(l.Step))[:5]
		v.Lines = append(v.Lines, now)
	}
	return s.prompts.Render(promptName, v)
}
