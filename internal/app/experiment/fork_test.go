package experiment_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/rederive"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/analysis/source"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// TestAForkOfAModelRunIsDerivedAgain: the shared steps with the settings of the
// parent, the others with those of the fork.
func TestAForkOfAModelRunIsDerivedAgain(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string { return fakemodel.Random(r) }})
	at := folder.Folder(t.TempDir())
	c := allModels(t, server.BaseURL())
	runs, _ := liveIn(t, c, at)
	require.Equal(t, environmentv1.RunState_RUN_STATE_FINISHED, runs[0].GetState(), runs[0].GetReason())

	s, err := stack.Start(stack.Options{Config: c, Store: at.Store(c.Store), Version: "test"})
	require.NoError(t, err)
	config := proto.CloneOf(runs[0].GetConfig())
	config.Candidates++
	config.Method = &simv1.Method{Name: "ars"}
	_, err = s.Runs.ForkRun(t.Context(), &environmentv1.ForkRunRequest{Id: runs[0].GetId(), AtStep: 300, Config: config})
	require.NoError(t, err)
	forks, err := experiment.Forks(t.Context(), s, runs, "models")
	require.NoError(t, err)
	require.Len(t, forks, 1)
	require.NoError(t, experiment.Watch(t.Context(), s, forks, live.NewBoard(time.Now(), 0)))
	require.NoError(t, s.Stop())
	server.Close()

	recorded, err := source.Open(t.Context(), filepath.Join(string(at), "journal.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, recorded.Close()) })
	result, err := rederive.Run(t.Context(), c, recorded, forks[0], "")
	require.NoError(t, err)
	require.Empty(t, result.Fault)
	require.Equal(t, 576, result.Steps)
	require.Positive(t, result.Prompts)
}
