package judge_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/judge"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// lives takes a day of steps, 7:00 to 23:00, and counts what the best would do.
func lives(t *testing.T, s *simv1.PreferenceSpec, doing func(step int32) activity.Kind) (open, speaks, could int) {
	t.Helper()
	compiled, err := judge.Compile(s)
	require.NoError(t, err)
	best := compiled.NewBest(scale)
	for step := hour(7); step < hour(23); step++ {
		kind := doing(step)
		c := best.Step(step, kind)
		if c.Open {
			open++
		}
		if c.Speaks {
			speaks++
		}
		if c.Could {
			could++
		}
	}
	return open, speaks, could
}

func TestTheBestIsWhatADayAllows(t *testing.T) {
	reading := func(int32) activity.Kind { return activity.Reading }
	working := func(step int32) activity.Kind {
		if step >= hour(9) && step < hour(17) {
			return activity.Work
		}
		return activity.Reading
	}
	tests := map[string]struct {
		change        func(*simv1.PreferenceSpec)
		doing         func(int32) activity.Kind
		speaks, could int
	}{
		"two to four a day": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Frequency.AtMost = []*simv1.FrequencyBound{day(2)}, []*simv1.FrequencyBound{day(4)}
		}, reading, 2, 4},
		"hourly, not at work": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Frequency.AtMost = []*simv1.FrequencyBound{trailing(1, 60)}, []*simv1.FrequencyBound{trailing(1, 60)}
			s.Timing.Protected = []*simv1.MomentPattern{during("work")}
		}, working, 8, 8},
		"three wanted, one open moment": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Frequency.AtMost = []*simv1.FrequencyBound{day(3)}, []*simv1.FrequencyBound{trailing(1, 120)}
			s.Timing.Receptive = []*simv1.MomentPattern{clock(720, 780)}
		}, reading, 1, 1},
		"liked in the evening alone": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast = []*simv1.FrequencyBound{trailing(1, 60)}
			s.Content.Liked = []*simv1.ContentRule{{Topics: []string{"books"}, When: clock(1200, 1320)}}
		}, reading, 2, 2 * 24},
		"liked, but a boundary": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast = []*simv1.FrequencyBound{day(1)}
			s.Content.Liked = []*simv1.ContentRule{{Topics: []string{"investing"}}}
			s.Communication.Boundaries = []simv1.Boundary{simv1.Boundary_BOUNDARY_NO_MONEY}
		}, reading, 0, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := spec()
			tt.change(s)
			_, speaks, could := lives(t, s, tt.doing)
			require.Equal(t, tt.speaks, speaks, "the perfect assistant")
			require.Equal(t, tt.could, could, "the most that is welcome")
		})
	}
}

// TestThePerfectAssistantIsNeverWrong: what it does has full marks for what is not
// a matter of words, and silence is right wherever it is silent and could speak.
func TestThePerfectAssistantIsNeverWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compiled, err := judge.Compile(drawSpec(t))
		require.NoError(t, err)
		best, shadow := compiled.NewBest(scale), compiled.NewHistory(scale)
		kind := activity.Reading
		for step := hour(7); step < hour(23); step++ {
			if step%12 == 0 {
				kind = rapid.SampledFrom(activity.Kinds()).Draw(t, "kind")
			}
			r := shadow.Read(step, kind)
			c := best.Step(step, kind)
			verdicts := r.Verdicts(say("books", "warm", "A book."), simv1.Criterion_CRITERION_TIMING, simv1.Criterion_CRITERION_FREQUENCY)
			if c.Speaks {
				for _, v := range verdicts {
					require.Equal(t, simv1.Outcome_OUTCOME_PASS, v.GetOutcome())
				}
			} else {
				require.EqualValues(t, 4, r.Evaluate(silence()).GetTotal())
			}
			shadow.Observe(step, kind, c.Speaks)
		}
	})
}
