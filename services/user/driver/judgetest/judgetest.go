// Package judgetest is the suite that every judge passes, whoever judges: the
// form of a judgement, its arithmetic, and what happens to what nobody can judge.
// Whether a verdict is right is not its matter.
package judgetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/judge"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/worlds"
)

// Run runs the suite.
func Run(t *testing.T, drivers driver.Judges) {
	require.NotEmpty(t, drivers.Backend.GetDriver())
	for name, s := range Situations(t) {
		t.Run(name, func(t *testing.T) { require.NoError(t, Check(t.Context(), drivers, s)) })
	}
	t.Run("at once", func(t *testing.T) { checkConcurrent(t, drivers) })
	t.Run("cancelled", func(t *testing.T) { checkCancelled(t, drivers) })
}

// Life is the life in which the suite judges.
func Life() driver.Life {
	home, err := worlds.Get("home")
	if err != nil {
		panic(fmt.Sprintf("judgetest: %v", err)) // the worlds come with the program
	}
	high := simv1.TraitLevel_TRAIT_LEVEL_HIGH
	return driver.Life{
		RunID: "judgetest", World: home, Settings: &simv1.Settings{Seed: 1, StepSeconds: 150, Days: 3},
		Persona: &simv1.Persona{
			Id: "judgetest", Name: "Ida Falk", Age: 52, Background: "Keeps the books of a small theatre, from home.",
			BigFive:          &simv1.BigFive{Extraversion: high, Agreeableness: high, Conscientiousness: high, Neuroticism: high, Openness: high},
			CurrentInterests: []string{"short stories"}, Lifestyle: "I get up at 7:00 and go to bed at 23:00.",
			DailyPlanRequirements: []string{"work from 9:00 to 12:00"}, LongTermGoals: []string{"read more"},
			Rubric: &simv1.Rubric{
				PersonalPreference: "I like books and films, no sports.", Timing: "Not while I work.",
				Frequency: "At least once every two hours, never twice within an hour.", CommunicationSafety: "Warm, under 30 words.",
			},
			Spec: &simv1.PreferenceSpec{
				Frequency: &simv1.FrequencySpec{
					AtLeast: []*simv1.FrequencyBound{{Count: 1, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: 120}}},
					AtMost:  []*simv1.FrequencyBound{{Count: 1, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: 60}}},
				},
				Timing: &simv1.TimingSpec{Protected: []*simv1.MomentPattern{{Name: "at work", Activity: &simv1.ActivityPattern{
					Kinds: []string{"work"}, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING,
				}}}},
				Content:       &simv1.ContentSpec{Liked: []*simv1.ContentRule{{Topics: []string{"books", "films"}}}, Disliked: []*simv1.ContentRule{{Topics: []string{"sports"}}}},
				Communication: &simv1.CommunicationSpec{Tones: []string{"warm"}, MaxWords: 30},
			},
		},
	}
}

// Situations are moments of that life: just up, due, spoken to a minute ago, at
// work, and on the second day.
func Situations(t testing.TB) map[string]*driver.Situation {
	t.Helper()
	return map[string]*driver.Situation{
		"just up":       situation(t, 168, "wake_up"),
		"due":           situation(t, 264, "reading", 170, 200),
		"spoken to":     situation(t, 264, "reading", 170, 263),
		"at work":       situation(t, 264, "work", 170),
		"the other day": situation(t, 576+220, "lunch", 170, 200, 576+190),
	}
}

// situation is the moment of a step of somebody who was awake from 7 to 23 o'clock
// on every day, reading, and was recommended something at the given steps.
func situation(t testing.TB, step int32, kind activity.Kind, given ...int32) *driver.Situation {
	t.Helper()
	rules, err := judge.Compile(Life().Persona.GetSpec())
	require.NoError(t, err)
	history := rules.NewHistory(150)
	out := &driver.Situation{Action: &simv1.Action{Kind: string(kind), Description: "doing " + string(kind), Room: "living-room", Object: "sofa", StartedStep: step - 1}}
	for at := int32(168); at < step; at++ {
		if at%576 < 168 || at%576 >= 552 {
			continue
		}
		said := len(given) > 0 && given[0] == at
		history.Observe(at, activity.Reading, said)
		if !said {
			continue
		}
		given = given[1:]
		if at/576 == step/576 {
			out.Today = append(out.Today, &simv1.PastStep{Step: at, Action: &simv1.Action{Kind: "reading", Description: "reading"}, Delivered: welcome(), Score: proto.Int32(3)})
		}
	}
	reading := history.Read(step, kind)
	out.Reading = &reading
	return out
}

func welcome() *simv1.Candidate {
	return recommendation("books", "warm", "There is a new short story, dear.")
}

func recommendation(topic, tone, text string) *simv1.Candidate {
	return &simv1.Candidate{Completion: text, Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Topic: topic, Tone: tone, Text: text}}}
}

// Candidates are one of each kind, among them text that names nothing known.
func Candidates() []*simv1.Candidate {
	return []*simv1.Candidate{
		welcome(),
		recommendation("sports", "energetic", "The match begins!"),
		recommendation("", "", "Hm."),
		{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}},
		{Choice: &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: "malformed", Detail: "no JSON"}}, Completion: "{\"rec"},
	}
}

// Check judges every set of candidates in a situation and reports a judgement
// that breaks the rules of driver.Judge.
func Check(ctx context.Context, drivers driver.Judges, s *driver.Situation) error {
	j, err := drivers.New(Life())
	if err != nil {
		return err
	}
	all := Candidates()
	for _, candidates := range [][]*simv1.Candidate{all, all[:1], all[3:4], all[4:], {all[4], all[0]}} {
		if err := judgeOnce(ctx, j, s, candidates); err != nil {
			return err
		}
	}
	return nil
}

func judgeOnce(ctx context.Context, j driver.Judge, s *driver.Situation, candidates []*simv1.Candidate) error {
	action := proto.CloneOf(s.Action)
	before := make([]*simv1.Candidate, len(candidates))
	for i, c := range candidates {
		before[i] = proto.CloneOf(c)
	}
	evaluations, effects, err := j.Judge(ctx, s, candidates)
	if err != nil {
		return err
	}
	if len(evaluations) != len(candidates) {
		return fmt.Errorf("%d evaluations of %d candidates", len(evaluations), len(candidates))
	}
	for i, c := range candidates {
		if !proto.Equal(c, before[i]) || !proto.Equal(s.Action, action) {
			return fmt.Errorf("candidate %d or the action was changed", i)
		}
		if err := checkEvaluation(evaluations[i], c.GetFailure() != nil); err != nil {
			return fmt.Errorf("candidate %d (%s): %w", i, c.GetCompletion(), err)
		}
	}
	if len(effects.Notes) > 0 {
		return fmt.Errorf("made the note %q; a judge remembers nothing", effects.Notes[0].GetKey())
	}
	ids := map[string]bool{}
	for _, call := range effects.Calls {
		if call.GetId() == "" || ids[call.GetId()] || call.GetRole() != simv1.Role_ROLE_JUDGE {
			return fmt.Errorf("call %q of %v: want an id of its own, and ROLE_JUDGE", call.GetId(), call.GetRole())
		}
		ids[call.GetId()] = true
	}
	for _, timing := range effects.Timings {
		if !ids[timing.GetCallId()] {
			return fmt.Errorf("timing of %q: there is no such call", timing.GetCallId())
		}
	}
	return nil
}

func checkEvaluation(e *simv1.Evaluation, failed bool) error {
	if len(e.GetVerdicts()) != 4 {
		return fmt.Errorf("%d verdicts, want 4", len(e.GetVerdicts()))
	}
	passes, open := int32(0), 0
	for i, v := range e.GetVerdicts() {
		if v.GetCriterion() != judge.Criteria()[i] {
			return fmt.Errorf("verdict %d is about %v, want the order of the criteria", i, v.GetCriterion())
		}
		if v.GetReason() == "" || v.GetJudge() == simv1.JudgeKind_JUDGE_KIND_UNSPECIFIED {
			return fmt.Errorf("%v has no reason, or nobody who judged", v.GetCriterion())
		}
		switch v.GetOutcome() {
		case simv1.Outcome_OUTCOME_PASS:
			passes++
		case simv1.Outcome_OUTCOME_FAIL:
		case simv1.Outcome_OUTCOME_UNJUDGED:
			open++
		default:
			return fmt.Errorf("%v has the outcome %v", v.GetCriterion(), v.GetOutcome())
		}
	}
	switch {
	case failed && open != 4:
		return fmt.Errorf("%d of 4 verdicts on a failure; nobody can judge it", 4-open)
	case open > 0 && e.Total != nil:
		return fmt.Errorf("total %d with %d verdicts open, want none", e.GetTotal(), open)
	case open == 0 && (e.Total == nil || e.GetTotal() != passes):
		return fmt.Errorf("total %v, want the %d passes", e.Total, passes)
	}
	return nil
}

// checkConcurrent judges the same from several goroutines; the race detector
// looks on.
func checkConcurrent(t *testing.T, drivers driver.Judges) {
	j, err := drivers.New(Life())
	require.NoError(t, err)
	s := Situations(t)["due"]
	var wg sync.WaitGroup
	failed := make([]error, 8)
	for i := range failed {
		wg.Go(func() { failed[i] = judgeOnce(t.Context(), j, s, Candidates()) })
	}
	wg.Wait()
	for _, err := range failed {
		require.NoError(t, err)
	}
}

func checkCancelled(t *testing.T, drivers driver.Judges) {
	j, err := drivers.New(Life())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := Situations(t)["due"]
	if _, _, err := j.Judge(ctx, s, Candidates()); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, judgeOnce(t.Context(), j, s, Candidates()))
}
