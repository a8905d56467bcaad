package user

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// identify returns a persona with its id, which follows from the name where it
// has none, and its canonical bytes.
func identify(given *simv1.Persona) (*simv1.Persona, []byte, error) {
	if given == nil {
		return nil, nil, errs.Invalid("persona", "is missing")
	}
	p := proto.CloneOf(given)
	if p.GetId() == "" {
		p.Id = persona.Slug(p.GetName())
	}
	bytes, err := canonical.Marshal(p)
	if err != nil {
		return nil, nil, errs.Invalid("persona", "%v", err)
	}
	return p, bytes, nil
}

// prepare returns a persona as it is stored: with the spec that its rubric
// compiles to unless it brings one. p becomes part of the result. It returns
// errs.Violations for every fault at once, those of an unreadable rubric among
// them, and the compiler's own error where that failed.
func prepare(ctx context.Context, compiler driver.Compiler, p *simv1.Persona) (*userv1.StoredPersona, error) {
	var faults errs.Violations
	if err := persona.Validate(p); err != nil && !errors.As(err, &faults) {
		return nil, err
	}
	stored := &userv1.StoredPersona{Persona: p, SpecGiven: p.GetSpec() != nil}
	if stored.SpecGiven || proto.Size(p) > persona.MaxBytes {
		if err := faults.OrNil(); err != nil || !stored.SpecGiven {
			return stored, err
		}
		return stored, satisfy.Error(p.GetSpec(), "persona.spec")
	}
	read, _, err := compiler.Compile(ctx, p.GetRubric())
	if err != nil {
		return nil, fmt.Errorf("compile the rubric of %q: %w", p.GetId(), err)
	}
	for _, fault := range read.Faults {
		fault.Field = "persona.rubric." + fault.Field
		if !named(faults, fault.Field) && !named(faults, "persona.rubric") {
			faults = append(faults, fault) // an empty text is not reported as unreadable too
		}
	}
	if err := faults.OrNil(); err != nil {
		return nil, err
	}
	p.Spec, stored.Warnings = read.Spec, read.Warnings
	if err := persona.ValidateSpec(p.GetSpec()); err != nil {
		return nil, err
	}
	return stored, nil
}

func named(faults errs.Violations, field string) bool {
	for _, fault := range faults {
		if fault.Field == field {
			return true
		}
	}
	return false
}

// builtin prepares the people that come with the program.
func builtin(ctx context.Context, compiler driver.Compiler) ([]known, error) {
	all, err := persona.Included()
	if err != nil {
		return nil, err
	}
	out := make([]known, len(all))
	for i, one := range all {
		p, given, err := identify(one.Persona)
		if err != nil {
			return nil, fmt.Errorf("built-in persona %s: %w", one.Persona.GetId(), err)
		}
		stored, err := prepare(ctx, compiler, p)
		if err != nil {
			return nil, fmt.Errorf("built-in persona %s: %w", one.Persona.GetId(), err)
		}
		stored.Number, stored.BuiltIn = int32(one.Number), true
		out[i] = known{stored: stored, given: given}
	}
	return out, nil
}
