package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// chatMessage is a message as the model server reads it.
type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func messagesOf(p *trainerv1.Probe) (out []chatMessage) {
	for _, m := range p.GetMessages() {
		out = append(out, chatMessage{m.GetRole(), m.GetContent()})
	}
	return out
}

// first returns the log-probabilities of the most likely first tokens of an answer.
func (v *vllm) first(ctx context.Context, model string, messages []chatMessage) (map[string]float64, error) {
	status, answer, err := v.call(ctx, http.MethodPost, "/v1/chat/completions", map[string]any{
		"model": model, "messages": messages, "max_tokens": 1, "temperature": 0, "seed": 0, "logprobs": true, "top_logprobs": 5,
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
	if err := json.Unmarshal(answer, &body); err != nil || status != http.StatusOK {
		return nil, refused(model, status, answer)
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

// answerLogprob returns the log-probability of a known answer under a model, nats.
// The tokens are the worker's own, so that no chat template comes between.
func (v *vllm) answerLogprob(ctx context.Context, model string, p *trainerv1.Probe) (float64, error) {
	status, answer, err := v.call(ctx, http.MethodPost, "/v1/completions", map[string]any{
		"model": model, "prompt": p.GetTokens(), "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0,
	})
	if err != nil {
		return 0, err
	}
	var body struct {
		Choices []struct {
			Prompt []map[string]struct {
				Logprob float64 `json:"logprob"`
			} `json:"prompt_logprobs"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(answer, &body); err != nil || status != http.StatusOK || len(body.Choices) == 0 {
		return 0, refused(model, status, answer)
	}
	given := body.Choices[0].Prompt
	if len(given) != len(p.GetTokens()) {
		return 0, fmt.Errorf("the model server gives log-probabilities of %d tokens for %s, want %d: %w", len(given), model, len(p.GetTokens()), errs.ErrPrecondition)
	}
	sum := 0.0
	for i := len(given) - int(p.GetAnswerTokens()); i < len(given); i++ {
		one, ok := given[i][strconv.Itoa(int(p.GetTokens()[i]))]
		if !ok {
			return 0, fmt.Errorf("the model server gives no log-probability of token %d for %s: %w", i, model, errs.ErrPrecondition)
		}
		sum += one.Logprob
	}
	return sum, nil
}

// refused is the error for an answer that cannot be used. A name that is gone will
// be loaded again: the probe is retried.
func refused(model string, status int, answer []byte) error {
	if status == http.StatusNotFound {
		return fmt.Errorf("the model server has lost %s: %w", model, errs.ErrUnavailable)
	}
	return fmt.Errorf("the model server answers %d to a probe of %s: %s: %w", status, model, short(answer), errs.ErrPrecondition)
}
