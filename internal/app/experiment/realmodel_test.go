package experiment_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/rederive"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/analysis/source"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// realModels returns a configuration in which a real small model plays every
// role. `make test-models` starts the servers and names them:
// PROPERSIM_TEST_MODELS is "CHAT_URL,EMBEDDINGS_URL".
func realModels(t *testing.T, sets ...string) *config.Config {
	t.Helper()
	chat, embeddings, ok := strings.Cut(os.Getenv("PROPERSIM_TEST_MODELS"), ",")
	if !ok {
		t.Skip("PROPERSIM_TEST_MODELS is not set; make test-models sets it")
	}
	loaded, err := config.Load(config.Sources{File: "../../../examples/models/llama-cpp.yaml", Sets: append([]string{
		"models.endpoints.chat.url=" + chat, "models.endpoints.embeddings.url=" + embeddings, "simulation.personas=1", "simulation.days=1",
	}, sets...)})
	require.NoError(t, err)
	return &loaded.Config
}

// realStep is the step of the test below: PROPERSIM_TEST_MODELS_STEP, or 20
// minutes, so that two waking hours are six steps.
func realStep() string {
	if step := os.Getenv("PROPERSIM_TEST_MODELS_STEP"); step != "" {
		return step
	}
	return "20m"
}

// TestARealModelInEveryRole plays one person through two waking hours with a real
// small model in every role, and derives the record again. With
// PROPERSIM_TEST_MODELS_RECORD the record stays in that folder.
func TestARealModelInEveryRole(t *testing.T) {
	c := realModels(t, "simulation.step="+realStep())
	at := realRecord(t)
	require.NoError(t, at.Make())
	run := liveForHours(t, c, at, 2)

	recorded, err := source.Open(t.Context(), filepath.Join(string(at), "journal.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, recorded.Close()) }()
	roles, outcomes := map[simv1.Role]int{}, map[string]int{}
	for e, err := range recorded.Entries(t.Context(), run.GetId(), 0) {
		require.NoError(t, err)
		for _, call := range e.GetBody().GetStep().GetCalls() {
			roles[call.GetRole()]++
			for _, attempt := range call.GetAttempts() {
				outcomes[call.GetRole().String()+" "+attempt.GetOutcome()]++
			}
		}
	}
	t.Logf("attempts by role and outcome: %v", outcomes)
	for _, role := range []simv1.Role{simv1.Role_ROLE_PLANNER, simv1.Role_ROLE_JUDGE, simv1.Role_ROLE_ASSISTANT, simv1.Role_ROLE_SUMMARIZER, simv1.Role_ROLE_EMBEDDER} {
		require.Positive(t, roles[role], "%v made no call", role)
	}
	if os.Getenv("PROPERSIM_TEST_MODELS_RECORD") == "" {
		derive(t, c, recorded, run)
	}
}

// realRecord is the folder of the record.
func realRecord(t *testing.T) folder.Folder {
	if dir := os.Getenv("PROPERSIM_TEST_MODELS_RECORD"); dir != "" {
		return folder.Folder(dir)
	}
	return folder.Folder(t.TempDir())
}

// derive derives a run again from its record, without any model.
func derive(t *testing.T, c *config.Config, recorded source.Source, run *environmentv1.Run) {
	t.Helper()
	result, err := rederive.Run(t.Context(), c, recorded, run, "")
	require.NoError(t, err)
	require.Empty(t, result.Fault)
	require.Positive(t, result.Steps)
	t.Logf("%d steps and %d prompts derived again without a model", result.Steps, result.Prompts)
}

// TestARecordIsDerivedAgainWithoutItsModel: the servers of the test above have
// been stopped, and its record is derived again.
func TestARecordIsDerivedAgainWithoutItsModel(t *testing.T) {
	if os.Getenv("PROPERSIM_TEST_MODELS_RECORD") == "" {
		t.Skip("PROPERSIM_TEST_MODELS_RECORD is not set; make test-models sets it")
	}
	c := realModels(t, "simulation.step="+realStep())
	for _, endpoint := range c.Models.Endpoints {
		server, err := url.Parse(endpoint.URLs[0])
		require.NoError(t, err)
		_, err = net.Dial("tcp", server.Host)
		require.ErrorIs(t, err, syscall.ECONNREFUSED, "the server must be stopped")
	}
	recorded, err := source.Open(t.Context(), realRecord(t).Store(c.Store).Journal)
	require.NoError(t, err)
	defer func() { require.NoError(t, recorded.Close()) }()
	runs, err := recorded.Runs(t.Context())
	require.NoError(t, err)
	require.Len(t, runs, 1)
	derive(t, c, recorded, runs[0])
}

// TestAnEstimateOfARealModel: within 25% in calls and tokens of what the day of a
// person then uses. It takes several minutes of the model's time:
// PROPERSIM_TEST_MODELS_ESTIMATE=1 asks for it.
func TestAnEstimateOfARealModel(t *testing.T) {
	if os.Getenv("PROPERSIM_TEST_MODELS_ESTIMATE") == "" {
		t.Skip("PROPERSIM_TEST_MODELS_ESTIMATE is not set")
	}
	requireEstimate(t, realModels(t, "simulation.step=1h"), func() {})
}

// liveForHours conducts the run of a folder until the person was awake for so
// many hours, and stops it.
func liveForHours(t *testing.T, c *config.Config, at folder.Folder, hours int32) *environmentv1.Run {
	t.Helper()
	s, err := stack.Start(stack.Options{Config: c, Store: at.Store(c.Store), Version: "test"})
	require.NoError(t, err)
	runs, err := experiment.Create(t.Context(), s, c, "models", experiment.Shard{})
	require.NoError(t, err)
	want := hours * 3600 / int32(c.Simulation.Step.Seconds())
	var run *environmentv1.Run
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		got, err := s.Runs.GetRun(t.Context(), &environmentv1.GetRunRequest{Id: runs[0].GetId()})
		require.NoError(t, err)
		run = got.GetRun()
		require.NotEqual(t, environmentv1.RunState_RUN_STATE_FAILED, run.GetState(), run.GetReason())
		require.Less(t, time.Since(began), 20*time.Minute, run.GetReason())
		if run.GetProgress().GetWakingSteps() >= want {
			break
		}
	}
	for role, used := range s.Usage() {
		t.Logf("%s: %d requests, %d + %d tokens", role, used.Requests, used.Prompt, used.Completion)
	}
	require.NoError(t, s.Stop())
	return run
}
