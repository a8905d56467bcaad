package judge_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/judge"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func failure() *simv1.Candidate {
	return &simv1.Candidate{Choice: &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: "truncated"}}}
}

func TestAFailureHasNoVerdictAndNoTotal(t *testing.T) {
	s := spec()
	s.Frequency.AtLeast = []*simv1.FrequencyBound{trailing(1, 60)}
	r := read(t, s, nil, hour(9), activity.Reading)
	require.True(t, r.Due)
	e := r.Evaluate(failure())
	require.Len(t, e.GetVerdicts(), 4)
	require.Nil(t, e.Total)
	for _, v := range e.GetVerdicts() {
		require.Equal(t, simv1.Outcome_OUTCOME_UNJUDGED, v.GetOutcome())
		require.Contains(t, v.GetReason(), "truncated")
	}
	require.True(t, proto.Equal(e, judge.Unjudged(simv1.JudgeKind_JUDGE_KIND_EXACT, judge.FailureReason(failure().GetFailure()))))
}

func TestPartsOfAJudgementMakeTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compiled, err := judge.Compile(drawSpec(t))
		require.NoError(t, err)
		r := live(t, compiled.NewHistory(scale))
		candidate := rapid.SampledFrom([]*simv1.Candidate{drawCandidate(t), silence(), failure()}).Draw(t, "candidate")
		exact := r.Verdicts(candidate, simv1.Criterion_CRITERION_FREQUENCY, simv1.Criterion_CRITERION_TIMING)
		require.Equal(t, simv1.Criterion_CRITERION_FREQUENCY, exact[0].GetCriterion(), "in the order asked for")
		others := r.Verdicts(candidate, simv1.Criterion_CRITERION_PREFERENCE, simv1.Criterion_CRITERION_COMMUNICATION)
		require.True(t, proto.Equal(r.Evaluate(candidate), judge.Sum(append(exact, others...)...)))
	})
}

func TestSumRefusesAnIncompleteJudgement(t *testing.T) {
	r := read(t, spec(), nil, hour(9), activity.Reading)
	require.Panics(t, func() { judge.Sum(r.Verdicts(silence(), simv1.Criterion_CRITERION_TIMING)...) })
	timing := simv1.Criterion_CRITERION_TIMING
	require.Panics(t, func() { judge.Sum(r.Verdicts(silence(), timing, timing, timing, timing)...) })
}

func TestASnapshotKeepsItsMoment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compiled, err := judge.Compile(drawSpec(t))
		require.NoError(t, err)
		h := compiled.NewHistory(scale)
		live(t, h)
		step, kind := h.Last()+1, rapid.SampledFrom(activity.Kinds()).Draw(t, "kind")
		before := h.Read(step, kind)
		candidate := drawCandidate(t)
		want, quiet, counts := before.Evaluate(candidate), before.Evaluate(silence()), before.Counts()
		snapshot := h.Snapshot()
		for i := range int32(1200) { // two days: everything in the window is replaced
			h.Observe(step+i, activity.Gaming, i%3 == 0)
		}
		after := snapshot.Read(step, kind)
		require.True(t, proto.Equal(want, after.Evaluate(candidate)))
		require.True(t, proto.Equal(quiet, after.Evaluate(silence())))
		require.Equal(t, counts, after.Counts())
	})
}

func TestCountsSayWhatAJudgeCannotCount(t *testing.T) {
	s := spec()
	s.Frequency.AtLeast = []*simv1.FrequencyBound{trailing(2, 180), slots(1, clock(420, 540), clock(1200, 1320))}
	s.Frequency.AtMost = []*simv1.FrequencyBound{day(4)}
	r := read(t, s, []past{{hour(7), hour(12), activity.Reading, []int32{hour(8), hour(11), hour(11) + 12}}}, hour(12), activity.Lunch)
	require.Equal(t, []judge.Count{
		{Least: true, Window: "in the last 3 h", Minutes: 180, Now: true, Given: 2, Limit: 2},
		{Least: true, Window: "07:00-09:00", Given: 1, Limit: 1},
		{Least: true, Window: "20:00-22:00", Given: 0, Limit: 1},
		{Window: "today", Now: true, Given: 3, Limit: 4},
	}, r.Counts())
	require.Equal(t, 3, r.Today())
	require.EqualValues(t, 12*3600, r.SecondOfDay())
	require.EqualValues(t, 1, r.Day())
	require.Equal(t, 300.0, r.SinceWaking())
	minutes, ok := r.SinceLast()
	require.True(t, ok)
	require.Equal(t, 30.0, minutes)

	r = read(t, s, []past{{hour(7), hour(12), activity.Reading, []int32{hour(8)}}}, hour(24+9), activity.Reading)
	_, ok = r.SinceLast()
	require.False(t, ok, "more than 24 hours ago")
	require.Zero(t, r.Today())
}
