package experiment_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/estimate"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/rederive"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/model"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// allModels returns a configuration in which a server plays every role.
func allModels(t testing.TB, url string, sets ...string) *config.Config {
	t.Helper()
	sets = append([]string{
		"simulation.personas=1", "simulation.days=1", "simulation.methods=ars",
		"models.endpoints.test.url=" + url, "models.endpoints.test.slots=32",
		"backends.planner=model", "backends.judge=hybrid", "backends.assistant=model", "backends.summarizer=model", "backends.embedder=model",
	}, sets...)
	for _, role := range []string{"planner", "judge", "assistant", "summarizer", "embedder"} {
		sets = append(sets, "models.roles."+role+".endpoint=test", "models.roles."+role+".model=fake-"+role)
	}
	loaded, err := config.Load(config.Sources{Sets: sets})
	require.NoError(t, err)
	return &loaded.Config
}

// liveIn conducts the runs of a folder to their end and returns them.
func liveIn(t *testing.T, c *config.Config, at folder.Folder) ([]*environmentv1.Run, map[string]model.Totals) {
	t.Helper()
	require.NoError(t, at.Make())
	s, err := stack.Start(stack.Options{Config: c, Store: at.Store(c.Store), Version: "test"})
	require.NoError(t, err)
	runs, err := experiment.Create(t.Context(), s, c, "models", experiment.Shard{})
	require.NoError(t, err)
	runs, err = experiment.Resume(t.Context(), s, runs)
	require.NoError(t, err)
	require.NoError(t, experiment.Watch(t.Context(), s, runs, live.NewBoard(time.Now(), 0)))
	out := make([]*environmentv1.Run, len(runs))
	for i, r := range runs {
		got, err := s.Runs.GetRun(t.Context(), &environmentv1.GetRunRequest{Id: r.GetId()})
		require.NoError(t, err)
		out[i] = got.GetRun()
	}
	usage := s.Usage()
	require.NoError(t, s.Stop())
	return out, usage
}

// recordedUsage sums the calls of a journal up by role.
func recordedUsage(t *testing.T, dsn string) map[simv1.Role]model.Totals {
	t.Helper()
	s, err := source.Open(t.Context(), dsn)
	require.NoError(t, err)
	defer s.Close()
	runs, err := s.Runs(t.Context())
	require.NoError(t, err)
	out := make(map[simv1.Role]model.Totals)
	for _, r := range runs {
		for e, err := range s.Entries(t.Context(), r.GetId(), 0) {
			require.NoError(t, err)
			for _, call := range e.GetBody().GetStep().GetCalls() {
				if call.GetCached() {
					continue // nothing was paid
				}
				sum := out[call.GetRole()]
				sum.Prompt += int64(call.GetPromptTokens())
				sum.Completion += int64(call.GetCompletionTokens())
				out[call.GetRole()] = sum
			}
		}
	}
	return out
}

func TestADayWithAModelInEveryRole(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	at := folder.Folder(t.TempDir())
	// Two people, who share some texts. The question how many dimensions an embedding
	// has is on the record of the first moment that is embedded.
	c := allModels(t, server.BaseURL(), "simulation.personas=1-2")
	runs, usage := liveIn(t, c, at)
	require.Equal(t, environmentv1.RunState_RUN_STATE_FINISHED, runs[0].GetState(), runs[0].GetReason())
	require.Equal(t, "fake-judge", runs[0].GetConfig().GetBackends().GetJudge().GetModel())
	recorded := recordedUsage(t, filepath.Join(string(at), "journal.db"))
	for role, name := range map[simv1.Role]string{
		simv1.Role_ROLE_PLANNER: model.Planner, simv1.Role_ROLE_JUDGE: model.Judge, simv1.Role_ROLE_ASSISTANT: model.Assistant,
		simv1.Role_ROLE_SUMMARIZER: model.Summarizer, simv1.Role_ROLE_EMBEDDER: model.Embedder,
	} {
		require.Positive(t, recorded[role].Prompt, name)
		require.Equal(t, usage[name].Prompt, recorded[role].Prompt, "the records of the %s and its totals agree", name)
		require.Equal(t, usage[name].Completion, recorded[role].Completion, name)
	}
}

func TestASpentBudgetPausesAndAHigherOneGoesOn(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	at := folder.Folder(t.TempDir())
	runs, usage := liveInUntil(t, allModels(t, server.BaseURL(), "models.budget.tokens=100000"), at, environmentv1.RunState_RUN_STATE_PAUSED)
	require.Equal(t, environmentv1.RunState_RUN_STATE_PAUSED, runs.GetState())
	require.Contains(t, runs.GetReason(), "models.budget")
	spent := int64(0)
	for _, t := range usage {
		spent += t.Tokens()
	}
	require.LessOrEqual(t, spent, int64(100000))
	require.Greater(t, spent, int64(90000))
	done, usage := liveIn(t, allModels(t, server.BaseURL(), "models.budget.tokens=100000000"), at)
	require.Equal(t, environmentv1.RunState_RUN_STATE_FINISHED, done[0].GetState(), done[0].GetReason())
	recorded := recordedUsage(t, filepath.Join(string(at), "journal.db"))
	for role, name := range map[simv1.Role]string{simv1.Role_ROLE_JUDGE: model.Judge, simv1.Role_ROLE_ASSISTANT: model.Assistant} {
		require.Equal(t, usage[name].Tokens(), recorded[role].Tokens(), "the records of the %s and its totals agree across the pause", name)
	}
}

// liveInUntil conducts the run of a folder until it is in a state.
func liveInUntil(t *testing.T, c *config.Config, at folder.Folder, state environmentv1.RunState) (*environmentv1.Run, map[string]model.Totals) {
	t.Helper()
	require.NoError(t, at.Make())
	s, err := stack.Start(stack.Options{Config: c, Store: at.Store(c.Store), Version: "test"})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop()) }()
	runs, err := experiment.Create(t.Context(), s, c, "models", experiment.Shard{})
	require.NoError(t, err)
	var run *environmentv1.Run
	require.Eventually(t, func() bool {
		got, err := s.Runs.GetRun(t.Context(), &environmentv1.GetRunRequest{Id: runs[0].GetId()})
		require.NoError(t, err)
		run = got.GetRun()
		return run.GetState() == state || run.GetState() == environmentv1.RunState_RUN_STATE_FAILED
	}, time.Minute, 5*time.Millisecond)
	return run, s.Usage()
}

// TestARecordedRunIsDerivedAgainWithoutAnEndpoint: prompts by digest,
// candidates, verdicts, pairs and notes; and a changed record is noticed.
func TestARecordedRunIsDerivedAgainWithoutAnEndpoint(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Answer: func(r *fakemodel.Request, i int) string {
		if r.Number%9 == 0 && len(r.Input) == 0 {
			return "not JSON"
		}
		return fakemodel.Random(r)
	}})
	at := folder.Folder(t.TempDir())
	c := allModels(t, server.BaseURL(), "models.endpoints.test.n=false")
	runs, _ := liveIn(t, c, at)
	require.Equal(t, environmentv1.RunState_RUN_STATE_FINISHED, runs[0].GetState(), runs[0].GetReason())
	server.Close()
	recorded, err := source.Open(t.Context(), filepath.Join(string(at), "journal.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, recorded.Close()) })
	result, err := rederive.Run(t.Context(), c, recorded, runs[0], "")
	require.NoError(t, err)
	require.Empty(t, result.Fault)
	require.Equal(t, 576, result.Steps)
	require.Greater(t, result.Prompts, 500)
	require.True(t, rederive.Modelled(runs[0]))

	own := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(own, "judge"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(own, "judge", "candidate.tmpl"), []byte(`{{define "system"}}Judge.{{end}}{{define "user"}}{{.Said}}{{end}}`), 0o644))
	result, err = rederive.Run(t.Context(), c, recorded, runs[0], own)
	if err == nil {
		require.Contains(t, result.Fault, "step")
	} else {
		require.ErrorContains(t, err, "prompts")
	}
}

// TestARunWithoutModelsIsNotPlayedAgain: its backends are on record, but none of them
// is a model, so that there are no prompts to compare.
func TestARunWithoutModelsIsNotPlayedAgain(t *testing.T) {
	loaded, err := config.Load(config.Sources{Sets: []string{"simulation.personas=1", "simulation.days=1", "simulation.step=1h"}})
	require.NoError(t, err)
	runs, _ := liveIn(t, &loaded.Config, folder.Folder(t.TempDir()))
	require.NotNil(t, runs[0].GetConfig().GetBackends())
	require.False(t, rederive.Modelled(runs[0]))
}

// TestAnEstimateIsNearWhatIsUsed: within 25% in calls and tokens of what the run
// then uses on the test server.
func TestAnEstimateIsNearWhatIsUsed(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	c := allModels(t, server.BaseURL())
	requireEstimate(t, c, func() { require.Less(t, server.Calls(), 110, "an estimate asks for a few answers of each kind") })
}

// requireEstimate requires that an estimate is within 25%, in calls and in tokens,
// of what the run then uses. estimated is called between the two.
func requireEstimate(t *testing.T, c *config.Config, estimated func()) {
	t.Helper()
	rows, err := estimate.Run(t.Context(), c)
	require.NoError(t, err)
	estimated()
	runs, usage := liveIn(t, c, folder.Folder(t.TempDir()))
	var requests, tokens, wantRequests, wantTokens int64
	for _, r := range rows {
		used := usage[r.Role]
		t.Logf("%s: estimated %d calls, %d + %d tokens; used %d, %d + %d", r.Role, r.Requests, r.Prompt, r.Completion, used.Requests, used.Prompt, used.Completion)
		requests, tokens = requests+r.Requests, tokens+r.Prompt+r.Completion
		wantRequests, wantTokens = wantRequests+used.Requests, wantTokens+used.Tokens()
	}
	for _, run := range runs {
		require.Equal(t, environmentv1.RunState_RUN_STATE_FINISHED, run.GetState(), run.GetReason())
	}
	t.Logf("estimated %d calls and %d tokens; used %d and %d", requests, tokens, wantRequests, wantTokens)
	require.InEpsilon(t, wantRequests, requests, 0.25)
	require.InEpsilon(t, wantTokens, tokens, 0.25)
}
