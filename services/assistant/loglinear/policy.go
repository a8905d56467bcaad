// Package loglinear is the embedded policy: the log-linear model of pkg/policy. It
// answers from the features of a moment and needs no model server. Topics and
// tones by position, as that model knows them, stay inside this package.
package loglinear

import (
	"context"
	"fmt"
	"sync"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/assistant/answer"
	"github.com/propersim/propersim/services/assistant/driver"
)

// Policy is a driver.Policy.
type Policy struct {
	model    *policy.Policy
	adapter  string // empty for the base policy
	adapters *adapters
}

// New returns the base policy. Adapters come from the trainer.
func New(trainer trainerv1.TrainerServiceClient) (*Policy, error) {
	a, err := newAdapters(trainer)
	if err != nil {
		return nil, err
	}
	return &Policy{model: policy.Base(), adapters: a}, nil
}

// Adapter implements driver.Policy.
func (p *Policy) Adapter() string { return p.adapter }

// Backend implements driver.Policy.
func (p *Policy) Backend() *simv1.Backend { return role.EmbeddedBackend() }

// With implements driver.Policy. It downloads the adapter unless it was used
// lately.
func (p *Policy) With(ctx context.Context, adapter *assistantv1.Adapter) (driver.Policy, error) {
	if adapter.GetModel() != "" {
		return nil, errs.Invalid("adapter.model", "found %q, want none: the policy is embedded", adapter.GetModel())
	}
	model, err := p.adapters.get(ctx, adapter.GetId())
	if err != nil {
		return nil, fmt.Errorf("adapter %q: %w", adapter.GetId(), err)
	}
	return &Policy{model: model, adapter: adapter.GetId(), adapters: p.adapters}, nil
}

// Answer implements driver.Policy. It makes no calls and fails only when ctx has
// ended or the moment has no features.
func (p *Policy) Answer(ctx context.Context, m *driver.Moment, n int, scheme simv1.Scheme) ([]*simv1.Candidate, *simv1.Prompt, role.Effects, error) {
	if err := errs.FromContext(ctx); err != nil {
		return nil, nil, role.Effects{}, err
	}
	if m.Features == nil {
		return nil, nil, role.Effects{}, errs.Invalid("features", "are missing")
	}
	s := samplers.Get().(*sampler)
	defer samplers.Put(s)
	p.model.Read(m.Features, &s.distribution)
	s.draws = m.Draws
	if scheme == simv1.Scheme_SCHEME_COMPLETE {
		return answer.Complete(s), newPrompt(m), role.Effects{}, nil
	}
	return answer.Candidates(s, scheme, n), newPrompt(m), role.Effects{}, nil
}

// Untrained answers as the base policy does: what a baseline says where it says
// anything. The zero value answers nothing before Attend. It is not safe for
// concurrent use.
type Untrained struct{ sampler sampler }

// Attend turns to a moment.
func (u *Untrained) Attend(features *simv1.Features, draws seeded.Source) {
	policy.Base().Read(features, &u.sampler.distribution)
	u.sampler.draws = draws
}

// Recommend returns the n-th recommendation at the moment.
func (u *Untrained) Recommend(n int) *simv1.Candidate { return u.sampler.Recommend(n) }

// samplers are reused: a distribution has an entry for each topic.
var samplers = sync.Pool{New: func() any { return &sampler{} }}

// sampler is an answer.Sampler over one distribution.
type sampler struct {
	distribution policy.Distribution
	draws        seeded.Source
}

// The draws of one answer.
const (
	drawGate = iota
	drawTopic
	drawTone
	drawText
)

func (s *sampler) Sample(n int) *simv1.Candidate {
	at := s.draws.At(n)
	return candidate(s.distribution.Sample(drawsOf(at)), at)
}

func (s *sampler) Recommend(n int) *simv1.Candidate {
	at := s.draws.At(n)
	return candidate(s.distribution.Recommend(drawsOf(at)), at)
}

// Explore implements answer.Explorer: any other topic and any tone, each as likely
// as the others, so that every topic is tried at every kind of moment.
func (s *sampler) Explore(n int, other *simv1.Recommendation) *simv1.Candidate {
	at := s.draws.At(n)
	topics := len(content.Topics())
	topic := (content.TopicIndex(other.GetTopic()) + 1 + at.Intn(topics-1, drawTopic)) % topics
	return candidate(policy.Choice{Topic: topic, Tone: at.Intn(len(tones), drawTone)}, at)
}

func drawsOf(s seeded.Source) policy.Draws {
	return policy.Draws{Gate: s.Float64(drawGate), Topic: s.Float64(drawTopic), Tone: s.Float64(drawTone)}
}

var tones = content.Tones()

// candidate writes a choice out, with words that are drawn.
func candidate(c policy.Choice, s seeded.Source) *simv1.Candidate {
	if c.Abstain {
		return answer.Silence()
	}
	return answer.Recommend(content.Topics()[c.Topic].ID, string(tones[c.Tone]), policy.Realise(c.Topic, c.Tone, s.Uint64(drawText)))
}
