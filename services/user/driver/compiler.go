package driver

import (
	"context"
	"errors"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/rubric"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// Compiler reads the prose of a rubric into a spec. It is safe for concurrent
// use.
type Compiler interface {
	// Compile reads the four texts. It returns an error only where the compiler
	// itself failed: a text that it does not understand is in the compilation.
	Compile(ctx context.Context, r *simv1.Rubric) (*Compilation, role.Effects, error)
}

// Compilation is a rubric as a compiler read it.
type Compilation struct {
	// Spec keeps the rules of package persona.
	Spec *simv1.PreferenceSpec
	// Warnings name what was not understood.
	Warnings []*userv1.Warning
	// Clauses account for every stretch of the texts; empty for a compiler that
	// does not say.
	Clauses []*userv1.Clause
	// Faults say why the spec cannot be used for judging, one for each text at fault,
	// with paths below the rubric ("timing"); nil where the spec can be used.
	Faults errs.Violations
}

// Compilers names a compiler and its driver.
type Compilers struct {
	// Backend says which driver it is.
	Backend  *simv1.Backend
	Compiler Compiler
}

// EmbeddedCompiler reads prose by package rubric, offline and deterministically.
func EmbeddedCompiler() Compilers {
	return Compilers{Backend: &simv1.Backend{Driver: Embedded}, Compiler: embeddedCompiler{}}
}

type embeddedCompiler struct{}

// Compile implements Compiler.
func (embeddedCompiler) Compile(_ context.Context, r *simv1.Rubric) (*Compilation, role.Effects, error) {
	const at = "rubric"
	result, err := rubric.ReadStrict(r, at)
	out := &Compilation{Spec: result.Spec, Warnings: result.Warnings}
	for _, clause := range result.Readings {
		out.Clauses = append(out.Clauses, &userv1.Clause{
			Field: clause.Field, Phrase: clause.Phrase, Start: int32(clause.Start), End: int32(clause.End), Rules: clause.Rules, Warning: clause.Warning,
		})
	}
	if err != nil && !errors.As(err, &out.Faults) {
		return nil, role.Effects{}, err
	}
	for i := range out.Faults {
		out.Faults[i].Field = out.Faults[i].Field[len(at)+1:]
	}
	return out, role.Effects{}, nil
}
