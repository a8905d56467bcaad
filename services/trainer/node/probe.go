package node

import (
	"context"
	"fmt"
	"math"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// questions are asked where a worker sends no probes. Adapter and base are both
// asked: greedy texts can be the same although the adapter works, log-probabilities
// then differ.
var questions = []string{
	"It is 8 in the morning and the person is making coffee. Recommend something or stay silent. Answer in JSON.",
	"It is 3 in the afternoon and the person is working at the desk. Recommend something or stay silent. Answer in JSON.",
	"It is 9 in the evening and the person is reading on the sofa. Recommend something or stay silent. Answer in JSON.",
}

const (
	// noEffect is a difference of log-probabilities that rounding alone explains,
	// nats.
	noEffect = 1e-6
	// effectShare and effectFloor say how far the effect of an adapter as served may
	// be from its effect as trained: by a quarter of it, and by 0.02 nats a token,
	// which the arithmetic of bf16 explains. An adapter at half its scale is found
	// where its effect is above 0.08 nats a token.
	effectShare, effectFloor = 0.25, 0.02
)

// probe tests an adapter that is loaded under a name: that it has an effect, that
// the effect is the one which the worker computed, and that answers follow the
// schema of the run's own answers.
func (v *vllm) probe(ctx context.Context, base string, req *trainerv1.ProbeAdapterRequest) (*trainerv1.ProbeAdapterResponse, error) {
	out := &trainerv1.ProbeAdapterResponse{}
	var err error
	if out.Difference, err = v.effect(ctx, base, req.GetName(), req.GetProbes()); err != nil {
		return nil, err
	}
	check := &trainerv1.GateCheck{Name: "effect", Passed: out.Difference > noEffect, Detail: fmt.Sprintf("log-probabilities differ from the base's by up to %.4f nats", out.Difference)}
	if !check.GetPassed() {
		check.Detail = "the model server gives the log-probabilities of the base under the name " + req.GetName()
	}
	out.Checks = append(out.Checks, check)
	if check.GetPassed() && len(req.GetProbes()) > 0 {
		for _, test := range []func(context.Context, string, *trainerv1.ProbeAdapterRequest) (*trainerv1.GateCheck, error){v.agreement, v.schema} {
			if check, err = test(ctx, base, req); err != nil {
				return nil, err
			}
			out.Checks = append(out.Checks, check)
		}
	}
	for _, c := range out.GetChecks() {
		if !c.GetPassed() {
			out.Rejection = c.GetDetail()
			break
		}
	}
	return out, nil
}

// effect is the greatest difference between the log-probabilities of the most
// likely first tokens under a name and under the base, nats.
func (v *vllm) effect(ctx context.Context, base, name string, probes []*trainerv1.Probe) (difference float64, err error) {
	var asked [][]chatMessage
	for _, question := range questions {
		asked = append(asked, []chatMessage{{"user", question}})
	}
	for _, p := range probes {
		asked = append(asked, messagesOf(p))
	}
	for _, messages := range asked {
		want, err := v.first(ctx, base, messages)
		if err != nil {
			return 0, err
		}
		got, err := v.first(ctx, name, messages)
		if err != nil {
			return 0, err
		}
		for token, p := range got {
			if q, both := want[token]; both {
				difference = max(difference, math.Abs(p-q))
			} else {
				difference = max(difference, noEffect*2) // another token is among the most likely ones
			}
		}
	}
	return difference, nil
}

// agreement compares the effect on the log-probabilities of known answers with the
// one that the worker computed. The effect, not the log-probabilities themselves:
// the model server may hold the base in another precision.
func (v *vllm) agreement(ctx context.Context, base string, req *trainerv1.ProbeAdapterRequest) (*trainerv1.GateCheck, error) {
	var effect, apart, tokens float64
	for _, p := range req.GetProbes() {
		under, err := v.answerLogprob(ctx, req.GetName(), p)
		if err != nil {
			return nil, err
		}
		without, err := v.answerLogprob(ctx, base, p)
		if err != nil {
			return nil, err
		}
		trained := p.GetAdapterLogprob() - p.GetBaseLogprob()
		effect, apart, tokens = effect+math.Abs(trained), apart+math.Abs((under-without)-trained), tokens+float64(p.GetAnswerTokens())
	}
	effect, apart = effect/tokens, apart/tokens
	limit := effectFloor + effectShare*effect
	return &trainerv1.GateCheck{
		Name: "agreement", Passed: apart <= limit,
		Detail: fmt.Sprintf("the effect as served is %.4f nats a token from the effect as trained, which is %.4f; at most %.4f is allowed", apart, effect, limit),
	}, nil
}
