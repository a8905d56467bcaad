package experiment

import (
	"context"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// People returns the personas that a configuration asks for. Those of its files
// are stored in the service, once every file was read and the selector names
// somebody. Errors: errs.Violations for files with faults, a selector that names
// nobody, and a persona that the service refuses.
func People(ctx context.Context, service userv1.PersonaServiceClient, c *config.Config) ([]persona.Numbered, error) {
	given, err := ReadPeople(ctx, c.Simulation.PersonaFiles)
	if err != nil {
		return nil, err
	}
	stored, err := ListPeople(ctx, service)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	all := make([]persona.Numbered, len(stored))
	for i, s := range stored {
		all[i] = persona.Numbered{Number: int(s.GetNumber()), Persona: s.GetPersona()}
		known[s.GetPersona().GetId()] = true
	}
	for _, p := range given {
		if !known[p.GetId()] {
			all = append(all, persona.Numbered{Persona: p})
		}
	}
	chosen, err := persona.Select(c.Simulation.Personas, all)
	if err != nil {
		return nil, err
	}
	for i, p := range given {
		if _, err := Add(ctx, service, c.Simulation.PersonaFiles[i], p); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

// ReadPeople reads one persona from each YAML file. The errs.Violations have the
// faults of all files; two files with one id are a fault. ErrCanceled or ErrDeadline
// where ctx ends first.
func ReadPeople(ctx context.Context, paths []string) ([]*simv1.Persona, error) {
	var faults errs.Violations
	var out []*simv1.Persona
	by := map[string]string{} // file by id
	for _, path := range paths {
		data, err := infile.Read(ctx, path, persona.MaxBytes)
		if ctx.Err() != nil {
			return nil, errs.FromContext(ctx)
		}
		if err != nil {
			faults.Add("persona file", "%v", err)
			continue
		}
		p, err := persona.Parse(data, path)
		if err != nil {
			if err := faults.Take(err); err != nil {
				return nil, err
			}
			continue
		}
		if other := by[p.GetId()]; other != "" {
			faults.Add("persona.id", "%s: found %q, the id of %s too", path, p.GetId(), other)
		}
		by[p.GetId()] = path
		out = append(out, p)
	}
	return out, faults.OrNil()
}

// Add stores the persona of a file.
func Add(ctx context.Context, service userv1.PersonaServiceClient, path string, p *simv1.Persona) (*userv1.StoredPersona, error) {
	got, err := service.CreatePersona(ctx, &userv1.CreatePersonaRequest{Persona: p})
	return got.GetStored(), errs.In(path, err)
}

// ListPeople returns all personas of a service.
func ListPeople(ctx context.Context, service userv1.PersonaServiceClient) ([]*userv1.StoredPersona, error) {
	var out []*userv1.StoredPersona
	for token := ""; ; {
		page, err := service.ListPersonas(ctx, &userv1.ListPersonasRequest{PageSize: 200, PageToken: token})
		if err != nil {
			return nil, err
		}
		out = append(out, page.GetPersonas()...)
		if token = page.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}
