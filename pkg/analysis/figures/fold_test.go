package figures_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// moment is one hand-made step: asleep, or awake with what was delivered.
type moment struct {
	asleep, given, due bool
	passed             int // criteria passed, in the order of the contract; -1 leaves the step unjudged
	pair               bool
}

func run(persona, method string) *environmentv1.Run {
	high, low := simv1.TraitLevel_TRAIT_LEVEL_HIGH, simv1.TraitLevel_TRAIT_LEVEL_LOW
	return &environmentv1.Run{
		Id:     persona + "-" + method,
		State:  environmentv1.RunState_RUN_STATE_FINISHED,
		Config: &environmentv1.RunConfig{Method: &simv1.Method{Name: method}, Seed: 7, StepSeconds: 1800},
		Persona: &simv1.Persona{
			Id: persona, Name: persona,
			BigFive: &simv1.BigFive{Extraversion: high, Agreeableness: low, Conscientiousness: high, Neuroticism: low, Openness: high},
			Spec: &simv1.PreferenceSpec{
				Frequency: &simv1.FrequencySpec{
					AtLeast: []*simv1.FrequencyBound{{Count: 8, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}},
					AtMost:  []*simv1.FrequencyBound{{Count: 16, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}},
				},
				Timing: &simv1.TimingSpec{}, Content: &simv1.ContentSpec{}, Communication: &simv1.CommunicationSpec{},
			},
		},
	}
}

func evaluation(passed int) *simv1.Evaluation {
	e := &simv1.Evaluation{}
	for i := range 4 {
		v := &simv1.Verdict{Criterion: simv1.Criterion(i + 1), Outcome: simv1.Outcome_OUTCOME_FAIL}
		switch {
		case passed < 0:
			v.Outcome = simv1.Outcome_OUTCOME_UNJUDGED
		case i < passed:
			v.Outcome = simv1.Outcome_OUTCOME_PASS
		}
		e.Verdicts = append(e.Verdicts, v)
	}
	if passed >= 0 {
		total := int32(passed)
		e.Total = &total
	}
	return e
}

func step(number, day int32, m moment) *environmentv1.EntryBody {
	s := &environmentv1.Step{Step: number, Day: day, Action: &simv1.Action{Asleep: m.asleep}}
	if !m.asleep {
		c := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
		if m.given {
			c = &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "a walk"}}}
		}
		s.Candidates = []*simv1.Candidate{c}
		s.Evaluations = []*simv1.Evaluation{evaluation(m.passed)}
		s.Moment = &simv1.Moment{Due: m.due}
		s.Adapter = "a1"
		if m.pair {
			s.Pair = &environmentv1.Pair{}
		}
	}
	return &environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: s}}
}

func fold(t *testing.T, r *environmentv1.Run, days ...[]moment) figures.Run {
	t.Helper()
	f := figures.NewFold(r)
	sequence := int64(0)
	add := func(body *environmentv1.EntryBody) {
		sequence++
		require.NoError(t, f.Add(&environmentv1.Entry{Sequence: sequence, Hash: "h", Body: body}))
	}
	number := int32(0)
	for i, day := range days {
		for _, m := range day {
			add(step(number, int32(i+1), m))
			number++
		}
		if i < len(days)-1 {
			add(&environmentv1.EntryBody{Event: &environmentv1.EntryBody_Night{Night: &environmentv1.Night{
				Day: int32(i + 1), Adapter: "a1", Metrics: &trainerv1.TrainingMetrics{Loss: 0.5, Margin: 1, Accuracy: 0.75},
			}}})
		}
	}
	return f.Run()
}

func TestDueMoments(t *testing.T) {
	due, quiet := moment{due: true, passed: 1}, moment{passed: 4}
	served := moment{due: true, given: true, passed: 4}
	sleep := moment{asleep: true}
	for name, c := range map[string]struct {
		days            [][]moment
		moments, served int
	}{
		"none":                                 {[][]moment{{quiet, quiet}}, 0, 0},
		"a stretch is one moment":              {[][]moment{{due, due, due, quiet}}, 1, 0},
		"served at its end":                    {[][]moment{{due, due, served, quiet}}, 1, 1},
		"due again begins another":             {[][]moment{{due, served, due, quiet}}, 2, 1},
		"two served in a row":                  {[][]moment{{served, served}}, 2, 2},
		"sleep ends it":                        {[][]moment{{due, sleep, due}}, 2, 0},
		"a day's end ends it":                  {[][]moment{{due}, {due, served}}, 2, 1},
		"speaking when not due serves nothing": {[][]moment{{{given: true, passed: 3}, due}}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var sum figures.Tally
			for _, d := range fold(t, run("ada", "proper"), c.days...).Days {
				sum.Add(d.Counts)
			}
			require.Equal(t, c.moments, sum.DueMoments)
			require.Equal(t, c.served, sum.DueServed)
		})
	}
}

// TestTheBandIsWhatTheLifeOffered: a perfect assistant cannot speak while the
// user is at work, and is wanted no more than it can speak.
func TestTheBandIsWhatTheLifeOffered(t *testing.T) {
	day := func(kind string, hours int) (out []*environmentv1.EntryBody) {
		for number := range int32(2 * hours) { // steps of half an hour from midnight
			body := step(number, 1, moment{passed: 4})
			body.GetStep().Action.Kind = kind
			if number < 14 || number >= 46 {
				body = step(number, 1, moment{asleep: true})
			}
			out = append(out, body)
		}
		return out
	}
	for name, c := range map[string]struct {
		kind      string
		protected string
		low, high float64 // recommendations in 16 waking hours
	}{
		"open":    {"reading", "work", 8, 16},
		"at work": {"work", "work", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := run("ada", "proper")
			r.Persona.Spec.Timing.Protected = []*simv1.MomentPattern{{Activity: &simv1.ActivityPattern{
				Kinds: []string{c.protected}, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING,
			}}}
			f := figures.NewFold(r)
			for i, body := range day(c.kind, 24) {
				require.NoError(t, f.Add(&environmentv1.Entry{Sequence: int64(i + 1), Hash: "h", Body: body}))
			}
			require.Equal(t, figures.Band{Min: c.low / 16, Max: c.high / 16}, f.Run().Days[0].Wanted)
		})
	}
	r := run("ada", "proper")
	r.Persona.Spec.Content.Liked = []*simv1.ContentRule{{Topics: []string{"ufos"}}}
	require.ErrorIs(t, figures.NewFold(r).Add(&environmentv1.Entry{Sequence: 1}), errs.ErrInvalid)
}

func TestRatesOfADay(t *testing.T) {
	got := fold(t, run("ada", "proper"), []moment{
		{asleep: true},
		{given: true, due: true, passed: 4, pair: true},
		{given: true, passed: 2},
		{given: true, passed: -1},
		{passed: 4},
		{passed: 1, due: true},
	}, []moment{{asleep: true}})
	require.Equal(t, map[string]string{
		"extraversion": "high", "agreeableness": "low", "conscientiousness": "high", "neuroticism": "low", "openness": "high",
	}, got.BigFive)
	day := got.Days[0]
	require.Equal(t, 6, day.Steps)
	require.Equal(t, 5, day.WakingSteps)
	require.InDelta(t, 11.0/4, *day.MeanScore, 1e-12)
	require.InDelta(t, 3, *day.MeanScoreGiven, 1e-12)
	require.InDelta(t, 2.5, *day.MeanScoreSilent, 1e-12)
	require.InDelta(t, 1, *day.Criteria.Preference, 1e-12, "unjudged verdicts do not count")
	require.InDelta(t, 0.75, *day.Criteria.Timing, 1e-12)
	require.InDelta(t, 0.5, *day.CriteriaSilent.Timing, 1e-12)
	require.InDelta(t, 0.5, *day.CriteriaGiven.Communication, 1e-12)
	require.Equal(t, 3, day.Recommendations)
	require.InDelta(t, 3/2.5, *day.PerWakingHour, 1e-12)
	require.Equal(t, figures.Band{Min: 2, Max: 2}, day.Wanted)
	require.InDelta(t, 0.5, *day.SuccessRate, 1e-12)
	require.InDelta(t, 1.0/3, *day.Precision, 1e-12)
	require.InDelta(t, 0.5, *day.Recall, 1e-12)
	require.Equal(t, 1, day.Unjudged)
	require.Equal(t, 1, day.Pairs)
	require.Equal(t, "a1", day.Adapter)
	require.Equal(t, &figures.Training{Loss: 0.5, Margin: 1, Accuracy: 0.75}, day.Training)

	asleep := got.Days[1]
	require.Nil(t, asleep.MeanScore)
	require.Nil(t, asleep.PerWakingHour)
	require.Nil(t, asleep.Recall)
	require.Nil(t, asleep.Precision)
	require.Nil(t, asleep.SuccessRate)
	require.Nil(t, asleep.Training)
}

func TestAGapInTheSequenceIsDataLoss(t *testing.T) {
	f := figures.NewFold(run("ada", "proper"))
	err := f.Add(&environmentv1.Entry{Sequence: 2, Body: step(0, 1, moment{asleep: true})})
	require.ErrorIs(t, err, errs.ErrDataLoss)
	require.ErrorContains(t, err, "ada-proper")
}
