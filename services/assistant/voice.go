package assistant

import (
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// voice is a method at work. attend comes before sample, recommend and prompt,
// which speak of the step it attends to and are functions of it alone.
type voice interface {
	// observe folds in a committed step.
	observe(past *simv1.PastStep)
	// attend turns to a step. like is what was found in the past, nil for
	// methods that do not look.
	attend(step int32, seen *simv1.Observation, like *likeness)
	// sample gives the n-th independent answer.
	sample(n int) answer
	// recommend gives the n-th answer, given that something is said.
	recommend(n int) answer
	// prompt is what the policy was given; nil for methods without one.
	prompt() *simv1.Prompt
	// use puts an adapter in force; adapter returns its id, empty for none.
	use(adapter *assistantv1.Adapter) error
	adapter() string
}

// answer is silence, or words about a topic in a tone, by position.
type answer struct {
	silent      bool
	topic, tone int
	text        string
}

// source is the randomness of a method in a run.
func source(start *assistantv1.SessionStart) seeded.Source {
	return seeded.New(start.GetSettings().GetSeed(), start.GetSettings().GetStream(), "assistant", start.GetMethod())
}

// The draws of one answer, below (step, n).
const (
	drawGate = iota
	drawTopic
	drawTone
	drawText
)

func drawsOf(s seeded.Source) policy.Draws {
	return policy.Draws{Gate: s.Float64(drawGate), Topic: s.Float64(drawTopic), Tone: s.Float64(drawTone)}
}

// realise puts a choice into words.
func realise(c policy.Choice, s seeded.Source) answer {
	if c.Abstain {
		return answer{silent: true}
	}
	return answer{topic: c.Topic, tone: c.Tone, text: policy.Realise(c.Topic, c.Tone, s.Uint64(drawText))}
}

// unadaptable is a voice without a policy that could be trained.
type unadaptable struct{ method string }

func (u unadaptable) use(*assistantv1.Adapter) error {
	return errs.Invalid("adapter", "method %s has no policy that an adapter could change", u.method)
}
func (unadaptable) adapter() string       { return "" }
func (unadaptable) prompt() *simv1.Prompt { return nil }

// candidates asks a voice for candidates by a scheme.
func candidates(v voice, scheme assistantv1.Scheme, n int) []*simv1.Candidate {
	first := v.sample(0)
	if scheme == assistantv1.Scheme_SCHEME_CONTRAST {
		own := candidate(first, simv1.Origin_ORIGIN_SAMPLE)
		if first.silent {
			return []*simv1.Candidate{own, candidate(v.recommend(1), simv1.Origin_ORIGIN_OPPOSITE)}
		}
		return []*simv1.Candidate{
			own,
			candidate(answer{silent: true}, simv1.Origin_ORIGIN_OPPOSITE),
			candidate(v.recommend(1), simv1.Origin_ORIGIN_SECOND),
		}
	}
	out := make([]*simv1.Candidate, n)
	out[0] = candidate(first, simv1.Origin_ORIGIN_SAMPLE)
	for i := 1; i < n; i++ {
		out[i] = candidate(v.sample(i), simv1.Origin_ORIGIN_SAMPLE)
	}
	return out
}

// spoken is a recommendation in one piece of memory, silence a silence.
type spoken struct {
	candidate      simv1.Candidate
	choice         simv1.Candidate_Recommendation
	recommendation simv1.Recommendation
}

type silence struct {
	candidate  simv1.Candidate
	choice     simv1.Candidate_Abstention
	abstention simv1.Abstention
}

// candidate writes an answer out, with its completion.
func candidate(a answer, origin simv1.Origin) *simv1.Candidate {
	if a.silent {
		c := &silence{}
		c.choice.Abstention = &c.abstention
		c.candidate.Choice, c.candidate.Origin, c.candidate.Completion = &c.choice, origin, abstainCompletion
		return &c.candidate
	}
	c := &spoken{}
	c.recommendation.Text = a.text
	c.recommendation.Topic = content.Topics()[a.topic].ID
	c.recommendation.Tone = string(tones[a.tone])
	c.choice.Recommendation = &c.recommendation
	c.candidate.Choice, c.candidate.Origin = &c.choice, origin
	c.candidate.Completion = completion(c.recommendation.Topic, c.recommendation.Tone, a.text)
	return &c.candidate
}

var tones = content.Tones()
