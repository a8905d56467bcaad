package persona

import (
	"errors"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Validate checks a persona by the rules of the contract, and its spec, where
// it has one, by the vocabulary: activity kinds, topics and tones must exist,
// and no lower bound may lie above an upper one. It returns errs.Violations,
// one per fault, with paths like persona.big_five.openness; nil when there is
// none.
func Validate(p *simv1.Persona) error {
	var v errs.Violations
	if p == nil {
		v.Add("persona", "is missing")
		return v
	}
	if size := proto.Size(p); size > MaxBytes {
		v.Add("persona", "found %d bytes, want at most %d", size, MaxBytes)
	}
	if err := contract(p, &v); err != nil {
		return err
	}
	blanks(p, &v)
	if p.GetSpec() != nil {
		validateSpec(p.GetSpec(), &v)
	}
	return v.OrNil()
}

// contract applies the protovalidate rules and puts the commonest faults into
// plain words.
func contract(p *simv1.Persona, v *errs.Violations) error {
	err := protovalidate.Validate(p)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	for _, one := range invalid.Violations {
		path := "persona." + protovalidate.FieldPathString(one.Proto.GetField())
		message := one.Proto.GetMessage()
		switch rule := one.Proto.GetRuleId(); {
		case path == "persona.age":
			v.Add(path, "found %d, want 1 to 120", p.GetAge())
			continue
		case strings.HasPrefix(path, "persona.big_five.") && strings.HasPrefix(rule, "enum."):
			message = "is missing; allowed: high, low"
		case rule == "string.min_len", rule == "repeated.min_items":
			message = "is missing or empty"
		case rule == "required":
			message = "is missing"
		case path == "persona.id":
			message = "want at most 64 lower-case letters, digits and single hyphens"
		}
		v.Add(path, "%s", message)
	}
	return nil
}

// blanks reports texts that hold nothing but white space.
func blanks(p *simv1.Persona, v *errs.Violations) {
	texts := []struct{ path, text string }{
		{"persona.name", p.GetName()},
		{"persona.background", p.GetBackground()},
		{"persona.lifestyle", p.GetLifestyle()},
		{"persona.rubric.personal_preference", p.GetRubric().GetPersonalPreference()},
		{"persona.rubric.timing", p.GetRubric().GetTiming()},
		{"persona.rubric.frequency", p.GetRubric().GetFrequency()},
		{"persona.rubric.communication_safety", p.GetRubric().GetCommunicationSafety()},
	}
	for _, t := range texts {
		if t.text != "" && strings.TrimSpace(t.text) == "" {
			v.Add(t.path, "is blank")
		}
	}
}
