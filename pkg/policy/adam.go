package policy

import "math"

// Adam's constants (Kingma and Ba, 2015, as every library has them).
const (
	adamBeta1   = 0.9
	adamBeta2   = 0.999
	adamEpsilon = 1e-8
)

// adam is the optimizer's state. A feature that no pair has shown has neither
// momentum nor gradient, so only the touched ones are visited.
type adam struct {
	rate           float64
	shrink         float64 // share of its distance from the base policy that a weight loses at an update
	updates        int
	first, second  tensors[float64]
	touched        []int // features, in the order of their first pair
	isTouched      []bool
	decay1, decay2 float64 // beta1 and beta2 to the power of updates
}

func newAdam(rate, weightDecay float64) adam {
	return adam{rate: rate, shrink: rate * weightDecay, first: newTensors[float64](), second: newTensors[float64](), isTouched: make([]bool, featureCount), decay1: 1, decay2: 1}
}

func (a *adam) touch(feature int) {
	if !a.isTouched[feature] {
		a.isTouched[feature] = true
		a.touched = append(a.touched, feature)
	}
}

// update makes one step down the accumulated gradient and clears it.
func (t *training) update() {
	a := &t.adam
	a.updates++
	a.decay1 *= adamBeta1
	a.decay2 *= adamBeta2
	for _, i := range a.touched {
		use := &uses[i]
		if use.Gate != 0 {
			a.move(t.sum.gate[i:i+1], baseWeights.gate[i:i+1], t.gradient.gate[i:i+1], a.first.gate[i:i+1], a.second.gate[i:i+1])
		}
		if use.Topic != 0 {
			from, to := i*topicCount, (i+1)*topicCount
			a.move(t.sum.topic[from:to], baseWeights.topic[from:to], t.gradient.topic[from:to], a.first.topic[from:to], a.second.topic[from:to])
		}
		if use.Tone != 0 {
			from, to := i*toneCount, (i+1)*toneCount
			a.move(t.sum.tone[from:to], baseWeights.tone[from:to], t.gradient.tone[from:to], a.first.tone[from:to], a.second.tone[from:to])
		}
	}
}

// move pulls the parameters of one row towards the base policy and steps them
// down the gradient (AdamW: the decay stands beside the adaptive step).
func (a *adam) move(parameter []float64, base []float32, gradient, first, second []float64) {
	step, norm := a.rate/(1-a.decay1), 1/(1-a.decay2)
	for i, g := range gradient {
		first[i] = adamBeta1*first[i] + (1-adamBeta1)*g
		second[i] = adamBeta2*second[i] + (1-adamBeta2)*g*g
		parameter[i] -= a.shrink * (parameter[i] - float64(base[i]))
		if first[i] != 0 {
			parameter[i] -= step * first[i] / (math.Sqrt(second[i]*norm) + adamEpsilon)
		}
		gradient[i] = 0
	}
}
