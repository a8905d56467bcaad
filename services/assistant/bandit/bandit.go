// Package bandit is the contextual bandit among the baselines: LinUCB (Li, Chu,
// Langford and Schapire, 2010). It chooses between silence and a recommendation
// about some topic in some tone, from the features that the policy has, and
// learns at every step from the score of what was delivered, and of nothing else.
package bandit

import (
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/answer"
	"github.com/propersim/propersim/services/assistant/memory"
)

const (
	// width is LinUCB's alpha: how many standard deviations of an estimate count in
	// favour of what is little known. The best of 0.1, 0.3 and 1 for our own 32
	// people, seed 1.
	width = 0.3
	// bestScore is the highest score; rewards are shares of it.
	bestScore = 4
)

// Bandit is the bandit of one run: an answer.Sampler of the step that it attends
// to, and a fold over the committed steps. It is not safe for concurrent use.
type Bandit struct {
	scale   simtime.Scale
	memory  *memory.Memory
	silence *ridge // expected reward of silence
	speech  *ridge // ... of a recommendation

	// Of the step attended to.
	moment      []entry
	speaks      bool
	topic, tone int
	draws       seeded.Source
}

// New returns the bandit of a run without steps.
func New(scale simtime.Scale) *Bandit {
	return &Bandit{
		scale: scale, memory: memory.New(simv1.MemoryLevel_MEMORY_LEVEL_ARS, scale),
		silence: newRidge(features.moment), speech: newRidge(features.all),
	}
}

// Observe folds in a committed waking step. One without a score, which nobody
// could judge, teaches nothing.
func (b *Bandit) Observe(past *simv1.PastStep) {
	if past.Score != nil {
		b.learn(past, float64(past.GetScore())/bestScore)
	}
	b.memory.Observe(past)
}

func (b *Bandit) learn(past *simv1.PastStep, reward float64) {
	b.read(past.GetStep(), past.GetObservation())
	said := past.GetDelivered().GetRecommendation()
	if said == nil {
		b.silence.learn(b.moment, reward)
		return
	}
	topic, tone := content.TopicIndex(said.GetTopic()), content.ToneIndex(content.Tone(said.GetTone()))
	if topic < 0 || tone < 0 {
		return // no words of ours
	}
	at := features.wordsAt(topic, tone, b.part(past.GetStep()))
	x := b.moment
	for _, i := range at {
		x = append(x, entry{i, 1})
	}
	b.speech.learn(x, reward)
}

// read reads the features of a step after the last observed one.
func (b *Bandit) read(step int32, seen *simv1.Observation) {
	b.moment = features.appendMoment(b.moment[:0], b.memory.Features(step, seen))
}

// part is the part of the day of a step.
func (b *Bandit) part(step int32) int { return policy.Daypart(b.scale.MinuteOfDay(step)) }

// Attend turns to a step after the last observed one and decides.
func (b *Bandit) Attend(step int32, seen *simv1.Observation, draws seeded.Source) {
	b.read(step, seen)
	b.draws = draws
	var value float64
	b.topic, b.tone, value = b.best(b.part(step), draws)
	b.speaks = value > bound(b.silence.project(b.moment))
}

// best returns the recommendation with the greatest upper bound; the draws decide
// which one of equals.
func (b *Bandit) best(part int, draws seeded.Source) (topic, tone int, value float64) {
	s := b.speech
	mean, variance := s.project(b.moment)
	topics, tones := len(content.Topics()), len(content.Tones())
	first := draws.Intn(topics * tones)
	value = -1
	for n := range topics * tones {
		n = (first + n) % (topics * tones)
		m, v := mean, variance
		at := features.wordsAt(n/tones, n%tones, part)
		for k, i := range at {
			m += s.theta[i]
			v += 2*s.product[i] + s.covariance(i, i)
			for _, j := range at[:k] {
				v += 2 * s.covariance(i, j)
			}
		}
		if upper := bound(m, v); upper > value {
			topic, tone, value = n/tones, n%tones, upper
		}
	}
	return topic, tone, value
}

// Sample implements answer.Sampler: the decision, in the n-th choice of words.
func (b *Bandit) Sample(n int) *simv1.Candidate {
	if !b.speaks {
		return answer.Silence()
	}
	return b.Recommend(n)
}

// Recommend implements answer.Sampler.
func (b *Bandit) Recommend(n int) *simv1.Candidate {
	text := policy.Realise(b.topic, b.tone, b.draws.At(n).Uint64(0))
	return answer.Recommend(content.Topics()[b.topic].ID, string(content.Tones()[b.tone]), text)
}
