package policy_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/seeded"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestTheBasePolicyTalks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := moments(t)
		m.Scores = false
		var d policy.Distribution
		policy.Base().Read(policy.Extract(m), &d)
		require.InDelta(t, 0.96, d.Speak(), 1e-6)
	})
}

func TestLowScoresMakeTheBasePolicyHesitate(t *testing.T) {
	m := policy.Moment{Kind: activity.Reading, Actions: true, Given: true, Scores: true, RecentScore: -1}
	speak := func(score float64) float64 {
		m.RecentScore = score
		var d policy.Distribution
		policy.Base().Read(policy.Extract(&m), &d)
		return d.Speak()
	}
	require.InDelta(t, 0.96, speak(-1), 1e-6)
	require.Less(t, speak(1), speak(2))
	require.Less(t, speak(2), speak(3))
	require.Greater(t, speak(4), 0.96)
}

func TestAnswersAreADistribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policy.Base()
		f := policy.Extract(moments(t))
		total := math.Exp(p.LogProb(f, policy.Choice{Abstain: true}))
		for topic := range content.Topics() {
			for tone := range content.Tones() {
				total += math.Exp(p.LogProb(f, policy.Choice{Topic: topic, Tone: tone}))
			}
		}
		require.InDelta(t, 1, total, 1e-9)
	})
}

func TestSamplesFollowTheProbabilities(t *testing.T) {
	p := policy.Base()
	f := policy.Extract(&policy.Moment{Kind: activity.Cooking})
	source := seeded.New(7, "test")
	const n = 40000
	silent, recipes, warm := 0, 0, 0
	for i := range n {
		c := p.Sample(f, policy.Draws{Gate: source.Float64(i, 0), Topic: source.Float64(i, 1), Tone: source.Float64(i, 2)})
		switch {
		case c.Abstain:
			silent++
		case c.Topic == content.TopicIndex("recipes"):
			recipes++
		}
		if !c.Abstain && c.Tone == content.ToneIndex(content.Warm) {
			warm++
		}
	}
	topics := float64(len(content.Topics()))
	require.InDelta(t, 0.04, float64(silent)/n, 0.005)
	require.InDelta(t, 0.96/6, float64(warm)/n, 0.01)
	require.InDelta(t, 0.96*math.Exp(1.2)/(topics-5+5*math.Exp(1.2)), float64(recipes)/n, 0.005)
}

func TestDrawsAtTheEdgesGiveAnAnswer(t *testing.T) {
	f := policy.Extract(&policy.Moment{})
	last := math.Nextafter(1, 0)
	c := policy.Base().Sample(f, policy.Draws{Topic: last, Tone: last})
	require.Equal(t, policy.Choice{Topic: len(content.Topics()) - 1, Tone: len(content.Tones()) - 1}, c)
	require.True(t, policy.Base().Sample(f, policy.Draws{Gate: last}).Abstain)
}

func TestChoiceOfRefusesWhatItDoesNotKnow(t *testing.T) {
	rec := func(topic, tone string) *simv1.Candidate {
		return &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "x", Topic: topic, Tone: tone}}}
	}
	c, err := policy.ChoiceOf(rec("books", "calm"))
	require.NoError(t, err)
	require.Equal(t, policy.Choice{Topic: content.TopicIndex("books"), Tone: content.ToneIndex(content.Calm)}, c)
	for _, bad := range []*simv1.Candidate{nil, rec("ufos", "calm"), rec("books", "shrill"), rec("", "calm")} {
		_, err := policy.ChoiceOf(bad)
		require.ErrorIs(t, err, errs.ErrInvalid)
	}
}

func BenchmarkSample(b *testing.B) {
	b.ReportAllocs()
	f := policy.Extract(&policy.Moment{Kind: activity.Cooking, Given: true})
	var d policy.Distribution
	for b.Loop() {
		policy.Base().Read(f, &d)
		d.Sample(policy.Draws{Gate: .3, Topic: .6, Tone: .2})
	}
}
