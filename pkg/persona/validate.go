package persona

import (
	"errors"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Validate checks everything about a persona: the rules of the contract, its id,
// the characters of its texts, and of its spec, where it has one, that it can be
// judged by (package judge) and that no lower bound lies above an upper one. It
// returns errs.Violations, one per fault, with paths like
// persona.big_five.openness; nil when there is none.
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
	if why := reserved(p.GetId()); why != "" {
		v.Add("persona.id", "found %q, %s; want an id with a letter that means nothing else, such as %q", p.GetId(), why, "person-"+p.GetId())
	}
	characters(p, &v)
	if p.GetSpec() != nil {
		if err := spec(p.GetSpec(), &v); err != nil {
			return err
		}
	}
	return v.OrNil()
}

// ValidateSpec checks a spec as Validate does, with paths below persona.spec.
func ValidateSpec(s *simv1.PreferenceSpec) error {
	var v errs.Violations
	if err := spec(s, &v); err != nil {
		return err
	}
	return v.OrNil()
}

// reserved says what an id means to Select already; empty where it means nothing.
func reserved(id string) string {
	switch {
	case id == "":
		return ""
	case strings.Trim(id, "0123456789") == "":
		return "which selects a person by number"
	case numberRange.MatchString(id):
		return "which selects a range of numbers"
	}
	switch id {
	case "all", "hard", "any", "none", "own", "builtin", "built-in":
		return "which is a word of the selection of people"
	}
	return ""
}

// contract applies the protovalidate rules and words the commonest faults
// plainly.
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

// characters reports texts of nothing but white space, and characters that no text
// may have.
func characters(p *simv1.Persona, v *errs.Violations) {
	prose := func(path, text string) {
		if text != "" && strings.TrimSpace(text) == "" {
			v.Add(path, "is blank")
			return
		}
		legible.Prose(v, path, text)
	}
	if strings.TrimSpace(p.GetName()) == "" && p.GetName() != "" {
		v.Add("persona.name", "is blank")
	}
	legible.Line(v, "persona.name", p.GetName())
	prose("persona.background", p.GetBackground())
	prose("persona.lifestyle", p.GetLifestyle())
	prose("persona.rubric.personal_preference", p.GetRubric().GetPersonalPreference())
	prose("persona.rubric.timing", p.GetRubric().GetTiming())
	prose("persona.rubric.frequency", p.GetRubric().GetFrequency())
	prose("persona.rubric.communication_safety", p.GetRubric().GetCommunicationSafety())
	for _, list := range []struct {
		path    string
		entries []string
	}{
		{"persona.current_interests", p.GetCurrentInterests()},
		{"persona.daily_plan_requirements", p.GetDailyPlanRequirements()},
		{"persona.long_term_goals", p.GetLongTermGoals()},
	} {
		for i, entry := range list.entries {
			prose(item(list.path, i), entry)
		}
	}
}
