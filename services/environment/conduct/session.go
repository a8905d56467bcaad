package conduct

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// Limits of one message of history, below the contract's 1000 steps and the
// 4 MiB that a gRPC server accepts by default.
const (
	historySteps = 500
	historyBytes = 1 << 20
)

// settings are those of a role, which has a seed of its own: a service learns
// neither the seed of the run nor who the person is.
func (r *runner) settings(role string) *simv1.Settings {
	config := r.run.Config()
	return &simv1.Settings{Seed: seeded.RoleSeed(config.GetSeed(), config.GetPersonaId(), role), StepSeconds: config.GetStepSeconds(), Days: config.GetDays()}
}

// openUser opens the user's session with the committed steps.
func (r *runner) openUser(ctx context.Context, moved func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // frees the stream where it is left early
	stream, err := r.Users.OpenSession(ctx)
	if err != nil {
		return err
	}
	backends := r.run.Config().GetBackends()
	start := &userv1.SessionStart{
		RunId: r.run.Handle(), Settings: r.settings(seeded.RoleUser), Persona: r.run.Fixed().GetPersona(), World: r.world,
		Planner: backends.GetPlanner(), Judge: backends.GetJudge(),
	}
	err = stream.Send(&userv1.OpenSessionRequest{Part: &userv1.OpenSessionRequest_Start{Start: start}})
	if err == nil {
		err = r.history(ctx, r.userPast, func(steps []*simv1.PastStep) error {
			defer moved()
			return stream.Send(&userv1.OpenSessionRequest{Part: &userv1.OpenSessionRequest_History{History: &userv1.History{Steps: steps}}})
		})
	}
	if err != nil && !errors.Is(err, io.EOF) { // EOF: the answer says why the stream ended
		return err
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	r.user.keep("open/", resp)
	return r.checkOpened("user", resp.GetLastStep())
}

// openAssistant opens the assistant's session with the committed steps and puts
// the run's adapter in force.
func (r *runner) openAssistant(ctx context.Context, moved func()) error {
	start, err := r.assistantStart(ctx)
	if err != nil {
		return err
	}
	moved()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.Assistants.OpenSession(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_Start{Start: start}})
	if err == nil {
		err = r.history(ctx, r.assistantPast, func(steps []*simv1.PastStep) error {
			defer moved()
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
	r.assistant.keep("open/", resp)
	return r.checkOpened("assistant", resp.GetLastStep())
}

// assistantStart says what the assistant may know: nothing of the user but what
// its method is told.
func (r *runner) assistantStart(ctx context.Context) (*assistantv1.SessionStart, error) {
	config := r.run.Config()
	backends := config.GetBackends()
	start := &assistantv1.SessionStart{
		RunId: r.run.Handle(), Settings: r.settings(seeded.RoleAssistant), Method: config.GetMethod(),
		Policy: backends.GetAssistant(), Summarizer: backends.GetSummarizer(), Embedder: backends.GetEmbedder(),
	}
	switch config.GetMethod().GetTold() {
	case simv1.Told_TOLD_RATE:
		start.ToldRate = config.GetConstantPerHour()
	case simv1.Told_TOLD_SPEC:
		start.ToldSpec = r.run.Fixed().GetPersona().GetSpec()
	}
	if id := r.chain.Adapter; id != "" && r.usesAdapters {
		var err error
		if start.Adapter, err = r.adapter(ctx, id); err != nil {
			return nil, err
		}
		if r.run.Fixed().GetForkedFrom() != "" {
			if _, err := r.Trainer.KeepAdapter(ctx, &trainerv1.KeepAdapterRequest{RunId: r.run.ID(), Adapter: id}); err != nil {
				return nil, err
			}
		}
	}
	return start, nil
}

// adapter returns an adapter with the name under which a model server serves it:
// empty for the embedded policy, and otherwise that of the job that made it. A fork
// may use an adapter of a run that it descends from.
func (r *runner) adapter(ctx context.Context, id string) (*assistantv1.Adapter, error) {
	if r.run.Config().GetExecutor() == trainerv1.Executor_EXECUTOR_EMBEDDED {
		return &assistantv1.Adapter{Id: id}, nil
	}
	from := r.run.Fixed().GetForkedFrom()
	for run := r.run.ID(); run != ""; {
		for job, err := range jobs(ctx, r.Trainer, run) {
			if err != nil {
				return nil, fmt.Errorf("adapter %s: %w", id, err)
			}
			if job.GetAdapter() == id && job.GetState() == trainerv1.JobState_JOB_STATE_ACTIVE {
				return adapterOf(job), nil
			}
		}
		run = from
		if run != "" {
			parent, err := r.Journal.Run(ctx, run)
			if err != nil {
				return nil, err
			}
			from = parent.GetForkedFrom()
		}
	}
	return nil, fmt.Errorf("the trainer has no active job that made adapter %s: %w", id, errs.ErrNotFound)
}

func (r *runner) checkOpened(who string, last int32) error {
	if last != r.chain.LastWaking {
		return fmt.Errorf("the %s opened its session at step %d, want %d: %w", who, last, r.chain.LastWaking, errs.ErrInternal)
	}
	return nil
}

// history sends the committed steps that a session may know, in chunks. past
// returns nil for the others.
func (r *runner) history(ctx context.Context, past func(*environmentv1.Step) *simv1.PastStep, send func([]*simv1.PastStep) error) error {
	if r.chain.Progress.GetSteps() == 0 {
		return nil
	}
	if r.unflushed > 0 { // they may have notes
		if err := r.chain.Flush(); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	var steps []*simv1.PastStep
	size := 0
	for entry, err := range r.Journal.Entries(ctx, r.run.ID(), 0) {
		if err != nil {
			return err
		}
		one := past(entry.GetBody().GetStep())
		if one == nil {
			continue
		}
		bytes := proto.Size(one)
		if len(steps) == historySteps || (len(steps) > 0 && size+bytes > historyBytes) {
			if err := send(steps); err != nil {
				return err
			}
			steps, size = nil, 0
		}
		steps, size = append(steps, one), size+bytes
	}
	if len(steps) == 0 {
		return nil
	}
	return send(steps)
}

// userPast is a step as the user knows it; nil for a night, and for a sleeping
// step without notes.
func (r *runner) userPast(step *environmentv1.Step) *simv1.PastStep {
	if step == nil || (step.GetAction().GetAsleep() && len(step.GetUserNotes()) == 0) {
		return nil
	}
	past := &simv1.PastStep{Step: step.GetStep(), Action: step.GetAction(), Notes: step.GetUserNotes()}
	if !step.GetAction().GetAsleep() {
		past.Delivered, past.Score = step.GetCandidates()[0], step.GetEvaluations()[0].Total
	}
	return past
}

// assistantPast is a step as the assistant may know it: the score only where its
// memory has scores. It is nil for a night, and for a sleeping step without
// notes.
func (r *runner) assistantPast(step *environmentv1.Step) *simv1.PastStep {
	if step == nil || (step.GetAction().GetAsleep() && len(step.GetAssistantNotes()) == 0) {
		return nil
	}
	past := &simv1.PastStep{Step: step.GetStep(), Notes: step.GetAssistantNotes()}
	if !step.GetAction().GetAsleep() {
		past.Observation, past.Delivered = step.GetObservation(), step.GetCandidates()[0]
		if r.run.Config().GetMethod().GetMemory() == simv1.MemoryLevel_MEMORY_LEVEL_ARS {
			past.Score = step.GetEvaluations()[0].Total
		}
	}
	return past
}
