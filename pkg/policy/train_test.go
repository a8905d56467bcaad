package policy_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/seeded"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

func night() *trainerv1.Hyperparameters {
	return &trainerv1.Hyperparameters{Beta: 0.1, Epochs: 2, LearningRate: 0.1, BatchSize: 4, Pairs: 200, Reference: trainerv1.Reference_REFERENCE_BASE}
}

func silence() *simv1.Candidate {
	return &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
}

func saying(topic, tone int) *simv1.Candidate {
	return &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{
		Text: policy.Realise(topic, tone, 0), Topic: content.Topics()[topic].ID, Tone: string(content.Tones()[tone]),
	}}}
}

// synthetic is a night of pairs of somebody who wants silence at work, and to
// hear something while reading.
func synthetic(n int) []*bufferv1.PreferencePair {
	source := seeded.New(3, "pairs")
	pairs := make([]*bufferv1.PreferencePair, n)
	for i := range pairs {
		m := policy.Moment{MinuteOfDay: source.Float64(i, 0) * 1439, Kind: activity.Reading, Elapsed: source.Float64(i, 1) * 60, Actions: true, Given: true, SinceGiven: -1}
		pair := &bufferv1.PreferencePair{RunId: "r", Step: int32(i), Day: 1}
		pair.Chosen, pair.Rejected = saying(source.Intn(len(content.Topics()), i, 2), i%6), silence()
		if i%2 == 0 {
			m.Kind = activity.Work
			pair.Chosen, pair.Rejected = pair.Rejected, pair.Chosen
		}
		pair.Prompt = &simv1.Prompt{Features: policy.Extract(&m)}
		pairs[i] = pair
	}
	return pairs
}

func distribution(p *policy.Policy, k activity.Kind) *policy.Distribution {
	var d policy.Distribution
	p.Read(policy.Extract(&policy.Moment{MinuteOfDay: 700, Kind: k, Elapsed: 10, Actions: true, Given: true, SinceGiven: -1}), &d)
	return &d
}

func TestANightTeachesWhen(t *testing.T) {
	child, metrics, err := policy.Train(policy.Base(), synthetic(200), night(), 11)
	require.NoError(t, err)
	require.EqualValues(t, 200, metrics.GetPairs())
	require.EqualValues(t, 100, metrics.GetUpdates())
	require.Less(t, metrics.GetLoss(), 0.65)
	require.Positive(t, metrics.GetMargin())
	require.Greater(t, metrics.GetAccuracy(), 0.95)
	require.Less(t, distribution(child, activity.Work).Speak(), 0.5)
	require.Greater(t, distribution(child, activity.Reading).Speak(), 0.9)
}

func TestEveryObjectiveTeachesWhen(t *testing.T) {
	plain, want, err := policy.Train(policy.Base(), synthetic(200), night(), 11)
	require.NoError(t, err)
	for objective, least := range map[trainerv1.Objective]float64{
		trainerv1.Objective_OBJECTIVE_DPO_SIGMOID: 0.95, trainerv1.Objective_OBJECTIVE_KTO: 0.95, trainerv1.Objective_OBJECTIVE_SFT: 0.9,
	} {
		hp := night()
		hp.Objective = objective
		child, metrics, err := policy.Train(policy.Base(), synthetic(200), hp, 11)
		require.NoError(t, err)
		require.Greater(t, metrics.GetAccuracy(), least, objective)
		require.Less(t, distribution(child, activity.Work).Speak(), 0.5, objective)
		require.Greater(t, distribution(child, activity.Reading).Speak(), 0.9, objective)
		same := objective == trainerv1.Objective_OBJECTIVE_DPO_SIGMOID
		require.Equal(t, same, bytes.Equal(plain.Weights(), child.Weights()), objective)
		require.Equal(t, same, want.GetLoss() == metrics.GetLoss(), objective)
	}
	hp := night()
	hp.Objective = 99
	_, _, err = policy.Train(policy.Base(), synthetic(2), hp, 11)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "hyperparameters.objective")
}

// TestWhatIsLearnedApartFromWhen holds that pairs of two recommendations leave
// the gate exactly where it was.
func TestWhatIsLearnedApartFromWhen(t *testing.T) {
	films, wine := content.TopicIndex("films"), content.TopicIndex("wine")
	pairs := synthetic(100)
	for i, pair := range pairs {
		pair.Chosen, pair.Rejected = saying(films, 4), saying(i%len(content.Topics()), i%4)
	}
	child, _, err := policy.Train(policy.Base(), pairs, night(), 11)
	require.NoError(t, err)
	for _, k := range []activity.Kind{activity.Work, activity.Reading} {
		before, after := distribution(policy.Base(), k), distribution(child, k)
		require.Equal(t, before.Speak(), after.Speak())
		require.Greater(t, after.LogProb(policy.Choice{Topic: films, Tone: 4})-after.LogProb(policy.Choice{Topic: wine, Tone: 4}), 2.0)
		require.Greater(t, after.LogProb(policy.Choice{Topic: films, Tone: 4})-after.LogProb(policy.Choice{Topic: films, Tone: 1}), 2.0)
	}
}

// TestTheMeanOfEpochsIsTheMeanOfTheirWeights trains one, two and three epochs: the
// order of an epoch depends on its number alone.
func TestTheMeanOfEpochsIsTheMeanOfTheirWeights(t *testing.T) {
	pairs := synthetic(40)
	weight := func(epochs, averaged int32) float64 {
		hp := night()
		hp.Epochs, hp.AveragedEpochs = epochs, averaged
		child, _, err := policy.Train(policy.Base(), pairs, hp, 5)
		require.NoError(t, err)
		speak := distribution(child, activity.Work).Speak()
		return math.Log(speak / (1 - speak)) // linear in the weights
	}
	require.InDelta(t, (weight(2, 0)+weight(3, 1))/2, weight(3, 2), 1e-4)
	require.NotEqual(t, weight(3, 1), weight(3, 2))
	require.InDelta(t, (weight(1, 0)+weight(2, 0))/2, weight(2, 9), 1e-4, "no more than there are")
}

func TestTrainingRepeats(t *testing.T) {
	pairs := synthetic(50)
	one, m1, err := policy.Train(policy.Base(), pairs, night(), 5)
	require.NoError(t, err)
	two, m2, err := policy.Train(policy.Base(), pairs, night(), 5)
	require.NoError(t, err)
	require.Equal(t, one.Weights(), two.Weights())
	require.Equal(t, m1, m2)
	three, _, err := policy.Train(policy.Base(), pairs, night(), 6)
	require.NoError(t, err)
	require.NotEqual(t, one.Weights(), three.Weights())
}

func TestTheReferenceIsASetting(t *testing.T) {
	pairs := synthetic(50)
	parent, _, err := policy.Train(policy.Base(), pairs, night(), 5)
	require.NoError(t, err)
	hp := night()
	hp.LearningRate = 1e-12
	_, base, err := policy.Train(parent, pairs, hp, 5)
	require.NoError(t, err)
	hp.Reference = trainerv1.Reference_REFERENCE_PREVIOUS
	child, previous, err := policy.Train(parent, pairs, hp, 5)
	require.NoError(t, err)
	require.Greater(t, base.GetMargin(), 0.01)
	require.InDelta(t, 0, previous.GetMargin(), 1e-6)
	require.Equal(t, parent.Weights(), child.Weights(), "a child begins where its parent stands")
}

func TestAPairThatDoesNotFitIsNamed(t *testing.T) {
	tests := map[string]struct {
		spoil func(*bufferv1.PreferencePair)
		want  string
	}{
		"another feature version": {func(p *bufferv1.PreferencePair) { p.Prompt.Features.Version = 7 }, "pair of step 2: prompt: features.version: found 7, want 1"},
		"no features":             {func(p *bufferv1.PreferencePair) { p.Prompt = nil }, "features: are missing"},
		"an unknown topic":        {func(p *bufferv1.PreferencePair) { p.Rejected.GetRecommendation().Topic = "ufos" }, `step 2: rejected: recommendation.topic: found "ufos"`},
		"no answer":               {func(p *bufferv1.PreferencePair) { p.Rejected = nil }, "step 2: rejected"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pairs := synthetic(3)
			test.spoil(pairs[2])
			_, _, err := policy.Train(policy.Base(), pairs, night(), 1)
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, test.want)
		})
	}
	_, _, err := policy.Train(policy.Base(), nil, night(), 1)
	require.ErrorIs(t, err, errs.ErrInvalid)
}

func TestDivergenceIsAnError(t *testing.T) {
	hp := night()
	hp.LearningRate = 1e300
	_, _, err := policy.Train(policy.Base(), synthetic(20), hp, 1)
	require.ErrorIs(t, err, errs.ErrInternal)
}

func BenchmarkNight(b *testing.B) {
	pairs := synthetic(200)
	for b.Loop() {
		if _, _, err := policy.Train(policy.Base(), pairs, night(), 1); err != nil {
			b.Fatal(err)
		}
	}
}
