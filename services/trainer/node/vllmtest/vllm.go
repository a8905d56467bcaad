// Package vllmtest is a programmable stand-in for vLLM. Its answers are those of
// vLLM 0.32 as tried out: see the table at each handler.
package vllmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
)

// Server is a model server over HTTP.
type Server struct {
	*httptest.Server
	// Base is the name of the base model.
	Base string
	// Answers answers chats with a schema under names that are loaded; nil means that
	// the server abstains. Set it before the first chat.
	Answers http.Handler
	// OnLoad is called with the name and the folder of every adapter that the server
	// is about to load; nil for nobody. Set it before the first load.
	OnLoad func(name, folder string)

	mu      sync.Mutex
	loaded  map[string]string  // folder by name; guarded by mu
	scale   map[string]float64 // of the effect of a name, where it is not 1; guarded by mu
	broken  map[string]bool    // names whose answers break the schema; guarded by mu
	loads   []string           // every successful load, by name; guarded by mu
	fault   func(path string) int
	waiting chan struct{} // chats wait for it; nil for none; guarded by mu
}

// New starts a server with a base model and no adapter.
func New(base string) *Server {
	s := unstarted(base)
	s.Start()
	return s
}

// NewOn is New on a listener.
func NewOn(base string, listener net.Listener) *Server {
	s := unstarted(base)
	if err := s.Listener.Close(); err != nil {
		panic("vllmtest: " + err.Error())
	}
	s.Listener = listener
	s.Start()
	return s
}

func unstarted(base string) *Server {
	s := &Server{Base: base, loaded: map[string]string{}, scale: map[string]float64{}, broken: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "vllm:num_requests_running 0") })
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("POST /v1/load_lora_adapter", s.load)
	mux.HandleFunc("POST /v1/unload_lora_adapter", s.unload)
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("POST /v1/completions", s.complete)
	mux.HandleFunc("POST /v1/embeddings", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"data": []any{}}) })
	// What a gateway must not pass on.
	for _, path := range []string{"/tokenize", "/version", "/reset_prefix_cache", "/collective_rpc", "/invocations"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"reached": true}) })
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		fault := s.fault
		s.mu.Unlock()
		if fault != nil {
			if status := fault(r.URL.Path); status != 0 {
				reply(w, status, failure(status, "InternalServerError", "a programmed fault"))
				return
			}
		}
		mux.ServeHTTP(w, r)
	}))
	return s
}

// Restart forgets every adapter, as a process that starts again does.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.loaded)
}

// Fail answers a request with the status that fn gives for its path; 0 leaves it.
func (s *Server) Fail(fn func(path string) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fn
}

// Effect is what an adapter adds to the log-probability of each token, nats.
const Effect = -0.25

// MakeInert lets a name answer as the base does, as an adapter does that vLLM has
// loaded without effect.
func (s *Server) MakeInert(name string) { s.Scale(name, 0) }

// Scale multiplies the effect of a name, or of every adapter where the name is
// empty, as a model server does that applies an adapter wrongly.
func (s *Server) Scale(name string, factor float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scale[name] = factor
}

// Break lets a name, which may be the base's, or every adapter where the name is
// empty, answer without end where a schema is
// asked for, as a model does that a training has ruined.
func (s *Server) Break(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[name] = true
}

// effect returns what a name adds to log-probabilities; false for a name that is not
// served.
func (s *Server) effect(name string) (float64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == s.Base {
		return 0, true
	}
	_, there := s.loaded[name]
	factor := 1.0
	for _, key := range []string{"", name} {
		if f, ok := s.scale[key]; ok {
			factor = f
		}
	}
	return Effect * factor, there
}

// TokenLogprob is the log-probability of a token under the base.
func TokenLogprob(token int32) float64 { return -1 - float64(token%7)/10 }

// Hold lets every chat wait until release is called.
func (s *Server) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.waiting = held
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiting = nil
		close(held)
	})
}

// Loaded returns the names that are loaded, in order.
func (s *Server) Loaded() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name := range s.loaded {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Loads returns every successful load so far, in order.
func (s *Server) Loads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.loads)
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	data := []map[string]any{{"id": s.Base, "object": "model", "parent": nil}}
	for _, name := range s.Loaded() {
		data = append(data, map[string]any{"id": name, "object": "model", "parent": s.Base})
	}
	reply(w, 200, map[string]any{"object": "list", "data": data})
}

// load: a new name 200; the same name again 400 InvalidUserInput; a path that does
// not exist 404 NotFoundError; an empty name or path 400.
func (s *Server) load(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Name string `json:"lora_name"`
		Path string `json:"lora_path"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Name == "" || req.Path == "" {
		reply(w, 400, failure(400, "InvalidUserInput", "Both 'lora_name' and 'lora_path' must be provided."))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.loaded[req.Name]; there {
		reply(w, 400, failure(400, "InvalidUserInput", fmt.Sprintf("The lora adapter '%s' has already been loaded.", req.Name)))
		return
	}
	if _, err := os.Stat(filepath.Join(req.Path, "adapter_config.json")); err != nil {
		reply(w, 404, failure(404, "NotFoundError", "Loading lora "+req.Name+" failed: No adapter found for "+req.Path))
		return
	}
	if s.OnLoad != nil {
		s.OnLoad(req.Name, req.Path)
	}
	s.loaded[req.Name] = req.Path
	s.loads = append(s.loads, req.Name)
	_, _ = fmt.Fprintf(w, "Success: LoRA adapter '%s' added successfully.", req.Name)
}

// unload: 200; again 404 NotFoundError.
func (s *Server) unload(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Name string `json:"lora_name"`
	}
	_ = json.NewDecoder(r.Body).Decode(&req) // an empty name is unknown
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.loaded[req.Name]; !there {
		reply(w, 404, failure(404, "NotFoundError", fmt.Sprintf("The lora adapter '%s' cannot be found.", req.Name)))
		return
	}
	delete(s.loaded, req.Name)
	_, _ = fmt.Fprintf(w, "Success: LoRA adapter '%s' removed successfully.", req.Name)
}

// chat answers with the same words under every name, with log-probabilities that
// depend on the model and the prompt. A model that is not loaded is a 404.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Model    string            `json:"model"`
		Messages []json.RawMessage `json:"messages"`
		Logprobs bool              `json:"logprobs"`
		Format   json.RawMessage   `json:"response_format"`
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &req)
	}
	if err != nil {
		reply(w, 400, failure(400, "BadRequestError", err.Error()))
		return
	}
	s.mu.Lock()
	waiting, broken := s.waiting, s.broken[req.Model] || (s.broken[""] && req.Model != s.Base)
	s.mu.Unlock()
	effect, there := s.effect(req.Model)
	if waiting != nil {
		select {
		case <-waiting:
		case <-r.Context().Done():
			return
		}
	}
	if !there {
		reply(w, 404, failure(404, "NotFoundError", fmt.Sprintf("The model `%s` does not exist.", req.Model)))
		return
	}
	if s.Answers != nil && req.Format != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.Answers.ServeHTTP(w, r)
		return
	}
	h := fnv.New64a()
	for _, m := range req.Messages {
		_, _ = h.Write(m) // never fails
	}
	logprob := -0.5 - float64(h.Sum64()%1000)/1000
	logprob += effect
	finish, content := "stop", "Yes"
	if req.Format != nil {
		content = `{"action":"abstain","text":""}`
	}
	if req.Format != nil && broken { // cut off by max_tokens: 200 and invalid JSON
		finish, content = "length", `{"action":"recommend","text":"tea tea tea`
	}
	choice := map[string]any{"index": 0, "finish_reason": finish, "message": map[string]any{"role": "assistant", "content": content}}
	if req.Logprobs {
		choice["logprobs"] = map[string]any{"content": []any{map[string]any{
			"token": "Yes", "logprob": logprob, "top_logprobs": []any{map[string]any{"token": "Yes", "logprob": logprob}, map[string]any{"token": "No", "logprob": -3.0}},
		}}}
	}
	reply(w, 200, map[string]any{"id": "chat-1", "model": req.Model, "choices": []any{choice}})
}

// complete answers a prompt of tokens, with their log-probabilities: null for the
// first token, then an object by token.
func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Model  string  `json:"model"`
		Prompt []int32 `json:"prompt"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		reply(w, 400, failure(400, "BadRequestError", err.Error()))
		return
	}
	effect, there := s.effect(req.Model)
	if !there {
		reply(w, 404, failure(404, "NotFoundError", fmt.Sprintf("The model `%s` does not exist.", req.Model)))
		return
	}
	given := make([]any, len(req.Prompt))
	for i, token := range req.Prompt[min(1, len(req.Prompt)):] {
		given[i+1] = map[string]any{strconv.Itoa(int(token)): map[string]any{"logprob": TokenLogprob(token) + effect, "rank": 1, "decoded_token": "x"}}
	}
	reply(w, 200, map[string]any{"id": "cmpl-1", "model": req.Model, "choices": []any{map[string]any{"index": 0, "finish_reason": "length", "text": "x", "prompt_logprobs": given}}})
}

func failure(code int, kind, message string) map[string]any {
	return map[string]any{"error": map[string]any{"message": message, "type": kind, "code": code}}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client sees a cut answer
}
