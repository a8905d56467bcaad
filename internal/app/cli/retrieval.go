package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (a *app) retrieval() *cobra.Command {
	parent := &cobra.Command{Use: "retrieval", Short: "Rebuild the index of past moments"}
	cmd := &cobra.Command{
		Use: "rebuild RUN", Short: "Rebuild the index of a run from its journal", Args: exact(1),
		Long: `Deletes the entries of a run from the index and writes them again from the journal,
e.g. after the disk of the index was lost. A run in progress is paused meanwhile. The
services are called on their default ports unless flags give other addresses.`,
		Example: "  propersim retrieval rebuild ava-lindqvist-proper-s1-0badcafe",
	}
	flags := connectFlags("")
	bind(cmd, flags)
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		loaded, err := a.load(cmd, flags)
		if err != nil {
			return err
		}
		return a.rebuild(cmd.Context(), loaded, args[0])
	})
	parent.AddCommand(cmd)
	return parent
}

// index holds the three services that a rebuild speaks to.
type index struct {
	runs       environmentv1.RunServiceClient
	assistants assistantv1.AssistantServiceClient
	retrieval  retrievalv1.RetrievalServiceClient
}

func (a *app) rebuild(ctx context.Context, loaded *config.Loaded, id string) (err error) {
	var x index
	for _, service := range []string{"environment", "assistant", "retrieval"} {
		conn, dialErr := stack.DialService(service, &loaded.Config)
		if dialErr != nil {
			return usage(dialErr)
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		switch service {
		case "environment":
			x.runs = environmentv1.NewRunServiceClient(conn)
		case "assistant":
			x.assistants = assistantv1.NewAssistantServiceClient(conn)
		default:
			x.retrieval = retrievalv1.NewRetrievalServiceClient(conn)
		}
	}
	got, err := x.runs.GetRun(ctx, &environmentv1.GetRunRequest{Id: id})
	if err != nil {
		return err
	}
	method := got.GetRun().GetConfig().GetMethod()
	if !remembersMoments(method) {
		return fmt.Errorf("run %s: method %s remembers no moments, there is no index to rebuild: %w", id, method.GetName(), errs.ErrPrecondition)
	}
	before, err := x.retrieval.Count(ctx, &retrievalv1.CountRequest{Tenant: got.GetRun().GetHandle()})
	if err != nil {
		return err
	}
	if err := x.refill(ctx, got.GetRun()); err != nil {
		return err
	}
	after, err := x.retrieval.Count(ctx, &retrievalv1.CountRequest{Tenant: got.GetRun().GetHandle()})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s: %d moments in the index, %d before\n", id, after.GetCount(), before.GetCount())
	return err
}

// remembersMoments reports whether a method searches an index of past moments.
func remembersMoments(m *simv1.Method) bool {
	return m.GetDecider() == simv1.Decider_DECIDER_POLICY && m.GetMemory() >= simv1.MemoryLevel_MEMORY_LEVEL_AR
}

// refill holds a run still, empties its index and has the assistant fill it
// from the history. The session this leaves closed is opened again, by the
// environment, at the run's next step.
func (x index) refill(ctx context.Context, r *environmentv1.Run) error {
	goesOn := false
	switch r.GetState() {
	case environmentv1.RunState_RUN_STATE_QUEUED, environmentv1.RunState_RUN_STATE_RUNNING, environmentv1.RunState_RUN_STATE_WAITING:
		goesOn = true
		if err := x.hold(ctx, r.GetId()); err != nil {
			return err
		}
	}
	_, err := x.retrieval.Delete(ctx, &retrievalv1.DeleteRequest{Tenant: r.GetHandle(), DeleteTenant: true})
	if err == nil {
		err = x.remember(ctx, r)
	}
	if goesOn {
		_, resumed := x.runs.ResumeRun(ctx, &environmentv1.ResumeRunRequest{Id: r.GetId()})
		err = errors.Join(err, resumed)
	}
	return err
}

// hold pauses a run and waits for its present step to end.
func (x index) hold(ctx context.Context, id string) error {
	if _, err := x.runs.PauseRun(ctx, &environmentv1.PauseRunRequest{Id: id}); err != nil {
		return err
	}
	for {
		got, err := x.runs.GetRun(ctx, &environmentv1.GetRunRequest{Id: id})
		if err != nil {
			return err
		}
		if got.GetRun().GetState() == environmentv1.RunState_RUN_STATE_PAUSED {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// remember opens a session with the run's whole history, which fills the index,
// and closes it.
func (x index) remember(ctx context.Context, r *environmentv1.Run) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := x.assistants.OpenSession(ctx)
	if err != nil {
		return err
	}
	c := r.GetConfig()
	err = stream.Send(&assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_Start{Start: &assistantv1.SessionStart{
		RunId: r.GetHandle(), Method: c.GetMethod(),
		Settings: &simv1.Settings{Seed: seeded.RoleSeed(c.GetSeed(), r.GetPersona().GetId(), seeded.RoleAssistant), StepSeconds: c.GetStepSeconds(), Days: c.GetDays()},
	}}})
	for token := ""; err == nil; {
		page, listed := x.runs.ListEntries(ctx, &environmentv1.ListEntriesRequest{RunId: r.GetId(), PageSize: 1000, PageToken: token})
		if listed != nil {
			return listed
		}
		err = stream.Send(&assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_History{History: pastOf(page.GetEntries(), c.GetMethod().GetMemory())}})
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		return err
	}
	_, err = x.assistants.CloseSession(ctx, &assistantv1.CloseSessionRequest{RunId: r.GetHandle()})
	return err
}

// pastOf returns the steps of a page as the assistant may know them.
func pastOf(entries []*environmentv1.Entry, memory simv1.MemoryLevel) *assistantv1.History {
	history := &assistantv1.History{}
	for _, e := range entries {
		step := e.GetBody().GetStep()
		asleep := step.GetAction().GetAsleep()
		if step == nil || (asleep && len(step.GetAssistantNotes()) == 0) {
			continue
		}
		past := &simv1.PastStep{Step: step.GetStep(), Notes: step.GetAssistantNotes()}
		if !asleep {
			past.Observation, past.Delivered = step.GetObservation(), step.GetCandidates()[0]
			if memory == simv1.MemoryLevel_MEMORY_LEVEL_ARS {
				past.Score = step.GetEvaluations()[0].Total
			}
		}
		history.Steps = append(history.Steps, past)
	}
	return history
}
