package node

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"

	"github.com/propersim/propersim/pkg/errs"
)

// probes are the questions that adapter and base are both asked. Greedy texts can
// be the same although the adapter works; log-probabilities then differ.
var probes = []string{
	"It is 8 in the morning and the person is making coffee. Recommend something or stay silent. Answer in JSON.",
	"It is 3 in the afternoon and the person is working at the desk. Recommend something or stay silent. Answer in JSON.",
	"It is 9 in the evening and the person is reading on the sofa. Recommend something or stay silent. Answer in JSON.",
}

// noEffect is a difference of log-probabilities that rounding alone explains, nats.
const noEffect = 1e-6

// probe compares the log-probabilities of the first token under a name and under
// the base. It returns the greatest difference, and a rejection when the adapter
// has no effect: the model server may load one and use none of it.
func (v *vllm) probe(ctx context.Context, base, name string) (difference float64, rejection string, err error) {
	for _, question := range probes {
		want, err := v.first(ctx, base, question)
		if err != nil {
			return 0, "", err
		}
		got, err := v.first(ctx, name, question)
		if err != nil {
			return 0, "", err
		}
		for token, p := range got {
			if q, both := want[token]; both {
				difference = max(difference, math.Abs(p-q))
			} else {
				difference = max(difference, noEffect*2) // another token came among the most likely ones
			}
		}
	}
	if difference <= noEffect {
		return difference, fmt.Sprintf("the model server gives the log-probabilities of the base under the name %s", name), nil
	}
	return difference, "", nil
}

// first returns the log-probabilities of the most likely first tokens of an answer.
func (v *vllm) first(ctx context.Context, model, question string) (map[string]float64, error) {
	status, answer, err := v.call(ctx, http.MethodPost, "/v1/chat/completions", map[string]any{
		"model": model, "messages": []map[string]string{{"role": "user", "content": question}},
		"max_tokens": 1, "temperature": 0, "seed": 0, "logprobs": true, "top_logprobs": 5,
	})
	if err != nil {
		return nil, err
	}
	var body struct {
		Choices []struct {
			Logprobs struct {
				Content []struct {
					Top []struct {
						Token   string  `json:"token"`
						Logprob float64 `json:"logprob"`
					} `json:"top_logprobs"`
				} `json:"content"`
			} `json:"logprobs"`
		} `json:"choices"`
	}
	if status == http.StatusNotFound {
		return nil, fmt.Errorf("the model server has lost %s: %w", model, errs.ErrUnavailable)
	}
	if err := json.Unmarshal(answer, &body); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("the model server answers %d to a probe of %s: %s: %w", status, model, short(answer), errs.ErrPrecondition)
	}
	if len(body.Choices) == 0 || len(body.Choices[0].Logprobs.Content) == 0 || len(body.Choices[0].Logprobs.Content[0].Top) == 0 {
		return nil, fmt.Errorf("the model server gives no log-probabilities for %s: %w", model, errs.ErrPrecondition)
	}
	out := map[string]float64{}
	for _, one := range body.Choices[0].Logprobs.Content[0].Top {
		out[one.Token] = one.Logprob
	}
	return out, nil
}
