package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"
)

// maxBody bounds an answer's body. A model that repeats itself for ever must
// not fill the memory or the journal.
const maxBody = 4 << 20

// RunHeader is the header with the handle of the run for which an adapter was
// trained.
const RunHeader = "X-Propersim-Run"

// errTooLong reports a body longer than maxBody.
var errTooLong = fmt.Errorf("the answer has more than %d bytes", maxBody)

// reply is what came back for one request, as the answer store keeps it.
type reply struct {
	Model   string   `json:"model"`
	Choices []choice `json:"choices,omitempty"`
	Usage   Usage    `json:"usage"`
	// Unusable says why a paid answer holds nothing that can be parsed.
	Unusable string `json:"unusable,omitempty"`
	// Vectors are the embeddings of a request for embeddings.
	Vectors [][]float32 `json:"vectors,omitempty"`
	// Before are the transient failures of the exchange that brought the reply. Who
	// takes it from the answer store, the morning after a night that asked ahead,
	// has them on record as well.
	Before []Attempt `json:"before,omitempty"`

	cached   bool          // from the cache by content
	recorded bool          // from the answer store
	latency  time.Duration // of the request
}

// choice is one of the answers within a reply.
type choice struct {
	Content string `json:"content"`
	Refusal string `json:"refusal,omitempty"`
	Finish  string `json:"finish,omitempty"`
}

// connection speaks with one replica of an endpoint.
type connection struct {
	chats   openai.ChatService
	embeds  openai.EmbeddingService
	models  openai.ModelService
	key     secret
	caps    Capabilities
	timeout time.Duration
}

func newConnection(url string, e Endpoint, key secret, transport http.RoundTripper) *connection {
	bearer := key.value()
	// The services are made one by one: openai.NewClient would take keys and
	// addresses from OPENAI_* variables of the environment.
	options := []option.RequestOption{
		option.WithBaseURL(url), option.WithMaxRetries(0), option.WithHTTPClient(&http.Client{Transport: limited{transport}}),
	}
	if bearer != "" {
		options = append(options, option.WithAPIKey(bearer))
	}
	return &connection{
		chats: openai.NewChatService(options...), embeds: openai.NewEmbeddingService(options...), models: openai.NewModelService(options...),
		key: key, caps: e.Capabilities, timeout: e.Timeout,
	}
}

// limited cuts bodies off after maxBody.
type limited struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err == nil {
		resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxBody}
	}
	return resp, err
}

type limitedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// chat sends one request for chat completions. A returned error is a failed
// attempt; an answer that cannot be used is a reply all the same.
func (c *connection) chat(ctx context.Context, r *request) (*reply, *attemptError) {
	var raw []byte
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var response *http.Response
	options := []option.RequestOption{option.WithResponseBodyInto(&raw), option.WithResponseInto(&response)}
	if r.adapterRun != "" {
		options = append(options, option.WithHeader(RunHeader, r.adapterRun))
	}
	_, err := c.chats.Completions.New(ctx, c.params(r), options...)
	if errors.Is(err, errTooLong) {
		return &reply{Model: r.Model, Unusable: errTooLong.Error(), latency: time.Since(began)}, nil
	}
	if err != nil {
		return nil, c.classify(err, response)
	}
	out, failed := parseChat(raw)
	if failed != nil {
		failed.detail = c.key.redact(failed.detail)
		return nil, failed
	}
	out.latency = time.Since(began)
	return out, nil
}

// params turns a request into the words of the API.
func (c *connection) params(r *request) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{Model: r.Model, Messages: c.messages(r), Temperature: param.NewOpt(r.Sampling.Temperature)}
	if c.caps.MaxTokensField == "max_completion_tokens" {
		p.MaxCompletionTokens = param.NewOpt(int64(r.Sampling.MaxTokens))
	} else {
		p.MaxTokens = param.NewOpt(int64(r.Sampling.MaxTokens))
	}
	if r.Sampling.TopP > 0 {
		p.TopP = param.NewOpt(r.Sampling.TopP)
	}
	if r.N > 1 {
		p.N = param.NewOpt(int64(r.N))
	}
	if c.caps.Seed && r.Sampling.Seed != nil {
		p.Seed = param.NewOpt(*r.Sampling.Seed)
	}
	if r.bySchema == nil {
		return p
	}
	switch r.structure {
	case ByJSONSchema:
		p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: r.bySchema.Name, Strict: param.NewOpt(true), Schema: r.bySchema.JSON,
		}}
	case ByJSONObject:
		object := shared.NewResponseFormatJSONObjectParam()
		p.ResponseFormat.OfJSONObject = &object
	}
	return p
}

// messages adapts a prompt to what the server takes.
func (c *connection) messages(r *request) []openai.ChatCompletionMessageParamUnion {
	out := make([]openai.ChatCompletionMessageParamUnion, 0, len(r.Messages))
	first := "" // text that has to go into the first message of the user
	for i, m := range r.Messages {
		text := m.Content
		if i == 0 && r.bySchema != nil && r.structure != ByJSONSchema {
			text += "\n\nAnswer with one JSON object and nothing else. It must satisfy this JSON schema:\n" + string(r.bySchema.JSON)
		}
		switch {
		case m.Role == "system" && c.caps.SystemRole:
			out = append(out, openai.SystemMessage(text))
		case m.Role == "system":
			first += text + "\n\n"
		case m.Role == "assistant":
			out = append(out, openai.AssistantMessage(text))
		default:
			out = append(out, openai.UserMessage(first+text))
			first = ""
		}
	}
	return out
}

// envelope is the body of a chat completion, read strictly: what is missing is
// told from what is empty.
type envelope struct {
	Model   string `json:"model"`
	Choices []struct {
		Index   int    `json:"index"`
		Finish  string `json:"finish_reason"`
		Message struct {
			Content *string `json:"content"`
			Refusal *string `json:"refusal"`
		} `json:"message"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		Details    struct {
			Cached int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// parseChat reads a body with status 200.
func parseChat(raw []byte) (*reply, *attemptError) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, &attemptError{outcome: Garbled, detail: "status 200 with an empty body"}
	}
	if !utf8.Valid(raw) {
		return &reply{Unusable: "the answer is not valid UTF-8", Usage: Usage{Estimated: true}}, nil
	}
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, &attemptError{outcome: Garbled, detail: fmt.Sprintf("status 200, but not a chat completion: %v: %s", err, short(string(raw), 120))}
	}
	if len(e.Choices) == 0 && len(e.Error) > 0 && string(e.Error) != "null" {
		return nil, &attemptError{outcome: Overloaded, detail: "status 200 with an error: " + short(string(e.Error), 200)}
	}
	if e.Choices == nil {
		return nil, &attemptError{outcome: Garbled, detail: "status 200, but no choices: " + short(string(raw), 120)}
	}
	out := &reply{Model: e.Model, Usage: Usage{Estimated: e.Usage == nil}}
	if u := e.Usage; u != nil {
		out.Usage = Usage{Prompt: max(0, u.Prompt), Cached: min(max(0, u.Details.Cached), max(0, u.Prompt)), Completion: max(0, u.Completion)}
	}
	for _, c := range e.Choices {
		one := choice{Finish: c.Finish}
		if c.Message.Content != nil {
			one.Content = *c.Message.Content
		}
		if c.Message.Refusal != nil {
			one.Refusal = *c.Message.Refusal
		}
		out.Choices = append(out.Choices, one)
	}
	return out, nil
}

// embed sends one request for embeddings.
func (c *connection) embed(ctx context.Context, model string, texts []string, dimensions int) (*reply, *attemptError) {
	var raw []byte
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	p := openai.EmbeddingNewParams{Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts}, EncodingFormat: openai.EmbeddingNewParamsEncodingFormatFloat}
	if dimensions > 0 {
		p.Dimensions = param.NewOpt(int64(dimensions))
	}
	var response *http.Response
	if _, err := c.embeds.New(ctx, p, option.WithResponseBodyInto(&raw), option.WithResponseInto(&response)); err != nil {
		return nil, c.classify(err, response)
	}
	out, failed := parseEmbeddings(raw, len(texts))
	if failed != nil {
		failed.detail = c.key.redact(failed.detail)
		return nil, failed
	}
	out.latency = time.Since(began)
	return out, nil
}

func parseEmbeddings(raw []byte, want int) (*reply, *attemptError) {
	var e struct {
		Model string `json:"model"`
		Data  []struct {
			Index     int        `json:"index"`
			Embedding []*float64 `json:"embedding"`
		} `json:"data"`
		Usage *struct {
			Prompt int64 `json:"prompt_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		if bytes.Contains(raw, []byte("NaN")) {
			return &reply{Unusable: "an embedding holds NaN", Usage: Usage{Estimated: true}}, nil
		}
		return nil, &attemptError{outcome: Garbled, detail: fmt.Sprintf("status 200, but not embeddings: %v: %s", err, short(string(raw), 120))}
	}
	out := &reply{Model: e.Model, Usage: Usage{Estimated: e.Usage == nil}}
	if e.Usage != nil {
		out.Usage.Prompt = max(0, e.Usage.Prompt)
	}
	if len(e.Data) != want {
		out.Unusable = fmt.Sprintf("%d embeddings for %d texts", len(e.Data), want)
		return out, nil
	}
	out.Vectors = make([][]float32, want)
	for _, d := range e.Data {
		if d.Index < 0 || d.Index >= want || out.Vectors[d.Index] != nil {
			return &reply{Model: e.Model, Usage: out.Usage, Unusable: fmt.Sprintf("embedding with the index %d twice or out of range", d.Index)}, nil
		}
		vector, ok := finite(d.Embedding)
		if !ok {
			return &reply{Model: e.Model, Usage: out.Usage, Unusable: "an embedding is empty or holds a value that is no finite number"}, nil
		}
		out.Vectors[d.Index] = vector
	}
	return out, nil
}

func finite(values []*float64) ([]float32, bool) {
	vector := make([]float32, len(values))
	for i, v := range values {
		if v == nil || math.IsInf(float64(float32(*v)), 0) || math.IsNaN(*v) {
			return nil, false
		}
		vector[i] = float32(*v)
	}
	return vector, len(vector) > 0
}
