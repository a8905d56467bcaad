package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/policy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// named sums a vector by block.
func named(f *simv1.Features) map[string]float64 {
	out := map[string]float64{}
	for k, i := range f.GetIndex() {
		for _, b := range policy.Layout() {
			if int(i) >= b.From && int(i) < b.To {
				out[b.Name] += float64(f.GetValue()[k])
			}
		}
	}
	return out
}

func TestTheLayoutIsContiguous(t *testing.T) {
	next := 0
	for _, b := range policy.Layout() {
		require.Equal(t, next, b.From, b.Name)
		require.Greater(t, b.To, b.From, b.Name)
		require.NotEmpty(t, b.Meaning, b.Name)
		next = b.To
	}
	require.Equal(t, next, policy.FeatureCount())
	require.Less(t, len(policy.Base().Weights()), 100<<10)
}

func TestAMemoryLevelLeavesNoTraceOfWhatItDoesNotHold(t *testing.T) {
	m := policy.Moment{
		MinuteOfDay: 605, Kind: activity.Reading, Elapsed: 7,
		SinceEnded: []float64{3, 70, 45}, SinceGiven: 190, GivenToday: 9, GivenDaypart: 1, GivenActivity: 1,
		Similar: 4, SimilarGiven: 1, RecentScore: 2.2, TopicScores: []policy.TopicScore{{Sum: 8, Count: 2}},
	}
	clockOnly := []string{"bias", "clock", "daypart", "kind", "elapsed", "topic-daypart", "topic-kind"}
	given := []string{"since-given", "given-today", "given-daypart", "given-activity", "similar"}
	has := func(names ...[]string) {
		t.Helper()
		var all []string
		for _, n := range names {
			all = append(all, n...)
		}
		var got []string
		for name := range named(policy.Extract(&m)) {
			got = append(got, name)
		}
		require.ElementsMatch(t, all, got)
	}
	has(clockOnly)
	m.Actions = true
	has(clockOnly, []string{"ended"})
	m.Given = true
	has(clockOnly, []string{"ended"}, given)
	m.Scores = true
	has(clockOnly, []string{"ended"}, given, []string{"recent-score", "topic-score"})
}

func TestTheClockIsInterpolated(t *testing.T) {
	at := func(minute float64) (index []int32, value []float32) {
		f := policy.Extract(&policy.Moment{MinuteOfDay: minute})
		for k, i := range f.GetIndex() {
			for _, b := range policy.Layout() {
				if b.Name == "clock" && int(i) >= b.From && int(i) < b.To {
					index = append(index, i-int32(b.From))
					value = append(value, f.GetValue()[k])
				}
			}
		}
		return index, value
	}
	tests := []struct {
		minute float64
		index  []int32
		value  []float32
	}{
		{0, []int32{0}, []float32{1}},
		{450, []int32{15}, []float32{1}},
		{457.5, []int32{15, 16}, []float32{.75, .25}},
		{1432.5, []int32{0, 47}, []float32{.75, .25}},
	}
	for _, test := range tests {
		index, value := at(test.minute)
		require.Equal(t, test.index, index)
		require.Equal(t, test.value, value)
	}
}

// TestTheMomentIsLookedAtAfterASilence follows the weight of clock and activity
// over the minutes since the last recommendation.
func TestTheMomentIsLookedAtAfterASilence(t *testing.T) {
	for since, want := range map[float64]float64{-1: 1, 0: 0, 120: 0, 180: 0.5, 240: 1, 600: 1} {
		m := policy.Moment{MinuteOfDay: 600, Kind: activity.Reading, Actions: true, SinceEnded: []float64{3}, Given: true, SinceGiven: since}
		for _, block := range []string{"clock", "daypart", "kind", "elapsed", "ended"} {
			require.InDelta(t, want, named(policy.Extract(&m))[block], 1e-6, "%s at %v minutes", block, since)
		}
		require.EqualValues(t, 1, named(policy.Extract(&m))["topic-kind"])
		m.Given = false
		require.EqualValues(t, 1, named(policy.Extract(&m))["clock"], "it cannot tell")
	}
}

// moments generates every kind of moment, sane or not.
func moments(t *rapid.T) *policy.Moment {
	m := &policy.Moment{
		MinuteOfDay: rapid.Float64Range(0, 1439.99).Draw(t, "minute"),
		Kind:        rapid.SampledFrom(append(activity.Kinds(), "juggling")).Draw(t, "kind"),
		Elapsed:     rapid.Float64Range(0, 300).Draw(t, "elapsed"),
		Actions:     rapid.Bool().Draw(t, "actions"), Given: rapid.Bool().Draw(t, "given"), Scores: rapid.Bool().Draw(t, "scores"),
		SinceEnded: rapid.SliceOfN(rapid.Float64Range(-1, 90), 0, len(activity.Kinds())).Draw(t, "ended"),
		SinceGiven: rapid.Float64Range(-1, 600).Draw(t, "since"),
		GivenToday: rapid.IntRange(0, 400).Draw(t, "today"), GivenDaypart: rapid.IntRange(0, 90).Draw(t, "part"), GivenActivity: rapid.IntRange(0, 90).Draw(t, "activity"),
		Similar: 5, SimilarGiven: rapid.IntRange(0, 5).Draw(t, "similar"), RecentScore: rapid.Float64Range(-1, 4).Draw(t, "recent"),
	}
	for range rapid.IntRange(0, len(content.Topics())).Draw(t, "topics") {
		n := rapid.Int32Range(0, 5).Draw(t, "n")
		m.TopicScores = append(m.TopicScores, policy.TopicScore{Count: n, Sum: n * rapid.Int32Range(0, 4).Draw(t, "score")})
	}
	return m
}

func TestEveryMomentHasFitFeatures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := moments(t)
		f := policy.Extract(m)
		require.NoError(t, policy.CheckFeatures(f))
		require.Equal(t, f.GetIndex(), policy.Extract(m).GetIndex())
	})
}

func TestUnfitFeaturesAreRefused(t *testing.T) {
	tests := map[string]*simv1.Features{
		"features: are missing":        nil,
		"features.version: found 2":    {Version: 2},
		"features.value: found 0":      {Version: 1, Index: []int32{1}},
		"features.index[1]: found 3":   {Version: 1, Index: []int32{3, 3}, Value: []float32{1, 1}},
		"features.index[0]: found 999": {Version: 1, Index: []int32{999}, Value: []float32{1}},
	}
	for want, f := range tests {
		require.ErrorContains(t, policy.CheckFeatures(f), want)
	}
}

func BenchmarkExtract(b *testing.B) {
	b.ReportAllocs()
	m := &policy.Moment{MinuteOfDay: 605, Kind: activity.Reading, Actions: true, SinceEnded: make([]float64, 39), Given: true}
	for i := range m.SinceEnded {
		m.SinceEnded[i] = -1
	}
	for b.Loop() {
		policy.Extract(m)
	}
}
