package policy

import (
	"math"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Draws are the random numbers behind one answer, each uniform in [0, 1).
type Draws struct{ Gate, Topic, Tone float64 }

// Distribution is a policy's answer to one moment, before anything is drawn.
// The zero value is ready for Read; a used one may be read into again.
type Distribution struct {
	gate  float64   // log odds of speaking
	topic []float64 // log-probabilities given that it speaks
	tone  []float64
}

// Read fills d with the policy's distribution at a moment. The features must
// have passed CheckFeatures or come from Extract.
func (p *Policy) Read(f *simv1.Features, d *Distribution) {
	p.sum.read(f.GetIndex(), f.GetValue(), d)
}

// Sample answers a moment at temperature 1: a pure function of its arguments.
func (p *Policy) Sample(f *simv1.Features, draws Draws) Choice {
	var d Distribution
	p.Read(f, &d)
	return d.Sample(draws)
}

// LogProb returns the log-probability of an answer, in nats.
func (p *Policy) LogProb(f *simv1.Features, c Choice) float64 {
	var d Distribution
	p.Read(f, &d)
	return d.LogProb(c)
}

// Speak returns the probability of speaking.
func (d *Distribution) Speak() float64 { return 1 / (1 + math.Exp(-d.gate)) }

// Sample draws an answer.
func (d *Distribution) Sample(draws Draws) Choice {
	if draws.Gate >= d.Speak() {
		return Choice{Abstain: true}
	}
	return d.Recommend(draws)
}

// Recommend draws an answer given that it speaks; the gate's draw is not used.
func (d *Distribution) Recommend(draws Draws) Choice {
	return Choice{Topic: pick(d.topic, draws.Topic), Tone: pick(d.tone, draws.Tone)}
}

// LogProb returns the log-probability of an answer, in nats.
func (d *Distribution) LogProb(c Choice) float64 {
	if c.Abstain {
		return -softplus(d.gate)
	}
	return -softplus(-d.gate) + d.topic[c.Topic] + d.tone[c.Tone]
}

// gateLogProb returns the log-probability of an answer's silence or speech alone.
func (d *Distribution) gateLogProb(c Choice) float64 {
	if c.Abstain {
		return -softplus(d.gate)
	}
	return -softplus(-d.gate)
}

// pick returns the position at which the cumulated probabilities pass u.
func pick(logProbs []float64, u float64) int {
	for i, lp := range logProbs {
		if u -= math.Exp(lp); u < 0 {
			return i
		}
	}
	return len(logProbs) - 1 // u within rounding of 1
}
