// Package modelpolicy is the policy of an assistant whose words come from a chat
// model. The model's structured answer is what is scored, and its exact text is
// what becomes a training target.
package modelpolicy

import (
	"context"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/reply"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/prompts"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/answer"
	"github.com/propersim/propersim/services/assistant/driver"
)

// promptName is the template of the policy.
const promptName = "assistant/recommend"

// Policy is a driver.Policy.
type Policy struct {
	asker     model.Asker
	prompts   *prompts.Set
	backend   *simv1.Backend
	catalogue bool
	topics    []string
	tones     []string
	free      *model.Schema // recommend or abstain
	forced    *model.Schema // recommend
	adapter   *assistantv1.Adapter
}

// New returns the policy of the base model. It returns an ErrInvalid where the
// assistant's role is not configured or the prompt asks for what there is not.
func New(asker model.Asker, set *prompts.Set) (*Policy, error) {
	r, _, err := asker.Role(model.Assistant)
	if err != nil {
		return nil, err
	}
	p := &Policy{
		asker: asker, prompts: set, catalogue: r.Catalogue, adapter: &assistantv1.Adapter{}, backend: r.Backend(model.Assistant, "model", set.Digest()),
		topics: reply.Topics(), tones: reply.Tones(),
	}
	if p.free, err = reply.Schema(p.catalogue); err != nil {
		return nil, err
	}
	if p.forced, err = reply.Forced(p.catalogue); err != nil {
		return nil, err
	}
	_, err = p.render(&driver.Moment{Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR})
	return p, err
}

// Adapter implements driver.Policy.
func (p *Policy) Adapter() string { return p.adapter.GetId() }

// Backend implements driver.Policy.
func (p *Policy) Backend() *simv1.Backend { return p.backend }

// With implements driver.Policy. The adapter must have a name at the model
// server, under which its answers are asked for.
func (p *Policy) With(_ context.Context, adapter *assistantv1.Adapter) (driver.Policy, error) {
	if adapter.GetModel() == "" {
		return nil, errs.Invalid("adapter.model", "is empty, want the name under which the model server serves adapter %q", adapter.GetId())
	}
	out := *p
	out.adapter = adapter
	return &out, nil
}

// Answer implements driver.Policy. Under SCHEME_SAMPLES it asks for n samples;
// under SCHEME_CONTRAST for one, and at the same time for one that has to
// recommend something; under SCHEME_COMPLETE for two of those.
func (p *Policy) Answer(ctx context.Context, m *driver.Moment, n int, scheme simv1.Scheme) ([]*simv1.Candidate, *simv1.Prompt, role.Effects, error) {
	messages, err := p.render(m)
	if err != nil {
		return nil, nil, role.Effects{}, err
	}
	calls := []model.Call{p.call(m, messages, "sample", p.free, n)}
	switch scheme {
	case simv1.Scheme_SCHEME_CONTRAST:
		calls[0].N = 1
		calls = append(calls, p.call(m, messages, "recommend", p.forced, 1))
	case simv1.Scheme_SCHEME_COMPLETE:
		calls[0].N = 1
		calls = append(calls, p.call(m, messages, "recommend", p.forced, 2))
	}
	answers, err := p.asker.DoAll(ctx, calls)
	if err != nil {
		return nil, nil, role.Effects{}, err
	}
	var candidates []*simv1.Candidate
	for i := range answers[0] {
		candidates = append(candidates, p.candidate(&answers[0][i], simv1.Origin_ORIGIN_SAMPLE))
	}
	switch scheme {
	case simv1.Scheme_SCHEME_CONTRAST:
		candidates = p.contrast(candidates[0], &answers[1][0])
	case simv1.Scheme_SCHEME_COMPLETE:
		candidates = p.complete(candidates[0], answers[1])
	}
	return candidates, prompt(messages, m), model.EffectsOf(answers), nil
}

// contrast adds the opposite of the first candidate, and beside a
// recommendation a second one.
func (p *Policy) contrast(first *simv1.Candidate, forced *model.Answer) []*simv1.Candidate {
	if first.GetRecommendation() == nil {
		return []*simv1.Candidate{first, p.candidate(forced, simv1.Origin_ORIGIN_OPPOSITE)}
	}
	opposite := answer.Silence()
	opposite.Origin = simv1.Origin_ORIGIN_OPPOSITE
	return []*simv1.Candidate{first, opposite, p.candidate(forced, simv1.Origin_ORIGIN_SECOND)}
}

// complete adds to the first candidate what it lacks of a silence and two
// different recommendations. A first candidate that failed counts as a silence,
// which it is to the user; but it is judged by nobody, so the step makes no pair.
func (p *Policy) complete(first *simv1.Candidate, forced []model.Answer) []*simv1.Candidate {
	if first.GetRecommendation() == nil {
		return []*simv1.Candidate{first, p.candidate(&forced[0], simv1.Origin_ORIGIN_OPPOSITE), p.candidate(&forced[1], simv1.Origin_ORIGIN_SECOND)}
	}
	opposite := answer.Silence()
	opposite.Origin = simv1.Origin_ORIGIN_OPPOSITE
	second := p.candidate(&forced[0], simv1.Origin_ORIGIN_SECOND)
	if second.GetRecommendation().GetText() == first.GetRecommendation().GetText() {
		second = p.candidate(&forced[1], simv1.Origin_ORIGIN_SECOND)
	}
	return []*simv1.Candidate{first, opposite, second}
}

func (p *Policy) call(m *driver.Moment, messages []model.Message, purpose string, schema *model.Schema, n int) model.Call {
	seed := int64(m.Draws.Uint64(0) >> 1)
	return model.Call{
		Role: model.Assistant, Purpose: purpose, Run: m.Run, Step: m.Step, At: m.At, Messages: messages, Schema: schema,
		Check: p.check, N: n, Seed: &seed, Adapter: p.adapter.GetModel(), AdapterRun: p.adapter.GetRunHandle(),
	}
}

func (p *Policy) check(value []byte) error { return reply.Check(value, p.catalogue) }

// candidate turns an answer into a candidate. What stayed unreadable is a
// failure, never a silence.
func (p *Policy) candidate(a *model.Answer, origin simv1.Origin) *simv1.Candidate {
	out := &simv1.Candidate{Origin: origin, Completion: string(a.JSON)}
	var r reply.Reply
	if err := a.Decode(&r); err != nil {
		failure := a.Failure
		if failure == nil {
			failure = &model.Failure{Outcome: model.OffSchema, Detail: err.Error()}
		}
		out.Choice = &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: string(failure.Outcome), Detail: cut(failure.Detail, 4096)}}
		out.Completion = cut(failure.Last, 16384)
		return out
	}
	if r.Action != reply.Recommend {
		out.Choice = &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}
		return out
	}
	said := &simv1.Recommendation{Text: r.Text}
	if p.catalogue {
		said.Topic, said.Tone = r.Topic, r.Tone
	}
	out.Choice = &simv1.Candidate_Recommendation{Recommendation: said}
	return out
}

// cut shortens a text to so many bytes of valid UTF-8.
func cut(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}

var _ driver.Policy = (*Policy)(nil)
