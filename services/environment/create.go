package environment

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// CreateRun implements RunService.
func (s *Server) CreateRun(ctx context.Context, req *environmentv1.CreateRunRequest) (*environmentv1.CreateRunResponse, error) {
	if r, err := s.requested(ctx, req.GetRequestId(), req); err != nil {
		return nil, err
	} else if r != nil {
		r.ask()
		return &environmentv1.CreateRunResponse{Run: r.View()}, nil
	}
	config := proto.CloneOf(req.GetConfig())
	var v errs.Violations
	resolve(&v, config)
	checkTexts(&v, config, req.GetRequestId(), req.GetLabels())
	if err := v.OrNil(); err != nil {
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
	resolveRate(config, persona)
	state := queued
	if req.GetPaused() {
		state = paused
	}
	r, err := s.create(ctx, journal.NewRun{
		Run:   &environmentv1.Run{Config: config, Persona: persona, State: state, Labels: req.GetLabels()},
		World: w, RequestID: req.GetRequestId(), Request: req,
	})
	if err != nil {
		return nil, err
	}
	return &environmentv1.CreateRunResponse{Run: r.View()}, nil
}

// ForkRun implements RunService. What the fork changes is checked before
// anything is made.
func (s *Server) ForkRun(ctx context.Context, req *environmentv1.ForkRunRequest) (*environmentv1.ForkRunResponse, error) {
	if r, err := s.requested(ctx, req.GetRequestId(), req); err != nil {
		return nil, err
	} else if r != nil {
		return &environmentv1.ForkRunResponse{Run: r.View()}, nil
	}
	from, err := s.run(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	var v errs.Violations
	checkTexts(&v, req.GetConfig(), req.GetRequestId(), req.GetLabels())
	if err := v.OrNil(); err != nil {
		return nil, err
	}
	config, err := ForkConfig(req, from.View())
	if err != nil {
		return nil, err
	}
	if err := CheckForkPairs(config, from.Fixed(), req.GetAtStep(), s.journal.Entries(ctx, from.ID(), 0)); err != nil {
		return nil, err
	}
	labels := req.GetLabels()
	if len(labels) == 0 {
		labels = from.Fixed().GetLabels()
	}
	w, err := s.journal.World(ctx, from.ID())
	if err != nil {
		return nil, err
	}
	r, err := s.create(ctx, journal.NewRun{
		Run: &environmentv1.Run{Config: config, Persona: from.Fixed().GetPersona(), State: queued, Labels: labels,
			ForkedFrom: from.ID(), ForkedAtStep: req.GetAtStep()},
		World: w, RequestID: req.GetRequestId(), Request: req,
	})
	if err != nil {
		return nil, err
	}
	return &environmentv1.ForkRunResponse{Run: r.View()}, nil
}

// requested returns the run that a request has made before, or nil.
func (s *Server) requested(ctx context.Context, requestID string, request proto.Message) (*run, error) {
	id, err := s.journal.Requested(ctx, requestID, request)
	if id == "" || err != nil {
		return nil, err
	}
	return s.run(ctx, id)
}

// create records a run and lets it start, or returns the one that the request
// has made before.
func (s *Server) create(ctx context.Context, n journal.NewRun) (*run, error) {
	n.Run.Version, n.Run.CreateTime = s.cfg.Version, timestamppb.New(s.cfg.Now())
	stored, _, err := s.journal.Create(ctx, n)
	if err != nil {
		return nil, err
	}
	r := s.add(stored, 0)
	r.ask()
	if r.State() == queued {
		s.launch(r)
	}
	return r, nil
}

// resolve fills in what a configuration leaves to the environment, and adds every
// fault that the rules of the contract cannot see.
func resolve(v *errs.Violations, config *environmentv1.RunConfig) {
	if err := simtime.Scale(config.GetStepSeconds()).Validate(); err != nil {
		v.Add("config.step_seconds", "found %d, want a divisor of 86400 from 10 to 3600", config.GetStepSeconds())
	}
	resolveMethod(v, config)
	resolveBackends(v, config)
}

// ForkConfig returns the configuration that a fork gets: the requested one with
// everything that it leaves to the environment, or that of the first run. Errors:
// errs.Violations, under the field names of ForkRunRequest, for what a fork cannot
// change and for values that do not fit each other.
func ForkConfig(req *environmentv1.ForkRunRequest, from *environmentv1.Run) (*environmentv1.RunConfig, error) {
	if req.GetConfig() == nil {
		return proto.CloneOf(from.GetConfig()), nil
	}
	config := proto.CloneOf(req.GetConfig())
	var v errs.Violations
	resolve(&v, config)
	checkFork(&v, config, from, req.GetAtStep())
	if err := v.OrNil(); err != nil {
		return nil, err
	}
	resolveRate(config, from.GetPersona())
	return config, nil
}

// checkTexts adds the names of a request that have characters which people do not
// see, or which a database refuses.
func checkTexts(v *errs.Violations, config *environmentv1.RunConfig, requestID string, labels map[string]string) {
	legible.Line(v, "request_id", requestID)
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		legible.Line(v, "labels", name)
		legible.Line(v, "labels."+legible.Printable(name), labels[name])
	}
	b := config.GetBackends()
	for _, one := range []struct {
		role    string
		backend *simv1.Backend
	}{{"planner", b.GetPlanner()}, {"judge", b.GetJudge()}, {"assistant", b.GetAssistant()}, {"summarizer", b.GetSummarizer()}, {"embedder", b.GetEmbedder()}} {
		legible.Line(v, "config.backends."+one.role+".model", one.backend.GetModel())
	}
}

// checkFork adds what must be as in the run that a fork shares steps with.
func checkFork(v *errs.Violations, config *environmentv1.RunConfig, from *environmentv1.Run, atStep int32) {
	own := from.GetConfig()
	same := func(field string, found, want any) {
		if found != want {
			v.Add(field, "found %v, want %v as in run %s", found, want, from.GetId())
		}
	}
	same("config.persona_id", config.GetPersonaId(), own.GetPersonaId())
	same("config.world_id", config.GetWorldId(), own.GetWorldId())
	same("config.step_seconds", config.GetStepSeconds(), own.GetStepSeconds())
	if seconds := config.GetStepSeconds(); seconds > 0 {
		// The fork needs a day that the shared steps do not fill.
		least := int64(atStep+1)*int64(seconds)/simtime.SecondsPerDay + 1
		if int64(config.GetDays()) < least {
			v.Add("config.days", "found %d, want at least %d: step %d is the last one shared", config.GetDays(), least, atStep)
		}
	}
}

// persona returns a persona by id or number as it is pinned to a run.
func (s *Server) persona(ctx context.Context, id string) (*simv1.Persona, error) {
	resp, err := s.personas.GetPersona(ctx, &userv1.GetPersonaRequest{Id: id})
	if err != nil {
		return nil, fmt.Errorf("persona %q: %w", id, err)
	}
	persona := resp.GetStored().GetPersona()
	if persona.GetId() == "" || persona.GetSpec() == nil {
		return nil, fmt.Errorf("persona %q came without id or spec: %w", id, errs.ErrInternal)
	}
	return persona, nil
}
