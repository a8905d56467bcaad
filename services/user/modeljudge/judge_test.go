package modeljudge_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/prompts"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/driver/judgetest"
	"github.com/propersim/propersim/services/user/modeljudge"
)

func drivers(t *testing.T, name, per string, server *fakemodel.Server) driver.Judges {
	t.Helper()
	e := model.DefaultEndpoint()
	e.URLs = []string{server.BaseURL()}
	cfg := model.Config{Endpoints: map[string]model.Endpoint{"test": e}, Roles: map[string]model.Role{"judge": {Endpoint: "test", Model: "fake", Per: per}}, Repairs: 1}
	client, err := model.New(t.Context(), cfg, model.Deps{Answers: filepath.Join(t.TempDir(), "answers.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close(context.Background())) })
	set, err := prompts.Load("")
	require.NoError(t, err)
	out, err := modeljudge.Drivers(name, client, set)
	require.NoError(t, err)
	return out
}

func TestConformance(t *testing.T) {
	for _, name := range []string{modeljudge.Model, modeljudge.Hybrid} {
		for _, per := range []string{"candidate", "criterion"} {
			t.Run(name+" per "+per, func(t *testing.T) {
				server := fakemodel.New(fakemodel.Config{})
				t.Cleanup(server.Close)
				judgetest.Run(t, drivers(t, name, per, server))
			})
		}
	}
}

func judgeAll(t *testing.T, d driver.Judges) []*simv1.Evaluation {
	t.Helper()
	j, err := d.New(judgetest.Life())
	require.NoError(t, err)
	all := judgetest.Candidates()
	out, effects, err := j.Judge(t.Context(), judgetest.Situations(t)["due"], append(all, all[0], all[3]))
	require.NoError(t, err)
	require.Len(t, effects.Timings, len(effects.Calls))
	return out
}

func TestAnAnswerThatCannotBeReadIsUnjudged(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Answer: func(*fakemodel.Request, int) string { return "4 of 4" }})
	t.Cleanup(server.Close)
	for _, e := range judgeAll(t, drivers(t, modeljudge.Model, "candidate", server)) {
		require.Nil(t, e.Total)
		for _, v := range e.GetVerdicts() {
			require.Equal(t, simv1.Outcome_OUTCOME_UNJUDGED, v.GetOutcome())
		}
	}
}

func TestEqualCandidatesAreJudgedOnce(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	out := judgeAll(t, drivers(t, modeljudge.Model, "criterion", server))
	require.Equal(t, out[0], out[5], "the same recommendation")
	require.Equal(t, out[3], out[6], "silence twice")
	require.Equal(t, 4*4, server.Calls(), "four different candidates by four criteria; a failure is not judged")
}

func TestAHybridAsksAboutContentAlone(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	out := judgeAll(t, drivers(t, modeljudge.Hybrid, "candidate", server))
	require.Equal(t, 3, server.Calls(), "three recommendations; silence is judged exactly")
	kinds := func(e *simv1.Evaluation) (out []simv1.JudgeKind) {
		for _, v := range e.GetVerdicts() {
			out = append(out, v.GetJudge())
		}
		return out
	}
	m, x := simv1.JudgeKind_JUDGE_KIND_MODEL, simv1.JudgeKind_JUDGE_KIND_EXACT
	require.Equal(t, []simv1.JudgeKind{m, x, x, m}, kinds(out[0]))
	require.Equal(t, []simv1.JudgeKind{x, x, x, x}, kinds(out[3]))
}

func TestThePromptHasTheCounts(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	judgeAll(t, drivers(t, modeljudge.Model, "candidate", server))
	text := server.Requests()[0].Prompt()
	require.Contains(t, text, "Recommendations so far today: 2. In the last hour: 0. Since the last one: 2 h 40 min.")
	require.Contains(t, text, "Not while I work.")
}
