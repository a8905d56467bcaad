// Package rederive plays a recorded run again with the recorded answers of its
// models in their place, and compares what comes out: every prompt by its digest,
// actions, candidates, verdicts, pairs and notes. It needs no endpoint and no
// network.
package rederive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// Result says what was found.
type Result struct {
	// Steps that were played again and compared.
	Steps int
	// Prompts that were rendered again; all have the recorded digest.
	Prompts int
	// Fault names the first difference, with its step; empty for none.
	Fault string
}

// Modelled reports whether a model played a role of a run. The environment records
// the backends of every run, the embedded ones too.
func Modelled(run *environmentv1.Run) bool {
	b := run.GetConfig().GetBackends()
	for _, backend := range []*simv1.Backend{b.GetPlanner(), b.GetJudge(), b.GetAssistant(), b.GetSummarizer(), b.GetEmbedder()} {
		if backend.GetModel() != "" {
			return true
		}
	}
	return false
}

// DecidedElsewhere reports whether a third party's assistant answered in a run, or
// in one that it shares steps with. Such a run cannot be played again: that
// assistant is not here. all are the runs of the journal.
func DecidedElsewhere(run *environmentv1.Run, all []*environmentv1.Run) bool {
	byID := make(map[string]*environmentv1.Run, len(all))
	for _, r := range all {
		byID[r.GetId()] = r
	}
	for ; run != nil; run = byID[run.GetForkedFrom()] {
		if run.GetConfig().GetMethod().GetDecider() == simv1.Decider_DECIDER_CUSTOM {
			return true
		}
	}
	return false
}

// Run plays a run again; a fork after the run that it was forked from. c is the
// configuration of its folder; prompts is the folder of the templates that were
// kept with it, empty for the embedded ones. A difference is in the result; an
// error means that the run could not be played.
func Run(ctx context.Context, c *config.Config, recorded source.Source, run *environmentv1.Run, prompts string) (Result, error) {
	temporary, err := os.MkdirTemp("", "propersim-replay-*")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(temporary)
	d := &derivation{recorded: recorded, at: folder.Folder(temporary), again: *c}
	if err := d.at.Make(); err != nil {
		return Result{}, err
	}
	again := &d.again
	again.Models.Prompts = prompts
	again.Connect, again.Store, again.Backends.Index, again.Qdrant = config.Addresses{}, config.Store{}, "embedded", config.Qdrant{}
	played, prompted, err := d.derive(ctx, run)
	if err != nil {
		return Result{}, err
	}
	out, err := compare(ctx, d.at, recorded, run, played)
	out.Prompts = prompted
	return out, err
}

// derivation plays runs in a temporary folder.
type derivation struct {
	recorded source.Source
	at       folder.Folder
	again    config.Config
}

// derive plays a run, after those that it descends from, and returns it with the
// number of its prompts.
func (d *derivation) derive(ctx context.Context, run *environmentv1.Run) (*environmentv1.Run, int, error) {
	create := func(ctx context.Context, s *stack.Stack) (*environmentv1.Run, error) {
		made, err := s.Runs.CreateRun(ctx, &environmentv1.CreateRunRequest{Config: run.GetConfig(), RequestId: run.GetId()})
		return made.GetRun(), err
	}
	if run.GetForkedFrom() != "" {
		parent, err := d.parent(ctx, run)
		if err != nil {
			return nil, 0, err
		}
		create = func(ctx context.Context, s *stack.Stack) (*environmentv1.Run, error) {
			if !ended(parent.GetState()) { // its record ended within the day: nothing answers it any more
				if _, err := s.Runs.CancelRun(ctx, &environmentv1.CancelRunRequest{Id: parent.GetId()}); err != nil {
					return nil, err
				}
			}
			made, err := s.Runs.ForkRun(ctx, &environmentv1.ForkRunRequest{Id: parent.GetId(), AtStep: run.GetForkedAtStep(), Config: run.GetConfig()})
			return made.GetRun(), err
		}
	}
	replay := model.NewReplay(d.again.Models.Config())
	trained := &nights{recorded: make(map[int32]*environmentv1.Night), served: make(map[string]string)}
	steps, err := load(ctx, d.recorded, run, replay, trained)
	if err != nil {
		return nil, 0, err
	}
	opts := stack.Options{Config: &d.again, Store: d.at.Store(config.Store{}), Version: "replay", Asker: replay}
	if run.GetConfig().GetExecutor() == trainerv1.Executor_EXECUTOR_WORKER {
		opts.Trainer = trained
	}
	s, err := stack.Start(opts)
	if err != nil {
		return nil, 0, err
	}
	played, err := play(ctx, s, run, create, steps)
	return played, replay.Rendered(), errors.Join(err, s.Stop())
}

// parent plays the run that a fork was forked from, to the end of the day of the
// last shared step, and cancels what is left of it.
func (d *derivation) parent(ctx context.Context, fork *environmentv1.Run) (*environmentv1.Run, error) {
	runs, err := d.recorded.Runs(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r *environmentv1.Run) bool { return r.GetId() == fork.GetForkedFrom() })
	if i < 0 {
		return nil, fmt.Errorf("run %s, from which %s was forked, is not in the journal: %w", fork.GetForkedFrom(), fork.GetId(), errs.ErrNotFound)
	}
	parent := proto.CloneOf(runs[i])
	stepsPerDay := simtime.SecondsPerDay / parent.GetConfig().GetStepSeconds()
	parent.Config.Days = fork.GetForkedAtStep()/stepsPerDay + 1
	played, _, err := d.derive(ctx, parent)
	return played, err
}

// load gives the recorded answers and nights to those that replay them, and counts
// the recorded steps.
func load(ctx context.Context, recorded source.Source, run *environmentv1.Run, replay *model.Replay, trained *nights) (int32, error) {
	steps, adapter := int32(0), ""
	for e, err := range recorded.Entries(ctx, run.GetId(), 0) {
		if err != nil {
			return 0, err
		}
		adapter = trained.add(adapter, e.GetBody())
		if s := e.GetBody().GetStep(); s != nil {
			replay.Add(s.GetStep(), s.GetCalls())
			steps++
		}
	}
	return steps, nil
}

// play creates the run and conducts it until it is over, or until the record ends.
func play(ctx context.Context, s *stack.Stack, run *environmentv1.Run, create func(context.Context, *stack.Stack) (*environmentv1.Run, error), steps int32) (*environmentv1.Run, error) {
	if err := introduce(ctx, s, run.GetPersona()); err != nil {
		return nil, err
	}
	made, err := create(ctx, s)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := s.Runs.GetRun(ctx, &environmentv1.GetRunRequest{Id: made.GetId()})
		if err != nil {
			return nil, err
		}
		played := got.GetRun()
		if ended(played.GetState()) || played.GetProgress().GetSteps() > steps {
			return played, nil
		}
		select {
		case <-tick.C:
		case err := <-s.Failed():
			return nil, err
		case <-ctx.Done():
			return nil, errs.FromContext(ctx)
		}
	}
}

// ended reports whether a run does not continue by itself.
func ended(state environmentv1.RunState) bool {
	switch state {
	case environmentv1.RunState_RUN_STATE_FINISHED, environmentv1.RunState_RUN_STATE_FAILED, environmentv1.RunState_RUN_STATE_CANCELLED, environmentv1.RunState_RUN_STATE_PAUSED:
		return true
	}
	return false
}

// introduce adds the person of a run, unless it comes with the program.
func introduce(ctx context.Context, s *stack.Stack, p *simv1.Persona) error {
	_, err := s.Personas.GetPersona(ctx, &userv1.GetPersonaRequest{Id: p.GetId()})
	if errors.Is(err, errs.ErrNotFound) {
		_, err = s.Personas.CreatePersona(ctx, &userv1.CreatePersonaRequest{Persona: p})
	}
	return err
}

// compare compares the steps of the journal that was made now with the recorded
// ones.
func compare(ctx context.Context, at folder.Folder, recorded source.Source, run, played *environmentv1.Run) (Result, error) {
	now, err := source.Open(ctx, at.Store(config.Store{}).Journal)
	if err != nil {
		return Result{}, err
	}
	defer now.Close()
	made := make(map[int32]*environmentv1.Step)
	for e, err := range now.Entries(ctx, played.GetId(), 0) {
		if err != nil {
			return Result{}, err
		}
		if s := e.GetBody().GetStep(); s != nil {
			made[s.GetStep()] = s
		}
	}
	var out Result
	for e, err := range recorded.Entries(ctx, run.GetId(), 0) {
		if err != nil {
			return out, err
		}
		was := e.GetBody().GetStep()
		if was == nil {
			continue
		}
		is := made[was.GetStep()]
		if is == nil {
			out.Fault = fmt.Sprintf("step %d cannot be derived again: %s", was.GetStep(), played.GetReason())
			return out, nil
		}
		if difference := Difference(was, is); difference != "" {
			out.Fault = fmt.Sprintf("step %d: %s", was.GetStep(), difference)
			return out, nil
		}
		out.Steps++
	}
	return out, nil
}

// Difference names the first part in which two steps differ; empty where they
// agree. Calls for embeddings are left out: how often the index was filled
// depends on when the services were started.
func Difference(was, is *environmentv1.Step) string {
	for _, part := range []struct {
		name string
		same bool
	}{
		{"the action", proto.Equal(was.GetAction(), is.GetAction())},
		{"the observation", proto.Equal(was.GetObservation(), is.GetObservation())},
		{"the moment", proto.Equal(was.GetMoment(), is.GetMoment())},
		{"the candidates", equal(was.GetCandidates(), is.GetCandidates())},
		{"the evaluations", equal(was.GetEvaluations(), is.GetEvaluations())},
		{"the pair", proto.Equal(was.GetPair(), is.GetPair())},
		{"the further pairs", equal(was.GetFurtherPairs(), is.GetFurtherPairs())},
		{"the notes of the user", equal(was.GetUserNotes(), is.GetUserNotes())},
		{"the notes of the assistant", equal(was.GetAssistantNotes(), is.GetAssistantNotes())},
		{"the calls", equal(asked(was), asked(is))},
	} {
		if !part.same {
			return part.name + " are not what is on record"
		}
	}
	return ""
}

func asked(s *environmentv1.Step) []*simv1.ModelCall {
	var out []*simv1.ModelCall
	for _, call := range s.GetCalls() {
		if call.GetRole() != simv1.Role_ROLE_EMBEDDER {
			out = append(out, call)
		}
	}
	return out
}

func equal[M proto.Message](a, b []M) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !proto.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
