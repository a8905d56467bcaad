package judgetest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/driver/judgetest"
)

func TestExact(t *testing.T) { judgetest.Run(t, driver.ExactJudges()) }

// TestHybrid judges as a hybrid judge does: timing and frequency by the exact
// rules, the others by somebody else.
func TestHybrid(t *testing.T) {
	judgetest.Run(t, judges(func(_ context.Context, s *driver.Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error) {
		var out []*simv1.Evaluation
		for _, c := range candidates {
			if c.GetFailure() != nil {
				out = append(out, judge.Unjudged(simv1.JudgeKind_JUDGE_KIND_MODEL, judge.FailureReason(c.GetFailure())))
				continue
			}
			verdicts := s.Reading.Verdicts(c, simv1.Criterion_CRITERION_TIMING, simv1.Criterion_CRITERION_FREQUENCY)
			for _, criterion := range []simv1.Criterion{simv1.Criterion_CRITERION_PREFERENCE, simv1.Criterion_CRITERION_COMMUNICATION} {
				verdicts = append(verdicts, &simv1.Verdict{Criterion: criterion, Outcome: simv1.Outcome_OUTCOME_PASS, Reason: "a stub", Judge: simv1.JudgeKind_JUDGE_KIND_MODEL})
			}
			out = append(out, judge.Sum(verdicts...))
		}
		return out, role.Effects{Calls: []*simv1.ModelCall{{Id: "judge/0", Role: simv1.Role_ROLE_JUDGE}}, Timings: []*simv1.CallTiming{{CallId: "judge/0"}}}, nil
	}))
}

type judgeFunc func(context.Context, *driver.Situation, []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error)

func (f judgeFunc) Judge(ctx context.Context, s *driver.Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error) {
	return f(ctx, s, candidates)
}

func judges(f judgeFunc) driver.Judges {
	return driver.Judges{Backend: &simv1.Backend{Driver: "test"}, New: func(driver.Life) (driver.Judge, error) { return f, nil }}
}

func TestTheSuiteFindsWhatIsWrong(t *testing.T) {
	exact, err := driver.ExactJudges().New(judgetest.Life())
	require.NoError(t, err)
	tests := map[string]struct {
		change func(all []*simv1.Evaluation, effects *role.Effects) []*simv1.Evaluation
		says   string
	}{
		"one missing": {func(all []*simv1.Evaluation, _ *role.Effects) []*simv1.Evaluation { return all[1:] }, "evaluations of"},
		"three verdicts": {func(all []*simv1.Evaluation, _ *role.Effects) []*simv1.Evaluation {
			all[0].Verdicts = all[0].Verdicts[1:]
			return all
		}, "3 verdicts"},
		"order": {func(all []*simv1.Evaluation, _ *role.Effects) []*simv1.Evaluation {
			v := all[0].Verdicts
			v[0], v[1] = v[1], v[0]
			return all
		}, "the order of the criteria"},
		"arithmetic": {func(all []*simv1.Evaluation, _ *role.Effects) []*simv1.Evaluation {
			all[0].Total = proto.Int32(all[0].GetTotal() + 1)
			return all
		}, "passes"},
		"a failure is silence": {func(all []*simv1.Evaluation, _ *role.Effects) []*simv1.Evaluation {
			if len(all) == 5 {
				all[4] = all[3]
			}
			return all
		}, "on a failure"},
		"open, but a total": {func(all []*simv1.Evaluation, _ *role.Effects) []*simv1.Evaluation {
			all[0].Verdicts[0].Outcome, all[0].Total = simv1.Outcome_OUTCOME_UNJUDGED, proto.Int32(3)
			return all
		}, "verdicts open"},
		"no reason": {func(all []*simv1.Evaluation, _ *role.Effects) []*simv1.Evaluation {
			all[0].Verdicts[3].Reason = ""
			return all
		}, "no reason"},
		"a note": {func(all []*simv1.Evaluation, e *role.Effects) []*simv1.Evaluation {
			e.Notes = append(e.Notes, &simv1.Note{Role: simv1.Role_ROLE_JUDGE, Key: "mood"})
			return all
		}, "remembers nothing"},
		"calls alike": {func(all []*simv1.Evaluation, e *role.Effects) []*simv1.Evaluation {
			call := &simv1.ModelCall{Id: "judge/0", Role: simv1.Role_ROLE_JUDGE}
			e.Calls = append(e.Calls, call, call)
			return all
		}, "an id of its own"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wrong := judges(func(ctx context.Context, s *driver.Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error) {
				all, effects, err := exact.Judge(ctx, s, candidates)
				for i := range all {
					all[i] = proto.CloneOf(all[i])
				}
				return tt.change(all, &effects), effects, err
			})
			require.ErrorContains(t, judgetest.Check(t.Context(), wrong, judgetest.Situations(t)["due"]), tt.says)
		})
	}
}

func TestTheSituationsDiffer(t *testing.T) {
	due := map[string]bool{}
	for name, s := range judgetest.Situations(t) {
		due[name] = s.Reading.Due
	}
	require.Equal(t, map[string]bool{"just up": true, "due": true, "spoken to": false, "at work": false, "the other day": false}, due)
	require.Len(t, judgetest.Situations(t)["due"].Today, 2)
	require.Len(t, judgetest.Situations(t)["the other day"].Today, 1)
}
