package user

import (
	"context"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
	"github.com/propersim/propersim/pkg/paging"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// personas implements PersonaService: it checks and compiles, and keeps what is
// sound with people.
type personas struct {
	userv1.UnimplementedPersonaServiceServer
	people    *people
	compilers driver.Compilers
}

// CreatePersona implements PersonaService. A repeat is answered before anything
// is compiled, which a model may do otherwise the second time.
func (s *personas) CreatePersona(ctx context.Context, req *userv1.CreatePersonaRequest) (*userv1.CreatePersonaResponse, error) {
	var faults errs.Violations
	if legible.Line(&faults, "request_id", req.GetRequestId()); len(faults) > 0 {
		return nil, faults
	}
	p, given, err := identify(req.GetPersona())
	if err != nil {
		return nil, err
	}
	first, err := s.people.answered(ctx, req.GetRequestId())
	if err != nil {
		return nil, err
	}
	if first != nil {
		if string(first.given) != string(given) {
			return nil, requestTable.exists(req.GetRequestId())
		}
		return &userv1.CreatePersonaResponse{Stored: first.stored}, nil
	}
	one, err := s.people.byIDOrNil(ctx, p.GetId())
	if err != nil {
		return nil, err
	}
	if one == nil || string(one.given) != string(given) {
		stored, err := prepare(ctx, s.compilers.Compiler, p)
		if err != nil {
			return nil, err
		}
		if one != nil {
			return nil, personaTable.exists(p.GetId())
		}
		one = &known{stored: stored, given: given}
	}
	stored, err := s.people.add(ctx, one, req.GetRequestId())
	if err != nil {
		return nil, err
	}
	return &userv1.CreatePersonaResponse{Stored: stored}, nil
}

// ValidatePersona implements PersonaService.
func (s *personas) ValidatePersona(ctx context.Context, req *userv1.ValidatePersonaRequest) (*userv1.ValidatePersonaResponse, error) {
	p, _, err := identify(req.GetPersona())
	if err != nil {
		return nil, err
	}
	stored, err := prepare(ctx, s.compilers.Compiler, p)
	if err != nil {
		return nil, err
	}
	return &userv1.ValidatePersonaResponse{Stored: stored}, nil
}

// GetPersona implements PersonaService.
func (s *personas) GetPersona(ctx context.Context, req *userv1.GetPersonaRequest) (*userv1.GetPersonaResponse, error) {
	stored, err := s.people.find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &userv1.GetPersonaResponse{Stored: stored}, nil
}

// DeletePersona implements PersonaService.
func (s *personas) DeletePersona(ctx context.Context, req *userv1.DeletePersonaRequest) (*userv1.DeletePersonaResponse, error) {
	if err := s.people.remove(ctx, req.GetId()); err != nil {
		return nil, err
	}
	return &userv1.DeletePersonaResponse{}, nil
}

// CompileRubric implements PersonaService.
func (s *personas) CompileRubric(ctx context.Context, req *userv1.CompileRubricRequest) (*userv1.CompileRubricResponse, error) {
	if err := driver.Verify("compiler", req.GetCompiler(), s.compilers.Backend); err != nil {
		return nil, err
	}
	read, effects, err := s.compilers.Compiler.Compile(ctx, req.GetRubric())
	if err != nil {
		return nil, err
	}
	return &userv1.CompileRubricResponse{
		Spec: read.Spec, Warnings: read.Warnings, Clauses: read.Clauses,
		Calls: effects.Calls, Timings: effects.Timings,
	}, nil
}

// place is a position in the list of personas: the number of built-in ones
// listed, and the id of the added one listed last.
type place struct {
	Builtin int    `json:"b"`
	Added   string `json:"a,omitempty"`
}

const listPersonas = "user.ListPersonas" // the scope of its page tokens

// ListPersonas implements PersonaService.
func (s *personas) ListPersonas(ctx context.Context, req *userv1.ListPersonasRequest) (*userv1.ListPersonasResponse, error) {
	last, err := paging.Parse[place](listPersonas, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	out, full := &userv1.ListPersonasResponse{}, paging.New(req.GetPageSize())
	fits := func(stored *userv1.StoredPersona, at place) bool {
		if !full.Add(stored) {
			out.NextPageToken = paging.Token(listPersonas, last)
			return false
		}
		out.Personas, last = append(out.Personas, stored), at
		return true
	}
	for n := last.Builtin; n < len(s.people.builtin); n++ {
		if !fits(s.people.builtin[n].stored, place{Builtin: n + 1}) {
			return out, nil
		}
	}
	err = s.people.added(ctx, last.Added, full.Limit()-len(out.Personas), func(stored *userv1.StoredPersona) bool {
		return fits(stored, place{Builtin: len(s.people.builtin), Added: stored.GetPersona().GetId()})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
