package user

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/planner"
	"github.com/propersim/propersim/worlds"
)

// BenchmarkSession measures what the service itself does for one waking step:
// Act, Evaluate with two candidates, Observe; no gRPC.
func BenchmarkSession(b *testing.B) {
	all, err := persona.Builtin()
	require.NoError(b, err)
	p := all[0].Persona
	spec, _ := rubric.Compile(p.GetRubric())
	rules, err := judge.Compile(spec)
	require.NoError(b, err)
	home, err := worlds.Get("home")
	require.NoError(b, err)
	p.Spec = spec
	embedded := drivers{planners: planner.Drivers(), judges: driver.ExactJudges()}
	s, err := embedded.session(&userv1.SessionStart{RunId: "bench", Persona: p, World: home, Settings: &simv1.Settings{Seed: 1, StepSeconds: 150, Days: 14}})
	require.NoError(b, err)
	candidates := []*simv1.Candidate{
		{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "There is a short novel by the window, and an hour for it.", Topic: "books", Tone: "warm"}}},
		{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}},
	}
	step, last := int32(0), int32(-1)
	b.ReportAllocs()
	for b.Loop() {
		if step == 14*576 {
			step, last = 0, -1
			s.history, s.latest = rules.NewHistory(s.scale), acted{}
		}
		answer, err := s.act(b.Context(), step, last)
		require.NoError(b, err)
		action := answer.plan.Action
		if !action.GetAsleep() {
			_, err := s.evaluate(b.Context(), &userv1.EvaluateRequest{Step: step, LastStep: last, Action: action, Candidates: candidates})
			require.NoError(b, err)
			require.NoError(b, s.observe(b.Context(), &simv1.PastStep{Step: step, Action: action, Delivered: candidates[step%2]}, last))
			last = step
		}
		step++
	}
}
