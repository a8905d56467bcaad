// Package oracle is the baseline that knows the user's preference spec: when to
// speak, about what and how. It is the upper bound that other methods are compared
// with, and the only part of the assistant that reads a spec.
package oracle

import (
	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/answer"
)

// Adviser knows what a user wants, and sees of the user what an assistant sees. It
// is an answer.Sampler of the step it attends to. It is not safe for concurrent
// use.
type Adviser struct {
	history *judge.History
	reading judge.Reading
	draws   seeded.Source // of the step attended to
	said    []int         // recommendations by position in content.Topics
}

// New returns the adviser of a run. It returns errs.Violations for a spec that is
// not valid.
func New(spec *simv1.PreferenceSpec, scale simtime.Scale) (*Adviser, error) {
	compiled, err := judge.Compile(spec)
	if err != nil {
		return nil, err
	}
	return &Adviser{history: compiled.NewHistory(scale), said: make([]int, len(content.Topics()))}, nil
}

// Observe folds in a committed waking step.
func (a *Adviser) Observe(past *simv1.PastStep) {
	recommendation := past.GetDelivered().GetRecommendation()
	a.history.Observe(past.GetStep(), activity.Kind(past.GetObservation().GetKind()), recommendation != nil)
	if topic := content.TopicIndex(recommendation.GetTopic()); topic >= 0 {
		a.said[topic]++
	}
}

// Attend turns to a step after the last observed one.
func (a *Adviser) Attend(step int32, seen *simv1.Observation, draws seeded.Source) {
	a.reading = a.history.Read(step, activity.Kind(seen.GetKind()))
	a.draws = draws
}

// Sample recommends when a recommendation is due, as far as can be seen, and is
// silent otherwise.
func (a *Adviser) Sample(n int) *simv1.Candidate {
	if !a.reading.Due {
		return answer.Silence()
	}
	return a.Recommend(n)
}

// Recommend returns a recommendation: the topic said least often so far among
// those that the user accepts entirely, ties by the draw. Where there is none, it
// is the most acceptable line that was tried.
func (a *Adviser) Recommend(n int) *simv1.Candidate {
	here := a.draws.At(n)
	best := int32(-1)
	var topic, tone int
	var text string
	order := a.topics(here)
	for _, t := range order[:min(len(order), tries)] {
		line, k, total := a.line(t, here)
		if total > best {
			best, topic, tone, text = total, t, k, line
		}
		if best == perfect {
			break
		}
	}
	return answer.Recommend(content.Topics()[topic].ID, string(content.Tones()[tone]), text)
}

// topics returns the liked topics in the order in which they are tried: least said
// first, ties in a drawn order. Where none is liked it returns all.
func (a *Adviser) topics(here seeded.Source) []int {
	liked := a.reading.LikedTopics()
	if len(liked) == 0 {
		for t := range content.Topics() {
			liked = append(liked, t)
		}
	}
	order := make([]int, 0, len(liked))
	for _, i := range here.Perm(len(liked), 0) {
		order = append(order, liked[i])
	}
	for i := 1; i < len(order); i++ { // a stable sort keeps ties as drawn
		for j := i; j > 0 && a.said[order[j]] < a.said[order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	return order
}

// tries bounds the topics that are tried when no line is accepted.
const tries = 8

// perfect is the best score of a line: preference and communication. Timing and
// frequency depend on the moment, not on the line.
const perfect = 2

// line returns the best line about a topic, its tone by position, and its score by
// preference and communication.
func (a *Adviser) line(topic int, here seeded.Source) (text string, tone int, total int32) {
	total = -1
	for _, k := range here.Perm(len(content.Tones()), 1) {
		n := policy.Lines(topic, k)
		first := here.Intn(n, 2, k)
		for i := range n {
			candidate := policy.Line(topic, k, (first+i)%n)
			if score := a.score(topic, k, candidate); score > total {
				text, tone, total = candidate, k, score
			}
			if total == perfect {
				return text, tone, total
			}
		}
	}
	return text, tone, total
}

func (a *Adviser) score(topic, tone int, text string) int32 {
	evaluation := a.reading.Evaluate(&simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{
		Text: text, Topic: content.Topics()[topic].ID, Tone: string(content.Tones()[tone]),
	}}})
	total := int32(0)
	for _, v := range evaluation.GetVerdicts() {
		if v.GetOutcome() != simv1.Outcome_OUTCOME_PASS {
			continue
		}
		switch v.GetCriterion() {
		case simv1.Criterion_CRITERION_PREFERENCE, simv1.Criterion_CRITERION_COMMUNICATION:
			total++
		}
	}
	return total
}
