package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/propersim/propersim/pkg/errs"
)

const (
	// loadTimeout bounds one call of the model server.
	loadTimeout = 2 * time.Minute
	// answerBytes bounds what is read of an answer.
	answerBytes = 4 << 20
)

// vllm calls a model server.
type vllm struct {
	url    string
	client *http.Client
}

func newVLLM(url string) *vllm {
	return &vllm{url: strings.TrimSuffix(url, "/"), client: &http.Client{Timeout: loadTimeout}}
}

// call sends a request and returns the status and the body. ErrUnavailable when
// there is no answer or one of 500 and above.
func (v *vllm) call(ctx context.Context, method, path string, body any) (status int, answer []byte, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, v.url+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := v.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("the model server cannot be reached: %w: %w", err, errs.ErrUnavailable)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	answer, err = io.ReadAll(io.LimitReader(resp.Body, answerBytes))
	if err != nil {
		return 0, nil, fmt.Errorf("the model server broke its answer off: %w: %w", err, errs.ErrUnavailable)
	}
	if resp.StatusCode >= 500 {
		return 0, nil, fmt.Errorf("the model server answers %d: %s: %w", resp.StatusCode, short(answer), errs.ErrUnavailable)
	}
	return resp.StatusCode, answer, nil
}

func short(text []byte) string { return string(text[:min(len(text), 300)]) }

// models returns the names that the model server serves, the base among them.
func (v *vllm) models(ctx context.Context) ([]string, error) {
	status, answer, err := v.call(ctx, http.MethodGet, "/v1/models", nil)
	if err != nil {
		return nil, err
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &list); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("the model server answers %d to /v1/models: %s: %w", status, short(answer), errs.ErrUnavailable)
	}
	out := make([]string, len(list.Data))
	for i, m := range list.Data {
		out[i] = m.ID
	}
	return out, nil
}

// load loads a folder under a name. A name that is there already is as good: names
// never change their adapter.
func (v *vllm) load(ctx context.Context, name, folder string) error {
	status, answer, err := v.call(ctx, http.MethodPost, "/v1/load_lora_adapter", map[string]string{"lora_name": name, "lora_path": folder})
	if err != nil || status == http.StatusOK {
		return err
	}
	if status == http.StatusBadRequest && strings.Contains(string(answer), "already been loaded") {
		return nil
	}
	return fmt.Errorf("the model server refuses adapter %s with %d: %s: %w", name, status, short(answer), errs.ErrPrecondition)
}

// unload unloads a name; one that is not there is as good.
func (v *vllm) unload(ctx context.Context, name string) error {
	status, answer, err := v.call(ctx, http.MethodPost, "/v1/unload_lora_adapter", map[string]string{"lora_name": name})
	if err != nil || status == http.StatusOK || status == http.StatusNotFound {
		return err
	}
	return fmt.Errorf("the model server does not unload %s, with %d: %s: %w", name, status, short(answer), errs.ErrPrecondition)
}
