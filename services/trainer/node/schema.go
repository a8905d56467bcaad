package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/reply"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// answerTokens bounds an answer of the test of the schema, as vLLM counts tokens.
const answerTokens = 512

// schema asks the adapter the questions of the probes as the assistant asks them,
// with the schema. An adapter passes when it answers every question well that the
// base answers well: it has not forgotten how to answer.
func (v *vllm) schema(ctx context.Context, base string, req *trainerv1.ProbeAdapterRequest) (*trainerv1.GateCheck, error) {
	check := &trainerv1.GateCheck{Name: "schema", Passed: true}
	asked, worse, both := 0, 0, 0
	for _, p := range req.GetProbes() {
		schema, catalogue, err := schemaOf(p.GetAnswer())
		if err != nil {
			return nil, err
		}
		if schema == nil {
			continue
		}
		asked++
		broken, err := v.broken(ctx, req.GetName(), p, schema, catalogue)
		if err != nil {
			return nil, err
		}
		if broken == "" {
			continue
		}
		baseBroken, err := v.broken(ctx, base, p, schema, catalogue)
		if err != nil {
			return nil, err
		}
		if baseBroken != "" {
			both++
			continue
		}
		worse++
		check.Detail = "; " + broken
	}
	check.Passed = worse == 0
	check.Detail = fmt.Sprintf("%d of %d answers follow the schema, %d the base's neither%s", asked-worse-both, asked, both, check.GetDetail())
	if asked == 0 {
		check.Detail = "not tested: the answers of the pairs have another schema than the built-in assistant's"
	}
	return check, nil
}

// schemaOf returns the schema that a known answer follows; nil for none that is
// known here.
func schemaOf(answer string) (*model.Schema, bool, error) {
	for _, catalogue := range []bool{false, true} {
		schema, err := reply.Schema(catalogue)
		if err != nil {
			return nil, false, err
		}
		if schema.Check([]byte(answer)) == nil {
			return schema, catalogue, nil
		}
	}
	return nil, false, nil
}

// broken says what is wrong with an answer under a name; empty when nothing is.
func (v *vllm) broken(ctx context.Context, name string, p *trainerv1.Probe, schema *model.Schema, catalogue bool) (string, error) {
	status, body, err := v.call(ctx, http.MethodPost, "/v1/chat/completions", map[string]any{
		"model": name, "messages": messagesOf(p), "max_tokens": answerTokens, "temperature": 0, "seed": 0,
		"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": schema.Name, "strict": true, "schema": schema.JSON}},
	})
	if err != nil {
		return "", err
	}
	var answer struct {
		Choices []struct {
			Finish  string `json:"finish_reason"`
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || len(answer.Choices) == 0 {
		return "", refused(name, status, body)
	}
	choice := answer.Choices[0]
	if choice.Finish != "stop" {
		return fmt.Sprintf("an answer ended after %d tokens without its end (%s)", answerTokens, choice.Finish), nil
	}
	err = schema.Check([]byte(choice.Message.Content))
	if err == nil {
		err = reply.Check([]byte(choice.Message.Content), catalogue)
	}
	if err != nil {
		return fmt.Sprintf("an answer is wrong: %v", err), nil
	}
	return "", nil
}
