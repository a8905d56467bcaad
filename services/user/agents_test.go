package user_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/worlds"
)

func begin(t testing.TB, run string) *userv1.SessionStart {
	t.Helper()
	home, err := worlds.Get("home")
	require.NoError(t, err)
	p := person()
	p.Id, p.Spec = "test-person", spec()
	return &userv1.SessionStart{
		RunId: run, Persona: p, World: home,
		Settings: &simv1.Settings{Seed: 11, StepSeconds: 150, Days: 2},
	}
}

// day lives through steps [from, to), speaking at every spoken-th waking step,
// and returns what was committed and judged.
func day(t testing.TB, agents userv1.UserAgentServiceClient, run string, from, to, last int32, spoken int) (past []*simv1.PastStep, judged []*userv1.EvaluateResponse) {
	t.Helper()
	for step := from; step < to; step++ {
		act, err := agents.Act(t.Context(), &userv1.ActRequest{RunId: run, Step: step, LastStep: last})
		require.NoError(t, err)
		if act.GetAction().GetAsleep() {
			require.Nil(t, act.GetObservation())
			continue
		}
		delivered := silence()
		if len(past)%spoken == 0 {
			delivered = say()
		}
		e, err := agents.Evaluate(t.Context(), &userv1.EvaluateRequest{RunId: run, Step: step, LastStep: last, Action: act.GetAction(), Candidates: []*simv1.Candidate{delivered, say()}})
		require.NoError(t, err)
		require.Len(t, e.GetEvaluations(), 2)
		p := &simv1.PastStep{Step: step, Action: act.GetAction(), Delivered: delivered, Score: e.GetEvaluations()[0].Total}
		_, err = agents.Observe(t.Context(), &userv1.ObserveRequest{RunId: run, LastStep: last, Past: p})
		require.NoError(t, err)
		past, judged, last = append(past, p), append(judged, e), step
	}
	return past, judged
}

func TestASessionIsAFold(t *testing.T) {
	_, agents := start(t, ":memory:")
	last, err := open(t, agents, begin(t, "whole"))
	require.NoError(t, err)
	require.EqualValues(t, -1, last)
	past, judged := day(t, agents, "whole", 0, 2*576, -1, 9)
	require.Greater(t, len(past), 700)

	for _, cut := range []int{1, 100, 400, len(past) - 1} {
		last, err := open(t, agents, begin(t, "again"), past[:cut]...)
		require.NoError(t, err)
		require.Equal(t, past[cut-1].GetStep(), last)
		for i := cut; i < min(cut+40, len(past)); i++ {
			e, err := agents.Evaluate(t.Context(), &userv1.EvaluateRequest{
				RunId: "again", Step: past[i].GetStep(), LastStep: past[i-1].GetStep(), Action: past[i].GetAction(),
				Candidates: []*simv1.Candidate{past[i].GetDelivered(), say()},
			})
			require.NoError(t, err)
			require.True(t, proto.Equal(judged[i], e), "a reopened session judges alike")
			_, err = agents.Observe(t.Context(), &userv1.ObserveRequest{RunId: "again", LastStep: past[i-1].GetStep(), Past: past[i]})
			require.NoError(t, err)
		}
	}
}

func TestJudgingChangesNothing(t *testing.T) {
	_, agents := start(t, ":memory:")
	_, err := open(t, agents, begin(t, "r"))
	require.NoError(t, err)
	req := &userv1.EvaluateRequest{RunId: "r", Step: 200, LastStep: -1, Action: reading(), Candidates: []*simv1.Candidate{say(), silence()}}
	first, err := agents.Evaluate(t.Context(), req)
	require.NoError(t, err)
	for range 3 {
		again, err := agents.Evaluate(t.Context(), req)
		require.NoError(t, err)
		require.True(t, proto.Equal(first, again))
	}
	require.True(t, first.GetMoment().GetDue())
	require.EqualValues(t, 4, first.GetEvaluations()[0].GetTotal())
	require.Less(t, first.GetEvaluations()[1].GetTotal(), int32(4))
}

func TestSessionsKeepTheirPlace(t *testing.T) {
	_, agents := start(t, ":memory:")
	act := func(step, last int32) error {
		_, err := agents.Act(t.Context(), &userv1.ActRequest{RunId: "r", Step: step, LastStep: last})
		return err
	}
	observe := func(step, last int32) error {
		_, err := agents.Observe(t.Context(), &userv1.ObserveRequest{RunId: "r", LastStep: last, Past: &simv1.PastStep{
			Step: step, Action: &simv1.Action{Kind: "reading", Description: "reading"}, Delivered: say(),
		}})
		return err
	}
	require.ErrorIs(t, act(0, -1), errs.ErrSessionNotFound)
	_, err := open(t, agents, begin(t, "r"))
	require.NoError(t, err)
	require.NoError(t, act(200, -1))
	require.NoError(t, act(200, -1), "repeatable")
	require.ErrorIs(t, act(200, 199), errs.ErrSessionBehind)
	require.ErrorIs(t, observe(200, 199), errs.ErrSessionBehind)
	require.NoError(t, observe(200, -1))
	require.NoError(t, observe(200, -1), "seen already")
	require.ErrorIs(t, act(201, -1), errs.ErrSessionBehind)
	require.ErrorIs(t, act(200, 200), errs.ErrInvalid)
	require.NoError(t, act(201, 200))

	_, err = agents.Evaluate(t.Context(), &userv1.EvaluateRequest{RunId: "r", Step: 576, LastStep: 200, Action: &simv1.Action{Kind: "sleep", Asleep: true}, Candidates: []*simv1.Candidate{say()}})
	require.ErrorIs(t, err, errs.ErrPrecondition, "asleep")
	for range 2 {
		_, err = agents.CloseSession(t.Context(), &userv1.CloseSessionRequest{RunId: "r"})
		require.NoError(t, err)
	}
	require.ErrorIs(t, act(201, 200), errs.ErrSessionNotFound)
}

func TestFaultyOpenings(t *testing.T) {
	_, agents := start(t, ":memory:")
	tests := map[string]struct {
		change func(*userv1.SessionStart)
		past   []*simv1.PastStep
		field  string
	}{
		"no spec":     {change: func(s *userv1.SessionStart) { s.Persona.Spec = nil }, field: "start.persona.spec"},
		"odd step":    {change: func(s *userv1.SessionStart) { s.Settings.StepSeconds = 157 }, field: "start.settings.step_seconds"},
		"no way out":  {change: func(s *userv1.SessionStart) { s.World.Doors = nil }, field: "start.world.rooms[1]"},
		"no note":     {past: []*simv1.PastStep{{Step: 3, Action: &simv1.Action{Kind: "sleep", Asleep: true}}}, field: "history.steps[0].action.asleep"},
		"whose note":  {past: []*simv1.PastStep{{Step: 3, Action: &simv1.Action{Kind: "reading"}, Delivered: silence(), Notes: []*simv1.Note{{Role: simv1.Role_ROLE_JUDGE, Key: "x"}}}}, field: "history.steps[0].notes[0].role"},
		"a model's":   {past: []*simv1.PastStep{{Step: 3, Action: &simv1.Action{Kind: "reading"}, Delivered: silence(), Notes: []*simv1.Note{{Role: simv1.Role_ROLE_PLANNER, Key: "day/1"}}}}, field: "history.steps[0].notes[0].key"},
		"planner":     {change: func(s *userv1.SessionStart) { s.Planner = &simv1.Backend{Driver: "model", Model: "m"} }, field: "start.planner.driver"},
		"judge":       {change: func(s *userv1.SessionStart) { s.Judge = &simv1.Backend{Driver: "hybrid"} }, field: "start.judge.driver"},
		"judge model": {change: func(s *userv1.SessionStart) { s.Judge = &simv1.Backend{Driver: "exact", Model: "m"} }, field: "start.judge.model"},
		"options": {change: func(s *userv1.SessionStart) {
			s.Judge = &simv1.Backend{Driver: "exact", Options: map[string]string{"per": "criterion"}}
		}, field: `start.judge.options["per"]`},
		"no action":   {past: []*simv1.PastStep{{Step: 3, Delivered: silence()}}, field: "history.steps[0].action"},
		"out of turn": {past: []*simv1.PastStep{{Step: 3, Action: &simv1.Action{Kind: "reading"}, Delivered: silence()}, {Step: 3, Action: &simv1.Action{Kind: "reading"}, Delivered: silence()}}, field: "history.steps[1].step"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := begin(t, "faulty")
			if test.change != nil {
				test.change(s)
			}
			_, err := open(t, agents, s, test.past...)
			var faults errs.Violations
			require.ErrorAs(t, err, &faults)
			require.Equal(t, test.field, faults[0].Field)
			_, err = agents.Act(t.Context(), &userv1.ActRequest{RunId: "faulty", LastStep: -1})
			require.ErrorIs(t, err, errs.ErrSessionNotFound, "no session came of it")
		})
	}
}

func BenchmarkWakingStep(b *testing.B) {
	_, agents := start(b, ":memory:")
	_, err := open(b, agents, begin(b, "bench"))
	require.NoError(b, err)
	for b.Loop() {
		_, err := agents.Act(b.Context(), &userv1.ActRequest{RunId: "bench", Step: 300, LastStep: -1})
		require.NoError(b, err)
		_, err = agents.Evaluate(b.Context(), &userv1.EvaluateRequest{RunId: "bench", Step: 300, LastStep: -1, Action: reading(), Candidates: []*simv1.Candidate{say(), silence()}})
		require.NoError(b, err)
	}
}
