package judge_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/judge"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func drawKinds(t *rapid.T, label string) []string {
	var out []string
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom(activity.Kinds()), 1, 4, rapid.ID[activity.Kind]).Draw(t, label) {
		out = append(out, string(k))
	}
	return out
}

func drawPattern(t *rapid.T) *simv1.MomentPattern {
	p := &simv1.MomentPattern{}
	if rapid.Bool().Draw(t, "clocked") {
		p.Clock = clock(rapid.Int32Range(0, 1439).Draw(t, "from"), rapid.Int32Range(1, 1440).Draw(t, "to")).Clock
	}
	switch rapid.IntRange(0, 2).Draw(t, "activity") {
	case 1:
		p.Activity = during(drawKinds(t, "during")...).Activity
	case 2:
		p.Activity = after(rapid.Int32Range(0, 120).Draw(t, "within"), drawKinds(t, "after")...).Activity
	}
	return p
}

func drawPatterns(t *rapid.T, least, most int) []*simv1.MomentPattern {
	return rapid.SliceOfN(rapid.Custom(drawPattern), least, most).Draw(t, "patterns")
}

func drawBound(t *rapid.T) *simv1.FrequencyBound {
	count := rapid.Int32Range(1, 6).Draw(t, "count")
	switch rapid.IntRange(0, 2).Draw(t, "window") {
	case 0:
		return trailing(count, rapid.Int32Range(1, 1440).Draw(t, "minutes"))
	case 1:
		return day(count)
	default:
		return slots(count, drawPatterns(t, 1, 3)...)
	}
}

func drawTopics(t *rapid.T) *simv1.ContentRule {
	rule := &simv1.ContentRule{}
	for _, topic := range rapid.SliceOfN(rapid.SampledFrom(content.Topics()), 1, 5).Draw(t, "topics") {
		rule.Topics = append(rule.Topics, topic.ID)
	}
	if rapid.Bool().Draw(t, "conditional") {
		rule.When = drawPattern(t)
	}
	return rule
}

func drawSpec(t *rapid.T) *simv1.PreferenceSpec {
	s := spec()
	s.Timing.Receptive = drawPatterns(t, 0, 3)
	s.Timing.Protected = drawPatterns(t, 0, 2)
	s.Frequency.AtLeast = rapid.SliceOfN(rapid.Custom(drawBound), 0, 3).Draw(t, "at least")
	s.Frequency.AtMost = rapid.SliceOfN(rapid.Custom(drawBound), 0, 2).Draw(t, "at most")
	s.Content.Liked = rapid.SliceOfN(rapid.Custom(drawTopics), 0, 3).Draw(t, "liked")
	s.Content.Disliked = rapid.SliceOfN(rapid.Custom(drawTopics), 0, 2).Draw(t, "disliked")
	s.Communication.MaxWords = rapid.Int32Range(0, 12).Draw(t, "words")
	if rapid.Bool().Draw(t, "toned") {
		s.Communication.Tones = []string{string(rapid.SampledFrom(content.Tones()).Draw(t, "tone"))}
	}
	return s
}

func drawCandidate(t *rapid.T) *simv1.Candidate {
	return say(rapid.SampledFrom(content.Topics()).Draw(t, "topic").ID,
		string(rapid.SampledFrom(content.Tones()).Draw(t, "tone")),
		rapid.SampledFrom([]string{"A walk.", "You must see this film right now!", "How about a cup of tea by the window, and a book after it?"}).Draw(t, "text"))
}

// live lets a random life pass and returns the moment after it.
func live(t *rapid.T, h *judge.History) judge.Reading {
	step := int32(0)
	var kind activity.Kind
	for range rapid.IntRange(0, 60).Draw(t, "stretches") {
		step += rapid.Int32Range(0, 1).Draw(t, "asleep") * rapid.Int32Range(1, 300).Draw(t, "sleep")
		kind = rapid.SampledFrom(activity.Kinds()).Draw(t, "kind")
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			h.Observe(step, kind, rapid.IntRange(0, 5).Draw(t, "given") == 0)
			step++
		}
	}
	return h.Read(step, rapid.SampledFrom(activity.Kinds()).Draw(t, "now"))
}

func TestVerdictsHoldTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		judge, err := judge.Compile(drawSpec(t))
		require.NoError(t, err)
		r := live(t, judge.NewHistory(scale))
		require.Equal(t, r.Receptive && !r.Protected && r.Wanted && r.Admissible && r.Liked, r.Due)
		if r.Due {
			require.NotEmpty(t, r.LikedTopics(), "something can be said")
		}

		quiet := r.Evaluate(silence())
		if !r.Due {
			require.EqualValues(t, 4, quiet.GetTotal(), "silence costs nothing where nothing is due")
		} else {
			require.LessOrEqual(t, quiet.GetTotal(), int32(2))
		}
		a, b := r.Evaluate(drawCandidate(t)), r.Evaluate(drawCandidate(t))
		for i := 1; i <= 2; i++ { // timing and frequency do not depend on what is said
			require.Equal(t, a.GetVerdicts()[i].GetOutcome(), b.GetVerdicts()[i].GetOutcome())
		}
		for _, e := range []*simv1.Evaluation{quiet, a, b} {
			require.Len(t, e.GetVerdicts(), 4)
			passes := int32(0)
			for i, v := range e.GetVerdicts() {
				require.Equal(t, simv1.Criterion(i+1), v.GetCriterion())
				require.NotEmpty(t, v.GetReason())
				require.Equal(t, simv1.JudgeKind_JUDGE_KIND_EXACT, v.GetJudge())
				if v.GetOutcome() == simv1.Outcome_OUTCOME_PASS {
					passes++
				}
			}
			require.Equal(t, passes, e.GetTotal())
		}
		liked := map[int]bool{}
		for _, i := range r.LikedTopics() {
			liked[i] = true
		}
		for i, topic := range content.Topics() {
			pref, _, _, _ := outcomes(r.Evaluate(say(topic.ID, "warm", "A walk.")))
			require.Equal(t, liked[i], pref == "pass")
		}
	})
}

func TestObservingAgainChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		judge, err := judge.Compile(drawSpec(t))
		require.NoError(t, err)
		h := judge.NewHistory(scale)
		live(t, h)
		if h.Last() < 0 {
			return
		}
		before := h.Read(h.Last()+1, activity.Snack)
		h.Observe(h.Last(), activity.Gaming, true)
		after := h.Read(h.Last()+1, activity.Snack)
		require.Equal(t, before, after)
	})
}

func TestBandIsOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low, high := judge.WantedBand(drawSpec(t))
		require.GreaterOrEqual(t, low, 0.0)
		require.GreaterOrEqual(t, high, low)
	})
}

func BenchmarkEvaluate(b *testing.B) {
	s := spec()
	s.Timing.Receptive = []*simv1.MomentPattern{clock(540, 600), during("snack"), after(30, "meditation", "yoga")}
	s.Timing.Protected = []*simv1.MomentPattern{during("work", "meeting")}
	s.Frequency.AtLeast = []*simv1.FrequencyBound{trailing(2, 180), slots(1, clock(420, 540), during("wind_down"))}
	s.Frequency.AtMost = []*simv1.FrequencyBound{day(6), trailing(2, 120)}
	s.Content.Liked = []*simv1.ContentRule{{Topics: []string{"films"}, When: during("relaxing")}, {Topics: []string{"books", "wine"}}}
	s.Communication = &simv1.CommunicationSpec{Tones: []string{"warm"}, MaxWords: 30, Boundaries: []simv1.Boundary{
		simv1.Boundary_BOUNDARY_NO_PRESSURE, simv1.Boundary_BOUNDARY_NO_SLANG, simv1.Boundary_BOUNDARY_NO_EXCLAMATION}}
	judge, err := judge.Compile(s)
	require.NoError(b, err)
	h := judge.NewHistory(scale)
	for step := int32(168); step < 400; step++ {
		h.Observe(step, activity.Reading, step%2 == 0)
	}
	candidate := say("books", "warm", "There is a short novel by the window that you have not finished, and an hour for it.")
	b.ReportAllocs()
	for b.Loop() {
		r := h.Read(400, activity.Snack)
		r.Evaluate(candidate)
	}
}
