package model

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// CountTokens counts a text by the tokenizer that some servers offer beside the
// API (llama.cpp and vLLM at /tokenize), and returns how many times the
// approximation of EstimateTokens that is, and who counted. Where there is none
// it returns 1.
func CountTokens(ctx context.Context, e Endpoint, model, sample string) (ratio float64, tokenizer string) {
	const approximation = "4 bytes a token"
	if sample == "" || len(e.URLs) == 0 {
		return 1, approximation
	}
	key, err := loadKey("", e)
	if err != nil {
		return 1, approximation
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	root := strings.TrimSuffix(strings.TrimSuffix(e.URLs[0], "/"), "/v1")
	client := openai.Client{Options: []option.RequestOption{
		option.WithBaseURL(root), option.WithMaxRetries(0), option.WithHTTPClient(&http.Client{Transport: limited{transport}}),
	}}
	if key.value() != "" {
		client.Options = append(client.Options, option.WithAPIKey(key.value()))
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// Both servers read their own field and ignore the other's.
	body := map[string]any{"content": sample, "prompt": sample, "model": model}
	var raw []byte
	if err := client.Post(ctx, "tokenize", body, &raw); err != nil {
		return 1, approximation
	}
	var got struct {
		Count  int64             `json:"count"`
		Tokens []json.RawMessage `json:"tokens"`
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		return 1, approximation
	}
	n := max(got.Count, int64(len(got.Tokens)))
	if n == 0 {
		return 1, approximation
	}
	return float64(n) / float64(EstimateTokens(sample)), "the endpoint's tokenizer"
}
