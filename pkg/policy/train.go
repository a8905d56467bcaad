package policy

import (
	"fmt"
	"math"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Train trains one night on preference pairs and returns the child of parent,
// with the metrics of the training. By default the objective is DPO (Rafailov et
// al., 2023), whose loss of a pair is
//
//	-log sigmoid(beta ((log p(c) - log ref(c)) - (log p(r) - log ref(r))))
//
// with c the chosen and r the rejected answer, p the policy being trained and
// ref the untrained policy or parent, as the hyperparameters say; objective.go has
// the others. Mini-batches of batch_size pairs go to AdamW in an order drawn from
// seed. Its decay pulls the weights that a night touches towards the untrained
// policy; without it, pairs that are drawn night after night move the weights
// further and further, until two samples of the policy agree everywhere. The
// result is a function of the arguments alone.
//
// It returns an ErrInvalid that names the step of a pair whose features are of
// another version or broken, or whose answers the policy does not know, and an
// ErrInvalid for no pairs or impossible hyperparameters; an ErrInternal when
// training leads to weights that are not finite.
func Train(parent *Policy, pairs []*bufferv1.PreferencePair, hp *trainerv1.Hyperparameters, seed uint64) (*Policy, *trainerv1.TrainingMetrics, error) {
	reference, err := checkHyperparameters(parent, hp)
	if err != nil {
		return nil, nil, err
	}
	examples, err := readPairs(reference, pairs, hp.GetFactored())
	if err != nil {
		return nil, nil, err
	}
	t := newTraining(parent, reference, hp)
	metrics := &trainerv1.TrainingMetrics{Pairs: int32(len(examples))}
	order := seeded.New(seed, "policy", "train")
	epochs := int(hp.GetEpochs())
	averaged := min(max(1, int(hp.GetAveragedEpochs())), epochs)
	mean := newTensors[float64]()
	for epoch := range epochs {
		metrics.Loss = t.epoch(examples, order.Perm(len(examples), epoch), int(hp.GetBatchSize()))
		if averaged > 1 && epoch >= epochs-averaged {
			mean.addScaled(&t.sum, 1/float64(averaged))
		}
	}
	if averaged > 1 {
		t.sum = mean
	}
	metrics.Updates = int32(t.adam.updates)
	child, err := t.policy()
	if err != nil {
		return nil, nil, err
	}
	metrics.Margin, metrics.Accuracy = margins(child, examples, hp.GetBeta())
	return child, metrics, nil
}

func checkHyperparameters(parent *Policy, hp *trainerv1.Hyperparameters) (reference *Policy, err error) {
	var faults errs.Violations
	if !(hp.GetBeta() > 0) {
		faults.Add("hyperparameters.beta", "found %v, want a positive number", hp.GetBeta())
	}
	if !(hp.GetLearningRate() > 0) {
		faults.Add("hyperparameters.learning_rate", "found %v, want a positive number", hp.GetLearningRate())
	}
	if x := hp.GetWeightDecay(); !(x >= 0 && x <= 1) {
		faults.Add("hyperparameters.weight_decay", "found %v, want a number from 0 to 1", x)
	}
	if hp.GetEpochs() < 1 {
		faults.Add("hyperparameters.epochs", "found %d, want at least 1", hp.GetEpochs())
	}
	if hp.GetBatchSize() < 1 {
		faults.Add("hyperparameters.batch_size", "found %d, want at least 1", hp.GetBatchSize())
	}
	checkObjective(hp.GetObjective(), &faults)
	switch hp.GetReference() {
	case trainerv1.Reference_REFERENCE_BASE:
		reference = Base()
	case trainerv1.Reference_REFERENCE_PREVIOUS:
		reference = parent
	default:
		faults.Add("hyperparameters.reference", "found %v, want BASE or PREVIOUS", hp.GetReference())
	}
	return reference, faults.OrNil()
}

// example is a pair as the loss needs it.
type example struct {
	features                           *simv1.Features
	chosen, rejected                   Choice
	part                               part
	referenceChosen, referenceRejected float64 // log ref(c), log ref(r)
	reference                          float64 // their difference
}

// part is what of the policy a pair teaches.
type part int

const (
	all   part = iota
	gate       // whether to speak
	words      // what to say
)

// partOf returns what a pair teaches.
func partOf(chosen, rejected Choice, factored bool) part {
	switch {
	case !factored:
		return all
	case chosen.Abstain != rejected.Abstain:
		return gate
	default:
		return words
	}
}

// logProb returns the log-probability of an answer as far as the part goes.
func (p part) logProb(d *Distribution, c Choice) float64 {
	switch p {
	case gate:
		return d.gateLogProb(c)
	case words:
		return d.LogProb(c) - d.gateLogProb(c)
	default:
		return d.LogProb(c)
	}
}

func readPairs(reference *Policy, pairs []*bufferv1.PreferencePair, factored bool) ([]example, error) {
	if len(pairs) == 0 {
		return nil, errs.Invalid("pairs", "are empty, want at least one")
	}
	examples := make([]example, len(pairs))
	var d Distribution
	for i, pair := range pairs {
		e := &examples[i]
		e.features = pair.GetPrompt().GetFeatures()
		if err := CheckFeatures(e.features); err != nil {
			return nil, fmt.Errorf("pair of step %d: prompt: %w", pair.GetStep(), err)
		}
		var err error
		if e.chosen, err = ChoiceOf(pair.GetChosen()); err != nil {
			return nil, fmt.Errorf("pair of step %d: chosen: %w", pair.GetStep(), err)
		}
		if e.rejected, err = ChoiceOf(pair.GetRejected()); err != nil {
			return nil, fmt.Errorf("pair of step %d: rejected: %w", pair.GetStep(), err)
		}
		e.part = partOf(e.chosen, e.rejected, factored)
		reference.Read(e.features, &d)
		e.referenceChosen, e.referenceRejected = e.part.logProb(&d, e.chosen), e.part.logProb(&d, e.rejected)
		e.reference = e.referenceChosen - e.referenceRejected
	}
	return examples, nil
}

// margin is the implicit-reward margin of an example under the distribution of
// its moment.
func (e *example) margin(d *Distribution, beta float64) float64 {
	return margin(beta, e.part.logProb(d, e.chosen), e.part.logProb(d, e.rejected), e.reference)
}

// margin is the implicit-reward margin from log-probabilities, in nats; reference
// is the difference of those of the reference.
func margin(beta, chosen, rejected, reference float64) float64 {
	return beta * (chosen - rejected - reference)
}

// margins returns the mean margin and the share of positive ones.
func margins(p *Policy, examples []example, beta float64) (mean, accuracy float64) {
	var d Distribution
	for i := range examples {
		p.Read(examples[i].features, &d)
		m := examples[i].margin(&d, beta)
		mean += m
		if m > 0 {
			accuracy++
		}
	}
	n := float64(len(examples))
	return mean / n, accuracy / n
}

// training is a policy on its way from parent to child.
type training struct {
	objective    trainerv1.Objective
	beta         float64
	reference    *Policy
	divergence   float64          // of the present batch, for KTO
	sum          tensors[float64] // base + delta
	gradient     tensors[float64]
	adam         adam
	distribution Distribution
}

func newTraining(parent, reference *Policy, hp *trainerv1.Hyperparameters) *training {
	t := &training{
		objective: hp.GetObjective(), beta: hp.GetBeta(), reference: reference,
		sum: newTensors[float64](), gradient: newTensors[float64](), adam: newAdam(hp.GetLearningRate(), hp.GetWeightDecay()),
	}
	for _, part := range []*tensors[float32]{&baseWeights, &parent.delta} {
		add(t.sum.gate, part.gate)
		add(t.sum.topic, part.topic)
		add(t.sum.tone, part.tone)
	}
	return t
}

// epoch passes once over the examples and returns their mean loss as it was met.
func (t *training) epoch(examples []example, order []int, batch int) float64 {
	total := 0.0
	for from := 0; from < len(order); from += batch {
		part := order[from:min(from+batch, len(order))]
		if t.objective == trainerv1.Objective_OBJECTIVE_KTO {
			t.setDivergence(examples, part)
		}
		for _, i := range part {
			total += t.accumulate(&examples[i], 1/float64(len(part)))
		}
		t.update()
	}
	return total / float64(len(examples))
}

// push adds g times the gradient of an answer's log-probability, as far as the part
// goes.
func (t *training) push(f *simv1.Features, c Choice, p part, g float64) {
	d := &t.distribution
	odds := g * (1 - d.Speak())
	switch {
	case p == words:
		odds = 0
	case c.Abstain:
		odds = -g * d.Speak()
	}
	for k, i := range f.GetIndex() {
		x := float64(f.GetValue()[k])
		use := &uses[i]
		if use.Gate != 0 && p != words {
			t.adam.touch(int(i))
			t.gradient.gate[i] += x * use.Gate * odds
		}
		if c.Abstain || p == gate {
			continue
		}
		if use.Topic != 0 {
			t.adam.touch(int(i))
			pushRow(t.gradient.topic[int(i)*topicCount:][:topicCount], d.topic, c.Topic, x*use.Topic*g)
		}
		if use.Tone != 0 {
			t.adam.touch(int(i))
			pushRow(t.gradient.tone[int(i)*toneCount:][:toneCount], d.tone, c.Tone, x*use.Tone*g)
		}
	}
}

// pushRow adds xg times (indicator of the choice - probabilities).
func pushRow(row, logProbs []float64, choice int, xg float64) {
	for i, lp := range logProbs {
		row[i] -= xg * math.Exp(lp)
	}
	row[choice] += xg
}

// policy rounds what was learned to the precision of a weights file.
func (t *training) policy() (*Policy, error) {
	delta := newTensors[float32]()
	finite := learned(delta.gate, t.sum.gate, baseWeights.gate) &&
		learned(delta.topic, t.sum.topic, baseWeights.topic) && learned(delta.tone, t.sum.tone, baseWeights.tone)
	if !finite {
		return nil, fmt.Errorf("training diverged, the learning rate is too high: %w", errs.ErrInternal)
	}
	return withDelta(delta), nil
}

func learned(delta []float32, sum []float64, base []float32) (finite bool) {
	for i := range delta {
		delta[i] = float32(sum[i] - float64(base[i]))
		if x := float64(delta[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}
