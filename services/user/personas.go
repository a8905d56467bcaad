package user

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/paging"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// prepare returns a persona as it would be stored: with its id, and with the
// spec that its rubric compiles to unless it brings one. It returns
// errs.Violations for every fault, those of an unreadable rubric among them.
func prepare(given *simv1.Persona) (*userv1.StoredPersona, error) {
	if given == nil {
		return nil, errs.Invalid("persona", "is missing")
	}
	p := proto.CloneOf(given)
	if p.GetId() == "" {
		p.Id = persona.Slug(p.GetName())
	}
	faults, err := faultsOf(persona.Validate(p))
	if err != nil {
		return nil, err
	}
	stored := &userv1.StoredPersona{Persona: p, SpecGiven: p.GetSpec() != nil}
	if !stored.SpecGiven && proto.Size(p) <= persona.MaxBytes {
		var unread error
		p.Spec, stored.Warnings, unread = rubric.CompileStrict(p.GetRubric(), "persona.rubric")
		more, err := faultsOf(unread)
		if err != nil {
			return nil, err
		}
		faults = faults.and(more)
	}
	if len(faults) > 0 {
		return nil, errs.Violations(faults)
	}
	if _, err := judge.Compile(p.GetSpec()); err != nil {
		return nil, below("persona.spec", err)
	}
	if stored.SpecGiven { // of one that was read, CompileStrict has said so in the words of the rubric
		if err := satisfy.Error(p.GetSpec(), "persona.spec"); err != nil {
			return nil, err
		}
	}
	return stored, nil
}

// faults are violations being collected.
type faults errs.Violations

// faultsOf parts what is wrong with a persona from what is wrong with us.
func faultsOf(err error) (faults, error) {
	var found errs.Violations
	if err == nil || errors.As(err, &found) {
		return faults(found), nil
	}
	return nil, err
}

// and adds the faults of fields that have none yet: an empty text is not
// reported as unreadable too.
func (f faults) and(more faults) faults {
	known := map[string]bool{}
	for _, fault := range f {
		known[fault.Field] = true
	}
	for _, fault := range more {
		if !known[fault.Field] && !known["persona.rubric"] {
			f = append(f, fault)
		}
	}
	return f
}

// CreatePersona implements PersonaService.
func (p *people) CreatePersona(ctx context.Context, req *userv1.CreatePersonaRequest) (*userv1.CreatePersonaResponse, error) {
	if stored, err := p.answered(ctx, req.GetRequestId()); stored != nil || err != nil {
		return &userv1.CreatePersonaResponse{Stored: stored}, err
	}
	stored, err := prepare(req.GetPersona())
	if err != nil {
		return nil, err
	}
	named := proto.CloneOf(req.GetPersona())
	named.Id = stored.GetPersona().GetId()
	given, err := canonical.Marshal(named)
	if err != nil {
		return nil, errs.Invalid("persona", "%v", err)
	}
	if stored, err = p.create(ctx, stored, given, req.GetRequestId()); err != nil {
		return nil, err
	}
	return &userv1.CreatePersonaResponse{Stored: stored}, nil
}

// ValidatePersona implements PersonaService.
func (p *people) ValidatePersona(_ context.Context, req *userv1.ValidatePersonaRequest) (*userv1.ValidatePersonaResponse, error) {
	stored, err := prepare(req.GetPersona())
	if err != nil {
		return nil, err
	}
	return &userv1.ValidatePersonaResponse{Stored: stored}, nil
}

// GetPersona implements PersonaService.
func (p *people) GetPersona(ctx context.Context, req *userv1.GetPersonaRequest) (*userv1.GetPersonaResponse, error) {
	stored, err := p.find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &userv1.GetPersonaResponse{Stored: stored}, nil
}

// DeletePersona implements PersonaService.
func (p *people) DeletePersona(ctx context.Context, req *userv1.DeletePersonaRequest) (*userv1.DeletePersonaResponse, error) {
	if err := p.remove(ctx, req.GetId()); err != nil {
		return nil, err
	}
	return &userv1.DeletePersonaResponse{}, nil
}

// CompileRubric implements PersonaService.
func (p *people) CompileRubric(_ context.Context, req *userv1.CompileRubricRequest) (*userv1.CompileRubricResponse, error) {
	spec, warnings := rubric.Compile(req.GetRubric())
	return &userv1.CompileRubricResponse{Spec: spec, Warnings: warnings}, nil
}

// place is a position in the list of personas: the number of built-in ones
// listed, and the id of the added one listed last.
type place struct {
	Builtin int    `json:"b"`
	Added   string `json:"a,omitempty"`
}

const listPersonas = "user.ListPersonas" // the scope of its page tokens

// ListPersonas implements PersonaService.
func (p *people) ListPersonas(ctx context.Context, req *userv1.ListPersonasRequest) (*userv1.ListPersonasResponse, error) {
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
	for n := last.Builtin; n < len(p.builtin); n++ {
		if !fits(p.builtin[n], place{Builtin: n + 1}) {
			return out, nil
		}
	}
	err = p.added(ctx, last.Added, full.Limit()-len(out.Personas), func(stored *userv1.StoredPersona) bool {
		return fits(stored, place{Builtin: len(p.builtin), Added: stored.GetPersona().GetId()})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
