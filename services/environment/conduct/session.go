package environment

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// Limits of one message of history, below the contract's 1000 steps and a
// server's 4 MiB.
const (
	historySteps = 500
	historyBytes = 1 << 20
)

// session is the run's place in another service.
type session struct {
	opened bool
	open   func(ctx context.Context) error
}

func (c *conductor) settings() *simv1.Settings {
	config := c.run.fixed.GetConfig()
	return &simv1.Settings{Seed: config.GetSeed(), Stream: config.GetPersonaId(), StepSeconds: config.GetStepSeconds(), Days: config.GetDays()}
}

// openUser opens the user's session and tells it all committed waking steps.
func (c *conductor) openUser(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // frees the stream where it is left early
	stream, err := c.clients.Users.OpenSession(ctx)
	if err != nil {
		return err
	}
	start := &userv1.SessionStart{RunId: c.run.id, Settings: c.settings(), Persona: c.run.fixed.GetPersona(), World: c.world}
	err = stream.Send(&userv1.OpenSessionRequest{Part: &userv1.OpenSessionRequest_Start{Start: start}})
	if err == nil {
		err = c.history(ctx, userPast, func(steps []*simv1.PastStep) error {
			return stream.Send(&userv1.OpenSessionRequest{Part: &userv1.OpenSessionRequest_History{History: &userv1.History{Steps: steps}}})
		})
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	return c.checkOpened("user", resp.GetLastStep())
}

// openAssistant does the same for the assistant, and puts the run's adapter in
// force.
func (c *conductor) openAssistant(ctx context.Context) error {
	start, err := c.assistantStart(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.clients.Assistants.OpenSession(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_Start{Start: start}})
	if err == nil {
		err = c.history(ctx, c.assistantPast, func(steps []*simv1.PastStep) error {
			return stream.Send(&assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_History{History: &assistantv1.History{Steps: steps}}})
		})
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	return c.checkOpened("assistant", resp.GetLastStep())
}

// assistantStart says what the assistant may know: of the user nothing, unless
// the method is one that is told.
func (c *conductor) assistantStart(ctx context.Context) (*assistantv1.SessionStart, error) {
	config := c.run.fixed.GetConfig()
	spec := c.run.fixed.GetPersona().GetSpec()
	start := &assistantv1.SessionStart{RunId: c.run.id, Settings: c.settings(), Method: config.GetMethod(), Memory: c.method.memory, Scheme: c.method.scheme}
	if c.method.given {
		start.Given = spec
	}
	if c.method.rate {
		if config.ConstantPerHour != nil {
			start.ConstantPerHour = config.GetConstantPerHour()
		} else {
			low, high := judge.WantedBand(spec)
			start.ConstantPerHour = (low + high) / 2
		}
	}
	if id := c.chain.Adapter; id != "" {
		var err error
		if start.Adapter, err = c.adapter(ctx, id); err != nil {
			return nil, err
		}
	}
	return start, nil
}

// adapter fetches a trained adapter.
func (c *conductor) adapter(ctx context.Context, id string) (*assistantv1.Adapter, error) {
	resp, err := c.clients.Trainer.GetAdapter(ctx, &trainerv1.GetAdapterRequest{Id: id})
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", id, err)
	}
	return &assistantv1.Adapter{Id: id, Model: resp.GetManifest().GetModel(), Weights: resp.GetWeights()}, nil
}

func (c *conductor) checkOpened(who string, last int32) error {
	if last != c.chain.LastWaking {
		return fmt.Errorf("the %s opened its session at step %d, want %d: %w", who, last, c.chain.LastWaking, errs.ErrInternal)
	}
	return nil
}

// history sends the committed waking steps in chunks.
func (c *conductor) history(ctx context.Context, past func(*environmentv1.Step) *simv1.PastStep, send func([]*simv1.PastStep) error) error {
	if c.chain.LastWaking < 0 {
		return nil
	}
	var steps []*simv1.PastStep
	size := 0
	for entry, err := range c.journal.Entries(ctx, c.run.id, 0) {
		if err != nil {
			return err
		}
		step := entry.GetBody().GetStep()
		if step == nil || step.GetAction().GetAsleep() {
			continue
		}
		steps = append(steps, past(step))
		size += proto.Size(steps[len(steps)-1])
		if len(steps) == historySteps || size >= historyBytes {
			if err := send(steps); err != nil {
				return err
			}
			steps, size = nil, 0
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return send(steps)
}

// userPast is a step as the user knows it.
func userPast(step *environmentv1.Step) *simv1.PastStep {
	return &simv1.PastStep{Step: step.GetStep(), Action: step.GetAction(), Delivered: step.GetCandidates()[0], Score: step.GetEvaluations()[0].Total}
}

// assistantPast is a step as the assistant may know it: the score is told to
// methods that know scores alone.
func (c *conductor) assistantPast(step *environmentv1.Step) *simv1.PastStep {
	past := &simv1.PastStep{Step: step.GetStep(), Observation: step.GetObservation(), Delivered: step.GetCandidates()[0]}
	if c.method.memory == assistantv1.MemoryLevel_MEMORY_LEVEL_ARS {
		past.Score = step.GetEvaluations()[0].Total
	}
	return past
}

// closeSessions lets the services forget a run that is over. Where one is away
// there is nothing to forget.
func (s *Server) closeSessions(ctx context.Context, r *run) {
	_, userErr := s.clients.Users.CloseSession(ctx, &userv1.CloseSessionRequest{RunId: r.id})
	_, assistantErr := s.clients.Assistants.CloseSession(ctx, &assistantv1.CloseSessionRequest{RunId: r.id})
	if err := errors.Join(userErr, assistantErr); err != nil {
		s.log.Sugar().Debugw("sessions were not closed", "run", r.id, "error", err)
	}
}
