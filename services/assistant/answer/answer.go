// Package answer writes candidates: silence, or a recommendation with its
// completion, by a scheme.
package answer

import (
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Sampler gives the answers of one moment. Every call is a function of n alone.
type Sampler interface {
	// Sample gives the n-th independent answer.
	Sample(n int) *simv1.Candidate
	// Recommend gives the n-th answer under the condition that something is said.
	Recommend(n int) *simv1.Candidate
}

// Explorer is a sampler that can also say what it would hardly say by itself.
type Explorer interface {
	Sampler
	// Explore gives the n-th recommendation that is about another topic than the
	// given one, whatever the sampler thinks of it.
	Explore(n int, other *simv1.Recommendation) *simv1.Candidate
}

// Complete asks for the candidates of SCHEME_COMPLETE: the own sample, then the
// other one of a silence and a recommendation, then a recommendation that explores.
func Complete(s Explorer) []*simv1.Candidate {
	first, other := s.Sample(0), Silence()
	said := first
	if first.GetRecommendation() == nil {
		other = s.Recommend(1)
		said = other
	}
	second := s.Explore(2, said.GetRecommendation())
	first.Origin, other.Origin, second.Origin = simv1.Origin_ORIGIN_SAMPLE, simv1.Origin_ORIGIN_OPPOSITE, simv1.Origin_ORIGIN_SECOND
	return []*simv1.Candidate{first, other, second}
}

// Candidates asks a sampler for candidates: n samples, or by SCHEME_CONTRAST 2
// candidates, and 3 where the first one is a recommendation.
func Candidates(s Sampler, scheme simv1.Scheme, n int) []*simv1.Candidate {
	first := s.Sample(0)
	first.Origin = simv1.Origin_ORIGIN_SAMPLE
	if scheme == simv1.Scheme_SCHEME_CONTRAST {
		return contrast(s, first)
	}
	out := make([]*simv1.Candidate, n)
	out[0] = first
	for i := 1; i < n; i++ {
		out[i] = s.Sample(i)
		out[i].Origin = simv1.Origin_ORIGIN_SAMPLE
	}
	return out
}

func contrast(s Sampler, first *simv1.Candidate) []*simv1.Candidate {
	other := s.Recommend(1)
	if first.GetRecommendation() == nil {
		other.Origin = simv1.Origin_ORIGIN_OPPOSITE
		return []*simv1.Candidate{first, other}
	}
	opposite := Silence()
	opposite.Origin = simv1.Origin_ORIGIN_OPPOSITE
	other.Origin = simv1.Origin_ORIGIN_SECOND
	return []*simv1.Candidate{first, opposite, other}
}

// recommendation and silence allocate a candidate with its parts at once: an
// assistant makes two of them a step.
type recommendation struct {
	candidate simv1.Candidate
	choice    simv1.Candidate_Recommendation
	words     simv1.Recommendation
}

type silence struct {
	candidate  simv1.Candidate
	choice     simv1.Candidate_Abstention
	abstention simv1.Abstention
}

// Silence returns the candidate that says nothing.
func Silence() *simv1.Candidate {
	c := &silence{}
	c.choice.Abstention = &c.abstention
	c.candidate.Choice, c.candidate.Completion = &c.choice, abstainCompletion
	return &c.candidate
}

// Recommend returns the candidate that says text about a topic in a tone, both by
// their ids in package content.
func Recommend(topic, tone, text string) *simv1.Candidate {
	c := &recommendation{}
	c.words.Topic, c.words.Tone, c.words.Text = topic, tone, text
	c.choice.Recommendation = &c.words
	c.candidate.Choice, c.candidate.Completion = &c.choice, completion(topic, tone, text)
	return &c.candidate
}
