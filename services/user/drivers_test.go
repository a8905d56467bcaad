package user_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/driver/plannertest"
	"github.com/propersim/propersim/services/user/planner"
)

// journal keeps what a conductor commits: every waking step, and every sleeping
// one that has notes.
type journal struct {
	steps []*simv1.PastStep
	last  int32
	acts  []*userv1.ActResponse
}

// conduct lives the steps [from, to) of a run and commits them.
func (j *journal) conduct(t *testing.T, agents userv1.UserAgentServiceClient, run string, from, to int32) {
	t.Helper()
	for step := from; step < to; step++ {
		act, err := agents.Act(t.Context(), &userv1.ActRequest{RunId: run, Step: step, LastStep: j.last})
		require.NoError(t, err)
		j.acts = append(j.acts, act)
		past := &simv1.PastStep{Step: step, Action: act.GetAction(), Notes: act.GetNotes()}
		if act.GetAction().GetAsleep() {
			if len(past.Notes) > 0 {
				j.steps = append(j.steps, past)
			}
			continue
		}
		past.Delivered = silence()
		if step%40 == 0 {
			past.Delivered = say()
		}
		_, err = agents.Evaluate(t.Context(), &userv1.EvaluateRequest{RunId: run, Step: step, LastStep: j.last, Action: act.GetAction(), Candidates: []*simv1.Candidate{past.Delivered}})
		require.NoError(t, err)
		_, err = agents.Observe(t.Context(), &userv1.ObserveRequest{RunId: run, LastStep: j.last, Past: past})
		require.NoError(t, err)
		j.steps, j.last = append(j.steps, past), step
	}
}

// TestARunKilledAtNoonKeepsItsDay lives by a planner whose decisions are random
// and not seeded: only the notes in the history can bring them back.
func TestARunKilledAtNoonKeepsItsDay(t *testing.T) {
	const noon, evening = 576 + 12*24, 2*576 - 1
	cfg := user.Config{DSN: ":memory:", Planners: plannertest.Unseeded()}
	_, agents := startWith(t, cfg)
	s := begin(t, "r")
	s.Planner = &simv1.Backend{Driver: "unseeded"}
	_, err := open(t, agents, s)
	require.NoError(t, err)
	whole := journal{last: -1}
	whole.conduct(t, agents, "r", 0, noon)
	committed, last := whole.steps, whole.last
	whole.conduct(t, agents, "r", noon, evening)

	_, restarted := startWith(t, cfg)
	at, err := open(t, restarted, s, committed...)
	require.NoError(t, err)
	require.Equal(t, last, at)
	again := journal{last: last}
	again.conduct(t, restarted, "r", noon, evening)
	require.Len(t, again.acts, evening-noon)
	for i, act := range again.acts {
		require.True(t, proto.Equal(whole.acts[noon+i], act), "step %d: %v, want %v", noon+i, act, whole.acts[noon+i])
	}

	for _, step := range committed { // the same without its notes is another day
		step.Notes = nil
	}
	_, forgetful := startWith(t, cfg)
	_, err = open(t, forgetful, s, awake(committed)...)
	require.NoError(t, err)
	other := journal{last: last}
	other.conduct(t, forgetful, "r", noon, evening)
	differ := 0
	for i, act := range other.acts {
		if act.GetAction().GetDescription() != whole.acts[noon+i].GetAction().GetDescription() {
			differ++
		}
	}
	require.Greater(t, differ, 50)
}

func awake(steps []*simv1.PastStep) (out []*simv1.PastStep) {
	for _, step := range steps {
		if !step.GetAction().GetAsleep() {
			out = append(out, step)
		}
	}
	return out
}

// TestALostAnswerIsGivenAgain: a conductor that did not get the answer of Act
// gets the same one, with the note that is not committed yet.
func TestALostAnswerIsGivenAgain(t *testing.T) {
	_, agents := startWith(t, user.Config{DSN: ":memory:", Planners: plannertest.Unseeded()})
	_, err := open(t, agents, begin(t, "r"))
	require.NoError(t, err)
	req := &userv1.ActRequest{RunId: "r", Step: 200, LastStep: -1}
	first, err := agents.Act(t.Context(), req)
	require.NoError(t, err)
	require.NotEmpty(t, first.GetNotes())
	again, err := agents.Act(t.Context(), req)
	require.NoError(t, err)
	require.True(t, proto.Equal(first, again))
}

// slow plans only when it is released.
type slow struct {
	driver.Planner
	began   chan struct{}
	release chan error
}

func (s *slow) Act(ctx context.Context, step int32) (driver.Plan, role.Effects, error) {
	s.began <- struct{}{}
	select {
	case err := <-s.release:
		if err != nil {
			return driver.Plan{}, role.Effects{}, err
		}
		return s.Planner.Act(ctx, step)
	case <-ctx.Done():
		return driver.Plan{}, role.Effects{}, errs.FromContext(ctx)
	}
}

// TestASlowPlanDelaysNobodyElse: while one run waits for a plan, others live, and
// the run's own session still judges and gives up when its caller does.
func TestASlowPlanDelaysNobodyElse(t *testing.T) {
	began, release := make(chan struct{}), make(chan error)
	planners := driver.Planners{Backend: &simv1.Backend{Driver: "slow"}, New: func(life driver.Life) (driver.Planner, error) {
		p, err := planner.New(life.Persona, life.World, life.Settings)
		if life.RunID == "waits" {
			return &slow{Planner: p, began: began, release: release}, err
		}
		return p, err
	}}
	_, agents := startWith(t, user.Config{DSN: ":memory:", Planners: planners})
	for _, run := range []string{"waits", "lives"} {
		_, err := open(t, agents, begin(t, run))
		require.NoError(t, err)
	}
	act := func(ctx context.Context, run string) error {
		_, err := agents.Act(ctx, &userv1.ActRequest{RunId: run, Step: 200, LastStep: -1})
		return err
	}
	planned := make(chan error, 1)
	go func() { planned <- act(t.Context(), "waits") }()
	<-began
	require.NoError(t, act(t.Context(), "lives"))
	_, err := agents.Evaluate(t.Context(), &userv1.EvaluateRequest{RunId: "waits", Step: 200, LastStep: -1, Action: reading(), Candidates: []*simv1.Candidate{say()}})
	require.NoError(t, err, "judging needs no planner")

	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- act(ctx, "waits") }()
	cancel()
	require.ErrorIs(t, <-gaveUp, errs.ErrCanceled, "who waits for the planner can give up")

	release <- errs.ErrUnavailable
	require.ErrorIs(t, <-planned, errs.ErrUnavailable, "a failed plan is an error, not a pause")
	go func() { planned <- act(t.Context(), "waits") }()
	<-began
	release <- nil
	require.NoError(t, <-planned, "and the next attempt may succeed")
}

// TestJudgingKeepsNoLock: while a judge thinks, the session continues; a verdict on
// a moment that is over is refused.
func TestJudgingKeepsNoLock(t *testing.T) {
	began, release := make(chan *driver.Situation), make(chan error)
	exact, err := driver.ExactJudges().New(driver.Life{})
	require.NoError(t, err)
	judges := driver.Judges{Backend: &simv1.Backend{Driver: "slow"}, New: func(driver.Life) (driver.Judge, error) {
		return judgeFunc(func(ctx context.Context, s *driver.Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error) {
			began <- s
			if err := <-release; err != nil {
				return nil, role.Effects{}, err
			}
			return exact.Judge(ctx, s, candidates)
		}), nil
	}}
	_, agents := startWith(t, user.Config{DSN: ":memory:", Judges: judges})
	_, err = open(t, agents, begin(t, "r"))
	require.NoError(t, err)
	evaluate := func() <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := agents.Evaluate(t.Context(), &userv1.EvaluateRequest{RunId: "r", Step: 200, LastStep: -1, Action: reading(), Candidates: []*simv1.Candidate{say(), silence()}})
			done <- err
		}()
		return done
	}
	judged := evaluate()
	<-began
	release <- errors.Join(errs.ErrUnavailable)
	require.ErrorIs(t, <-judged, errs.ErrUnavailable, "no verdict is invented")

	judged = evaluate()
	s := <-began
	require.True(t, s.Reading.Due)
	_, err = agents.Act(t.Context(), &userv1.ActRequest{RunId: "r", Step: 200, LastStep: -1})
	require.NoError(t, err)
	_, err = agents.Observe(t.Context(), &userv1.ObserveRequest{RunId: "r", LastStep: -1, Past: &simv1.PastStep{Step: 200, Action: reading(), Delivered: say()}})
	require.NoError(t, err)
	require.True(t, s.Reading.Due, "the situation stays what it was")
	release <- nil
	require.ErrorIs(t, <-judged, errs.ErrSessionBehind)
}

type judgeFunc func(context.Context, *driver.Situation, []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error)

func (f judgeFunc) Judge(ctx context.Context, s *driver.Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error) {
	return f(ctx, s, candidates)
}

// TestCallsOfDriversReachTheCaller: what a driver did is part of the answer.
func TestCallsOfDriversReachTheCaller(t *testing.T) {
	exact, err := driver.ExactJudges().New(driver.Life{})
	require.NoError(t, err)
	judges := driver.Judges{Backend: &simv1.Backend{Driver: "model", Model: "m"}, New: func(driver.Life) (driver.Judge, error) {
		return judgeFunc(func(ctx context.Context, s *driver.Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error) {
			out, effects, err := exact.Judge(ctx, s, candidates)
			effects.Calls = []*simv1.ModelCall{{Id: "judge/0", Role: simv1.Role_ROLE_JUDGE}}
			effects.Timings = []*simv1.CallTiming{{CallId: "judge/0"}}
			return out, effects, err
		}), nil
	}}
	_, agents := startWith(t, user.Config{DSN: ":memory:", Judges: judges})
	s := begin(t, "r")
	s.Judge = &simv1.Backend{Driver: "model", Model: "m"}
	_, err = open(t, agents, s)
	require.NoError(t, err)
	got, err := agents.Evaluate(t.Context(), &userv1.EvaluateRequest{RunId: "r", Step: 200, LastStep: -1, Action: reading(), Candidates: []*simv1.Candidate{
		{Choice: &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: "truncated"}}},
	}})
	require.NoError(t, err)
	require.Len(t, got.GetCalls(), 1)
	require.Len(t, got.GetTimings(), 1)
	require.Nil(t, got.GetEvaluations()[0].Total)

	s.Judge.Model = "another"
	_, err = open(t, agents, s)
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	require.Equal(t, "start.judge.model", faults[0].Field)
}

// TestAFailureCountsAsSilence: a failed answer that was delivered is no
// recommendation in what the judge counts.
func TestAFailureCountsAsSilence(t *testing.T) {
	_, agents := start(t, ":memory:")
	failure := &simv1.Candidate{Choice: &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: "empty"}}}
	for run, delivered := range map[string]*simv1.Candidate{"failed": failure, "silent": silence(), "said": say()} {
		_, err := open(t, agents, begin(t, run), &simv1.PastStep{Step: 200, Action: reading(), Delivered: delivered})
		require.NoError(t, err)
		got, err := agents.Evaluate(t.Context(), &userv1.EvaluateRequest{RunId: run, Step: 201, LastStep: 200, Action: reading(), Candidates: []*simv1.Candidate{silence()}})
		require.NoError(t, err)
		require.Equal(t, run != "said", got.GetMoment().GetDue(), run)
	}
}
