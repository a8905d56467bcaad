// Package modelcompiler reads the prose of a rubric by a model. Each rule has the
// phrase that it comes from, word for word; what no rule comes from is listed.
package modelcompiler

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/prompts"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/portrait"
)

const promptName = "compiler/rubric"

// Compilers returns the compiler that asks the model of the compiler's role. An
// ErrInvalid where that role is not configured.
func Compilers(asker model.Asker, set *prompts.Set) (driver.Compilers, error) {
	r, _, err := asker.Role(model.Compiler)
	if err != nil {
		return driver.Compilers{}, err
	}
	schema, err := newSchema()
	if err != nil {
		return driver.Compilers{}, err
	}
	return driver.Compilers{Backend: r.Backend(model.Compiler, "model", set.Digest()), Compiler: &compiler{asker, set, schema}}, nil
}

type compiler struct {
	asker   model.Asker
	prompts *prompts.Set
	schema  *model.Schema
}

// Compile implements driver.Compiler. An answer that breaks a rule (a phrase that
// is not in the text, a spec that nobody can be judged by) is asked for again with
// the rule named; one that stays so is an errs.ErrPrecondition with the answer.
func (c *compiler) Compile(ctx context.Context, r *simv1.Rubric) (*driver.Compilation, role.Effects, error) {
	messages, err := c.prompts.Render(promptName, struct {
		Rubric                           portrait.Rubric
		Kinds, Topics, Tones, Boundaries []string
	}{portrait.RubricOf(r), kinds(), topics(), tones(), boundaries()})
	if err != nil {
		return nil, role.Effects{}, err
	}
	answers, err := c.asker.Do(ctx, model.Call{
		Role: model.Compiler, Purpose: "rubric", Run: "compiler", Messages: messages, Schema: c.schema,
		Check: func(answer []byte) error { return check(answer, r) },
	})
	if err != nil {
		return nil, role.Effects{}, err
	}
	var read answer
	if err := answers[0].Decode(&read); err != nil {
		return nil, role.Effects{}, fmt.Errorf("compile the rubric: %w: %w", err, errs.ErrPrecondition)
	}
	return read.compilation(r), model.Effects(answers...), nil
}

// check refuses rules whose phrase is not in its text, and a spec that breaks the
// rules of package persona or of the exact judge.
func check(raw []byte, r *simv1.Rubric) error {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return err
	}
	for _, p := range a.phrases() {
		if strings.TrimSpace(p.phrase) == "" || !strings.Contains(textOf(r, p.field), p.phrase) {
			return fmt.Errorf("/%s: the phrase %q does not occur in the text about %s; copy it exactly", p.list, p.phrase, p.field)
		}
	}
	for _, m := range append(append([]momentRule{}, a.Receptive...), a.Protected...) {
		if m.From < 0 != (m.To < 0) {
			return fmt.Errorf("/receptive or /protected: from %d and to %d: both are minutes, or both are -1", m.From, m.To)
		}
		if m.From < 0 && len(m.Kinds) == 0 {
			return fmt.Errorf("the moment %q has neither a clock nor an activity", m.Phrase)
		}
	}
	spec := a.spec()
	if err := persona.ValidateSpec(spec); err != nil {
		return err
	}
	_, err := judge.Compile(spec)
	return err
}

// textOf is the text of a field of the rubric.
func textOf(r *simv1.Rubric, field string) string {
	switch field {
	case fieldPreference:
		return r.GetPersonalPreference()
	case fieldTiming:
		return r.GetTiming()
	case fieldFrequency:
		return r.GetFrequency()
	}
	return r.GetCommunicationSafety()
}

func kinds() []string {
	var out []string
	for _, k := range activity.Kinds() {
		out = append(out, string(k))
	}
	return out
}

func topics() []string {
	var out []string
	for _, t := range content.Topics() {
		out = append(out, t.ID)
	}
	return out
}

func tones() []string {
	var out []string
	for _, t := range content.Tones() {
		out = append(out, string(t))
	}
	return out
}

const boundaryPrefix = "BOUNDARY_"

func boundaries() []string {
	var out []string
	for n := int32(1); simv1.Boundary_name[n] != ""; n++ {
		out = append(out, strings.TrimPrefix(simv1.Boundary_name[n], boundaryPrefix))
	}
	return out
}
