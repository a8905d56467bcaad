package environment

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// CreateRun implements RunService.
func (s *Server) CreateRun(ctx context.Context, req *environmentv1.CreateRunRequest) (*environmentv1.CreateRunResponse, error) {
	config := proto.CloneOf(req.GetConfig())
	if err := check(config); err != nil {
		return nil, err
	}
	w, err := s.world(config.GetWorldId())
	if err != nil {
		return nil, err
	}
	persona, err := s.persona(ctx, config.GetPersonaId())
	if err != nil {
		return nil, err
	}
	config.PersonaId = persona.GetId()
	state := environmentv1.RunState_RUN_STATE_QUEUED
	if req.GetPaused() {
		state = environmentv1.RunState_RUN_STATE_PAUSED
	}
	r, err := s.create(ctx, journal.NewRun{
		Run:   &environmentv1.Run{Config: config, Persona: persona, State: state},
		World: w, RequestID: req.GetRequestId(), Request: req,
	})
	if err != nil {
		return nil, err
	}
	return &environmentv1.CreateRunResponse{Run: r.view()}, nil
}

// ForkRun implements RunService.
func (s *Server) ForkRun(ctx context.Context, req *environmentv1.ForkRunRequest) (*environmentv1.ForkRunResponse, error) {
	from, err := s.run(req.GetId())
	if err != nil {
		return nil, err
	}
	config := proto.CloneOf(from.fixed.GetConfig())
	if req.GetConfig() != nil {
		config = proto.CloneOf(req.GetConfig())
		if err := checkFork(config, from.fixed, req.GetAtStep()); err != nil {
			return nil, err
		}
	}
	w, err := s.journal.World(ctx, from.id)
	if err != nil {
		return nil, err
	}
	r, err := s.create(ctx, journal.NewRun{
		Run: &environmentv1.Run{Config: config, Persona: from.fixed.GetPersona(), State: environmentv1.RunState_RUN_STATE_QUEUED,
			ForkedFrom: from.id, ForkedAtStep: req.GetAtStep()},
		World: w, RequestID: req.GetRequestId(), Request: req,
	})
	if err != nil {
		return nil, err
	}
	return &environmentv1.ForkRunResponse{Run: r.view()}, nil
}

// create records a run and lets it start, or returns the one that the request
// has made before.
func (s *Server) create(ctx context.Context, n journal.NewRun) (*run, error) {
	n.Run.Version, n.Run.CreatedUnixMs = s.cfg.Version, s.cfg.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, created, err := s.journal.Create(ctx, n)
	if err != nil {
		return nil, err
	}
	if !created {
		return s.runs[stored.GetId()], nil
	}
	r := newRun(stored)
	s.runs[r.id] = r
	s.order = append(s.order, r)
	if r.state == environmentv1.RunState_RUN_STATE_QUEUED {
		s.launch(r)
	}
	return r, nil
}

// check reports every fault of a configuration that the contract's own rules
// cannot see.
func check(config *environmentv1.RunConfig) error {
	var v errs.Violations
	if err := simtime.Scale(config.GetStepSeconds()).Validate(); err != nil {
		v.Add("config.step_seconds", "found %d, want a divisor of 86400 from 10 to 3600", config.GetStepSeconds())
	}
	checkMethod(&v, config)
	return v.OrNil()
}

// checkFork holds a fork's configuration to the run it shares steps with.
func checkFork(config *environmentv1.RunConfig, from *environmentv1.Run, atStep int32) error {
	var v errs.Violations
	if own := from.GetConfig(); config.GetPersonaId() != own.GetPersonaId() || config.GetWorldId() != own.GetWorldId() || config.GetStepSeconds() != own.GetStepSeconds() {
		v.Add("config", "persona_id, world_id and step_seconds must be those of run %s: %q, %q, %d", from.GetId(), own.GetPersonaId(), own.GetWorldId(), own.GetStepSeconds())
	}
	if seconds := config.GetStepSeconds(); seconds > 0 && int64(atStep) >= int64(config.GetDays())*(simtime.SecondsPerDay/int64(seconds)) {
		v.Add("config.days", "found %d: step %d, the last one shared, lies behind its end", config.GetDays(), atStep)
	}
	if err := v.OrNil(); err != nil {
		return err
	}
	return check(config)
}

// persona returns a persona by id or number as it is pinned to a run.
func (s *Server) persona(ctx context.Context, id string) (*simv1.Persona, error) {
	resp, err := s.clients.Personas.GetPersona(ctx, &userv1.GetPersonaRequest{Id: id})
	if err != nil {
		return nil, fmt.Errorf("persona %q: %w", id, err)
	}
	persona := resp.GetStored().GetPersona()
	if persona.GetId() == "" || persona.GetSpec() == nil {
		return nil, fmt.Errorf("persona %q came without id or spec: %w", id, errs.ErrInternal)
	}
	return persona, nil
}
