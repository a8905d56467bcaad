package node_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/artifact/artifacttest"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer/node"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// The environment variables that name a running vLLM, the name of its base model,
// and the folder of an adapter for that model, as the worker saves it. vLLM must
// run with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.
const (
	realVLLM    = "PROPERSIM_TEST_VLLM"
	realModel   = "PROPERSIM_TEST_VLLM_MODEL"
	realAdapter = "PROPERSIM_TEST_VLLM_ADAPTER"
)

// published puts an adapter's folder into the depot.
func (d *depot) published(t *testing.T, model, folder string) string {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{artifact.ConfigFile, artifact.ModelFile} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		files[name] = content
	}
	var config struct {
		Rank    int32    `json:"r"`
		Alpha   float64  `json:"lora_alpha"`
		Modules []string `json:"target_modules"`
	}
	require.NoError(t, json.Unmarshal(files[artifact.ConfigFile], &config))
	m := &trainerv1.Manifest{
		Day: 1, Policy: artifact.LoraPolicy, Model: model,
		Hyperparameters: &trainerv1.Hyperparameters{Lora: &trainerv1.Lora{Model: model, Rank: config.Rank, Alpha: config.Alpha, TargetModules: config.Modules}},
		Files:           []*trainerv1.ArtifactFile{artifact.Describe(artifact.ConfigFile, files[artifact.ConfigFile]), artifact.Describe(artifact.ModelFile, files[artifact.ModelFile])},
	}
	var err error
	m.Id, err = artifact.ID(m)
	require.NoError(t, err)
	artifacttest.Publish(t, d.store, m, files)
	return m.GetId()
}

// post sends JSON and returns the status and the kind of an error.
func post(t *testing.T, url string, body any) (status int, kind string) {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	resp, err := http.Post(url, "application/json", bytes.NewReader(text))
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var failure struct {
		Error struct {
			Type string `json:"type"`
		} `json:"error"`
	}
	_ = json.Unmarshal(answer, &failure) // a success is plain text
	return resp.StatusCode, failure.Error.Type
}

// TestARealVLLMDoesWhatTheStandInDoes asks both the same.
func TestARealVLLMDoesWhatTheStandInDoes(t *testing.T) {
	url, model, folder := os.Getenv(realVLLM), os.Getenv(realModel), os.Getenv(realAdapter)
	if url == "" || model == "" || folder == "" {
		t.Skipf("set %s, %s and %s to compare with a running vLLM", realVLLM, realModel, realAdapter)
	}
	standIn := vllmtest.New(model)
	defer standIn.Close()
	type lora map[string]string
	chat := func(name string) map[string]any {
		return map[string]any{"model": name, "max_tokens": 1, "messages": []any{map[string]string{"role": "user", "content": "Well?"}}}
	}
	for _, step := range []struct {
		name, path string
		body       any
	}{
		{"a chat with the base", "/v1/chat/completions", chat(model)},
		{"a chat with a name that is not loaded", "/v1/chat/completions", chat("compared")},
		{"a load", "/v1/load_lora_adapter", lora{"lora_name": "compared", "lora_path": folder}},
		{"the same name again", "/v1/load_lora_adapter", lora{"lora_name": "compared", "lora_path": folder}},
		{"a path that does not exist", "/v1/load_lora_adapter", lora{"lora_name": "another", "lora_path": "/nowhere"}},
		{"no name", "/v1/load_lora_adapter", lora{"lora_name": "", "lora_path": folder}},
		{"a chat with the adapter", "/v1/chat/completions", chat("compared")},
		{"an unload", "/v1/unload_lora_adapter", lora{"lora_name": "compared"}},
		{"an unload again", "/v1/unload_lora_adapter", lora{"lora_name": "compared"}},
		{"a chat after it", "/v1/chat/completions", chat("compared")},
	} {
		wantStatus, wantKind := post(t, url+step.path, step.body)
		gotStatus, gotKind := post(t, standIn.URL+step.path, step.body)
		require.Equal(t, wantStatus, gotStatus, step.name)
		require.Equal(t, wantKind, gotKind, step.name)
	}
}

// TestTheAgentServesARealVLLM loads, probes and loses an adapter on it.
func TestTheAgentServesARealVLLM(t *testing.T) {
	url, model, folder := os.Getenv(realVLLM), os.Getenv(realModel), os.Getenv(realAdapter)
	if url == "" || model == "" || folder == "" {
		t.Skipf("set %s, %s and %s to run the agent before a running vLLM", realVLLM, realModel, realAdapter)
	}
	g := &gpu{depot: newDepot(t), dir: t.TempDir()}
	g.start(t, node.Config{Dir: g.dir, Upstream: url, Model: model})
	id := g.depot.published(t, model, folder)
	name := "d001-" + id[:16]
	for range 2 {
		require.NoError(t, g.load(t, name, id))
	}
	probe, err := g.ProbeAdapter(t.Context(), &trainerv1.ProbeAdapterRequest{Name: name})
	require.NoError(t, err)
	require.Empty(t, probe.GetRejection())
	t.Logf("the log-probabilities differ from the base's by up to %.4f nats", probe.GetDifference())

	status, by := g.chat(t, name)
	require.Equal(t, 200, status)
	require.Equal(t, name, by)
	status, _ = g.chat(t, "d001-unknown")
	require.Equal(t, 404, status)

	status, _ = post(t, url+"/v1/unload_lora_adapter", map[string]string{"lora_name": name}) // as a restart does
	require.Equal(t, 200, status)
	status, by = g.chat(t, name)
	require.Equal(t, 200, status, "it is loaded again")
	require.Equal(t, name, by)
	_, err = g.UnloadAdapter(t.Context(), &trainerv1.UnloadAdapterRequest{Name: name})
	require.NoError(t, err)
}
