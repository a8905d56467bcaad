package policy

import (
	"math"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// checkObjective returns Violations for an objective that the policy cannot be
// trained on.
func checkObjective(o trainerv1.Objective, faults *errs.Violations) {
	switch o {
	case trainerv1.Objective_OBJECTIVE_UNSPECIFIED, trainerv1.Objective_OBJECTIVE_DPO_SIGMOID,
		trainerv1.Objective_OBJECTIVE_KTO, trainerv1.Objective_OBJECTIVE_SFT:
	default:
		faults.Add("hyperparameters.objective", "found %v, want DPO_SIGMOID, KTO or SFT", o)
	}
}

// accumulate adds the gradient of one example's loss, times scale, and returns
// the loss.
func (t *training) accumulate(e *example, scale float64) float64 {
	d := &t.distribution
	t.sum.read(e.features.GetIndex(), e.features.GetValue(), d)
	switch t.objective {
	case trainerv1.Objective_OBJECTIVE_KTO:
		return t.accumulateKTO(e, d, scale)
	case trainerv1.Objective_OBJECTIVE_SFT:
		t.push(e.features, e.chosen, e.part, -scale)
		return -e.part.logProb(d, e.chosen)
	default:
		return t.accumulateDPO(e, d, scale)
	}
}

// accumulateDPO minimizes -log sigmoid(margin) (Rafailov et al., 2023).
//
// With g = dloss/dmargin, every weight receives g beta (dlog p(c) - dlog p(r)).
// Two recommendations share the gate and both normalizations, which cancel; a
// recommendation against a silence moves the gate by its log odds.
func (t *training) accumulateDPO(e *example, d *Distribution, scale float64) float64 {
	margin := e.margin(d, t.beta)
	g := -scale * t.beta / (1 + math.Exp(margin)) // times d(log p(c) - log p(r))
	t.push(e.features, e.chosen, e.part, g)
	t.push(e.features, e.rejected, e.part, -g)
	return dpoLoss(margin)
}

// dpoLoss is -log sigmoid of the implicit-reward margin, in nats.
func dpoLoss(margin float64) float64 { return softplus(-margin) }

// accumulateKTO minimizes the mean of 1 - sigmoid(beta (r(c) - z)) and
// 1 - sigmoid(beta (z - r(r))), with r(y) = log p(y) - log ref(y) and z the mean
// divergence of the policy from the reference over the batch, through which no
// gradient flows (Ethayarajh et al., 2024, equation 8, both weights 1). The
// paper estimates z from mismatched answers; here it is exact.
func (t *training) accumulateKTO(e *example, d *Distribution, scale float64) float64 {
	good := sigmoid(t.beta * (e.part.logProb(d, e.chosen) - e.referenceChosen - t.divergence))
	bad := sigmoid(t.beta * (t.divergence - (e.part.logProb(d, e.rejected) - e.referenceRejected)))
	t.push(e.features, e.chosen, e.part, -scale/2*t.beta*good*(1-good))
	t.push(e.features, e.rejected, e.part, scale/2*t.beta*bad*(1-bad))
	return 1 - (good+bad)/2
}

// setDivergence computes the z of a batch for accumulateKTO.
func (t *training) setDivergence(examples []example, batch []int) {
	var reference Distribution
	t.divergence = 0
	for _, i := range batch {
		f := examples[i].features
		t.sum.read(f.GetIndex(), f.GetValue(), &t.distribution)
		t.reference.Read(f, &reference)
		t.divergence += t.distribution.divergence(&reference) / float64(len(batch))
	}
}

// divergence is the Kullback-Leibler divergence KL(d || reference), in nats.
func (d *Distribution) divergence(reference *Distribution) float64 {
	speak := d.Speak()
	silent := -softplus(d.gate) + softplus(reference.gate)
	spoken := -softplus(-d.gate) + softplus(-reference.gate)
	return (1-speak)*silent + speak*(spoken+divergence(d.topic, reference.topic)+divergence(d.tone, reference.tone))
}

func divergence(logProbs, reference []float64) float64 {
	sum := 0.0
	for i, lp := range logProbs {
		sum += math.Exp(lp) * (lp - reference[i])
	}
	return sum
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
