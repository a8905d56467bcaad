package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/seeded"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// TestTheGradientIsThatOfTheLoss compares the accumulated gradient with finite
// differences in every parameter of the active features, for each objective and
// each kind of pair, at a point away from the start.
func TestTheGradientIsThatOfTheLoss(t *testing.T) {
	features := Extract(&Moment{MinuteOfDay: 457.5, Kind: activity.Cooking, Actions: true, SinceEnded: []float64{40}, Given: true, SinceGiven: 4, GivenToday: 2, Similar: 3, SimilarGiven: 1})
	speech, other, silence := Choice{Topic: 3, Tone: 1}, Choice{Topic: 60, Tone: 5}, Choice{Abstain: true}
	pairs := map[string][2]Choice{
		"two recommendations": {speech, other}, "silence preferred": {silence, other}, "speech preferred": {speech, silence},
	}
	for _, objective := range []trainerv1.Objective{
		trainerv1.Objective_OBJECTIVE_UNSPECIFIED, trainerv1.Objective_OBJECTIVE_DPO_SIGMOID, trainerv1.Objective_OBJECTIVE_KTO, trainerv1.Objective_OBJECTIVE_SFT,
	} {
		for name, pair := range pairs {
			for _, factored := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%s/factored=%t", objective, name, factored), func(t *testing.T) {
					tr := newTraining(Base(), Base(), &trainerv1.Hyperparameters{Beta: 0.7, LearningRate: 0.1, Objective: objective})
					tr.divergence = 0.2
					addNoise(&tr.sum)
					e := example{features: features, chosen: pair[0], rejected: pair[1], reference: 0.4, referenceChosen: -1.1, referenceRejected: -1.5}
					e.part = partOf(e.chosen, e.rejected, factored)
					requireGradient(t, tr, &e)
				})
			}
		}
	}
}

func addNoise(weights *tensors[float64]) {
	noise, number := seeded.New(1, "gradient"), 0
	weights.each(func(_ string, _ int, values []float64) {
		for i := range values {
			values[i] += noise.Normal(number) / 3
			number++
		}
	})
}

// requireGradient compares what accumulate adds to the gradient with finite
// differences of what it returns.
func requireGradient(t *testing.T, tr *training, e *example) {
	tr.accumulate(e, 1)
	gradient := map[string][]float64{"gate": slices.Clone(tr.gradient.gate), "topic": slices.Clone(tr.gradient.topic), "tone": slices.Clone(tr.gradient.tone)}
	loss := func() float64 { return tr.accumulate(e, 0) }
	checked, sum := 0, 0.0
	tr.sum.each(func(tensor string, width int, values []float64) {
		for _, i := range e.features.GetIndex() {
			for k := int(i) * width; k < (int(i)+1)*width; k++ {
				const h = 1e-5
				at := values[k]
				values[k] = at + h
				up := loss()
				values[k] = at - h
				down := loss()
				values[k] = at
				require.InDelta(t, (up-down)/(2*h), gradient[tensor][k], 1e-8, "%s[%d]", tensor, k)
				sum += math.Abs(gradient[tensor][k])
				checked++
			}
		}
	})
	require.Greater(t, checked, 500)
	require.Positive(t, sum)
}

// TestAFactoredPairTeachesItsPartAlone: whether to speak, or what to say.
func TestAFactoredPairTeachesItsPartAlone(t *testing.T) {
	features := Extract(&Moment{MinuteOfDay: 457.5, Kind: activity.Cooking})
	speech, other, silence := Choice{Topic: 3, Tone: 1}, Choice{Topic: 60, Tone: 5}, Choice{Abstain: true}
	for name, test := range map[string]struct {
		chosen, rejected Choice
		gate, words      bool
	}{
		"silence preferred":   {silence, speech, true, false},
		"speech preferred":    {speech, silence, true, false},
		"two recommendations": {speech, other, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTraining(Base(), Base(), &trainerv1.Hyperparameters{Beta: 0.1, LearningRate: 0.1})
			tr.accumulate(&example{features: features, chosen: test.chosen, rejected: test.rejected, part: partOf(test.chosen, test.rejected, true)}, 1)
			moved := func(values []float64) bool {
				return slices.ContainsFunc(values, func(x float64) bool { return x != 0 })
			}
			require.Equal(t, test.gate, moved(tr.gradient.gate))
			require.Equal(t, test.words, moved(tr.gradient.topic))
			require.Equal(t, test.words, moved(tr.gradient.tone))
		})
	}
}

// TestTheDivergenceIsThatOfTheDistributions compares the closed form with the sum
// over every answer.
func TestTheDivergenceIsThatOfTheDistributions(t *testing.T) {
	features := Extract(&Moment{MinuteOfDay: 700, Kind: activity.Reading, Actions: true})
	tr := newTraining(Base(), Base(), &trainerv1.Hyperparameters{Beta: 0.1, LearningRate: 0.1})
	addNoise(&tr.sum)
	var d, reference Distribution
	tr.sum.read(features.GetIndex(), features.GetValue(), &d)
	Base().Read(features, &reference)
	want := 0.0
	each := func(c Choice) { want += math.Exp(d.LogProb(c)) * (d.LogProb(c) - reference.LogProb(c)) }
	each(Choice{Abstain: true})
	for topic := range topicCount {
		for tone := range toneCount {
			each(Choice{Topic: topic, Tone: tone})
		}
	}
	require.Positive(t, want)
	require.InDelta(t, want, d.divergence(&reference), 1e-9)
	require.Zero(t, reference.divergence(&reference))
}

// TestTheKTOLossIsThatOfTheFormula checks values computed by hand: at the
// reference both answers are worth 1/2.
func TestTheKTOLossIsThatOfTheFormula(t *testing.T) {
	tr := newTraining(Base(), Base(), &trainerv1.Hyperparameters{Beta: 0.1, LearningRate: 0.1, Objective: trainerv1.Objective_OBJECTIVE_KTO})
	silence, speech := Choice{Abstain: true}, Choice{Topic: 0, Tone: 0}
	features := Extract(&Moment{})
	var d Distribution
	Base().Read(features, &d)
	e := example{features: features, chosen: silence, rejected: speech, referenceChosen: d.LogProb(silence), referenceRejected: d.LogProb(speech)}
	require.InDelta(t, 0.5, tr.accumulate(&e, 0), 1e-12)
	// r(c) = 10 and r(r) = -5 with z = 2: 1 - (sigmoid(0.8) + sigmoid(0.7)) / 2 =
	// 1 - (0.689974 + 0.668188) / 2.
	e.referenceChosen, e.referenceRejected, tr.divergence = e.referenceChosen-10, e.referenceRejected+5, 2
	require.InDelta(t, 0.320919, tr.accumulate(&e, 0), 1e-6)
}

// TestTheLossIsThatOfTheFormula holds the loss to values computed by hand.
func TestTheLossIsThatOfTheFormula(t *testing.T) {
	features := Extract(&Moment{})
	silence, speech := Choice{Abstain: true}, Choice{Topic: 0, Tone: 0}
	tests := map[string]struct {
		gateLogit float64 // of the policy in training; that of the reference is ln 24
		chosen    Choice
		rejected  Choice
		want      float64
	}{
		// No difference from the reference: log 2.
		"at the reference": {math.Log(24), silence, speech, math.Ln2},
		// log p(speech) - log p(silence) is the gate's logit plus constants that
		// cancel: 0 against ln 24 is a margin of 0.1 x ln 24 = 0.317805, and
		// log(1 + e^-0.317805) = 0.546817.
		"even odds, silence chosen": {0, silence, speech, 0.546817},
		// The same with the other sign: log(1 + e^0.317805) = 0.864622.
		"even odds, speech chosen": {0, speech, silence, 0.864622},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tr := newTraining(Base(), Base(), &trainerv1.Hyperparameters{Beta: 0.1, LearningRate: 0.1})
			var d Distribution
			Base().Read(features, &d)
			e := example{features: features, chosen: test.chosen, rejected: test.rejected}
			e.reference = d.LogProb(test.chosen) - d.LogProb(test.rejected)
			tr.sum.gate[bias.From] = test.gateLogit / bias.Gate
			require.InDelta(t, test.want, tr.accumulate(&e, 1), 2e-6)
		})
	}
}

// TestTheLossIsThatOfTheWorker compares the loss with values of 50 digits for given
// log-probabilities. The tests of the QLoRA worker read the same file.
func TestTheLossIsThatOfTheWorker(t *testing.T) {
	text, err := os.ReadFile("testdata/dpo_loss.json")
	require.NoError(t, err)
	var cases []struct {
		Name              string  `json:"name"`
		Beta              float64 `json:"beta"`
		Chosen            float64 `json:"chosen"`
		Rejected          float64 `json:"rejected"`
		ReferenceChosen   float64 `json:"reference_chosen"`
		ReferenceRejected float64 `json:"reference_rejected"`
		Loss              float64 `json:"loss"`
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	silence, speech := Choice{Abstain: true}, Choice{Topic: 3, Tone: 1}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			require.InDelta(t, c.Loss, dpoLoss(margin(c.Beta, c.Chosen, c.Rejected, c.ReferenceChosen-c.ReferenceRejected)), 1e-6)

			// The same through the policy: a reference that is off by what the policy
			// is off from the case's log-probabilities.
			features := Extract(&Moment{})
			tr := newTraining(Base(), Base(), &trainerv1.Hyperparameters{Beta: c.Beta, LearningRate: 0.1})
			var d Distribution
			Base().Read(features, &d)
			e := example{features: features, chosen: silence, rejected: speech}
			e.reference = c.ReferenceChosen - c.ReferenceRejected + (d.LogProb(silence) - d.LogProb(speech)) - (c.Chosen - c.Rejected)
			require.InDelta(t, c.Loss, tr.accumulate(&e, 1), 1e-6)
		})
	}
}

// TestAdamTakesItsFirstSteps holds the optimizer to Kingma and Ba's algorithm
// worked by hand for two updates of one weight.
func TestAdamTakesItsFirstSteps(t *testing.T) {
	tr := newTraining(Base(), Base(), &trainerv1.Hyperparameters{Beta: 0.1, LearningRate: 0.01})
	tr.adam.touch(clock.From)
	weight := &tr.sum.gate[clock.From]
	tr.gradient.gate[clock.From] = 0.5
	tr.update()
	// Bias correction makes the first step the whole rate.
	require.InDelta(t, -0.01, *weight, 1e-9)
	tr.gradient.gate[clock.From] = -0.1
	tr.update()
	// m = .9 x .05 - .01 = .035, hat .035 / .19; v = .999 x .00025 + .00001 =
	// .00025975, hat .00025975 / .001999: a step of .01 x .1842105 / .3604719.
	require.InDelta(t, -0.01-0.01*0.1842105/0.3604719, *weight, 1e-8)
	require.Equal(t, 2, tr.adam.updates)
	require.Zero(t, tr.gradient.gate[clock.From])
}

// TestDecayPullsTowardsTheBase works AdamW's second update by hand: the weight
// loses rate x decay of its distance from the base, and then takes Adam's step.
func TestDecayPullsTowardsTheBase(t *testing.T) {
	tr := newTraining(Base(), Base(), &trainerv1.Hyperparameters{Beta: 0.1, LearningRate: 0.01, WeightDecay: 0.5})
	tr.adam.touch(bias.From)
	base := float64(baseWeights.gate[bias.From])
	weight := &tr.sum.gate[bias.From]
	tr.gradient.gate[bias.From] = 0.5
	tr.update()
	require.InDelta(t, base-0.01, *weight, 1e-8, "no distance yet, no pull")
	tr.gradient.gate[bias.From] = -0.1
	tr.update()
	require.InDelta(t, base-0.01*(1-0.01*0.5)-0.01*0.1842105/0.3604719, *weight, 1e-8)
}

func TestHyperparametersAreChecked(t *testing.T) {
	_, err := checkHyperparameters(Base(), &trainerv1.Hyperparameters{Beta: math.NaN(), WeightDecay: -1})
	for _, field := range []string{"beta", "learning_rate", "weight_decay", "epochs", "batch_size", "reference"} {
		require.ErrorContains(t, err, "hyperparameters."+field)
	}
}
