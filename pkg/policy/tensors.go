package policy

import "math"

// tensors are the weights of a policy, or as many other numbers: one per feature
// for the gate, and per feature and topic or tone, row by row, for the others.
type tensors[T float32 | float64] struct{ gate, topic, tone []T }

func newTensors[T float32 | float64]() tensors[T] {
	return tensors[T]{
		gate:  make([]T, featureCount),
		topic: make([]T, featureCount*topicCount),
		tone:  make([]T, featureCount*toneCount),
	}
}

// each calls f with the three tensors in a fixed order.
func (w *tensors[T]) each(f func(name string, width int, values []T)) {
	f("gate", 1, w.gate)
	f("topic", topicCount, w.topic)
	f("tone", toneCount, w.tone)
}

// add adds one tensor to another of its length.
func add[A, B float32 | float64](out []A, in []B) {
	for i, x := range in {
		out[i] += A(x)
	}
}

// addScaled adds a share of other tensors.
func (w *tensors[T]) addScaled(other *tensors[T], share T) {
	for _, part := range []struct{ out, in []T }{{w.gate, other.gate}, {w.topic, other.topic}, {w.tone, other.tone}} {
		for i, x := range part.in {
			part.out[i] += share * x
		}
	}
}

// read computes the distributions of a moment in float64.
func (w *tensors[T]) read(indices []int32, values []float32, d *Distribution) {
	if d.topic == nil {
		d.topic, d.tone = make([]float64, topicCount), make([]float64, toneCount)
	}
	d.gate = 0
	clear(d.topic)
	clear(d.tone)
	for k, i := range indices {
		x := float64(values[k])
		use := &uses[i]
		if use.Gate != 0 {
			d.gate += x * use.Gate * float64(w.gate[i])
		}
		if use.Topic != 0 {
			accumulate(d.topic, x*use.Topic, w.topic[int(i)*topicCount:])
		}
		if use.Tone != 0 {
			accumulate(d.tone, x*use.Tone, w.tone[int(i)*toneCount:])
		}
	}
	logSoftmax(d.topic)
	logSoftmax(d.tone)
}

func accumulate[T float32 | float64](out []float64, x float64, row []T) {
	row = row[:len(out)]
	for t := range out {
		out[t] += x * float64(row[t])
	}
}

// logSoftmax turns scores into log-probabilities in place.
func logSoftmax(scores []float64) {
	highest := math.Inf(-1)
	for _, s := range scores {
		highest = max(highest, s)
	}
	sum := 0.0
	for _, s := range scores {
		sum += math.Exp(s - highest)
	}
	norm := highest + math.Log(sum)
	for i := range scores {
		scores[i] -= norm
	}
}

// softplus is log(1 + e^x) without overflow.
func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}
