package user

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
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

// pageBytes is the size at which a page ends, half of what a message may have.
// The first persona always fits.
const pageBytes = 2 << 20

// ListPersonas implements PersonaService. A page token is "n" and the number of
// the last built-in persona, or "i" and the id of the last added one.
func (p *people) ListPersonas(ctx context.Context, req *userv1.ListPersonasRequest) (*userv1.ListPersonasResponse, error) {
	size := int(req.GetPageSize())
	if size == 0 {
		size = 100
	}
	number, after, err := p.pageToken(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	out, bytes, last := &userv1.ListPersonasResponse{}, 0, req.GetPageToken()
	fits := func(stored *userv1.StoredPersona, token string) bool {
		bytes += proto.Size(stored)
		if len(out.Personas) == size || (len(out.Personas) > 0 && bytes > pageBytes) {
			out.NextPageToken = last
			return false
		}
		out.Personas, last = append(out.Personas, stored), token
		return true
	}
	for ; number < len(p.builtin); number++ {
		if !fits(p.builtin[number], "n"+strconv.Itoa(number+1)) {
			return out, nil
		}
	}
	err = p.added(ctx, after, size-len(out.Personas)+1, func(stored *userv1.StoredPersona) bool {
		return fits(stored, "i"+stored.GetPersona().GetId())
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pageToken returns how many built-in personas and which added one the page
// before ended with.
func (p *people) pageToken(token string) (number int, after string, err error) {
	if token == "" {
		return 0, "", nil
	}
	if id, ok := strings.CutPrefix(token, "i"); ok {
		return len(p.builtin), id, nil
	}
	if text, ok := strings.CutPrefix(token, "n"); ok {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= len(p.builtin) {
			return n, "", nil
		}
	}
	return 0, "", errs.Invalid("page_token", "found %q, want one from the response before", token)
}
