// Package fakemodel is a programmable OpenAI-compatible server for tests and
// benchmarks: latency, slots, random or scripted answers, and faults. It is
// never a default of the product.
package fakemodel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is what a client asked for.
type Request struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	N                   int     `json:"n"`
	MaxTokens           int     `json:"max_tokens"`
	MaxCompletionTokens int     `json:"max_completion_tokens"`
	Seed                *int64  `json:"seed"`
	Temperature         float64 `json:"temperature"`
	ResponseFormat      struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	Input []string `json:"input"`
	// Authorization is the header of that name.
	Authorization string `json:"-"`
	// Digest is the SHA-256 of the body.
	Digest string `json:"-"`
	// Number counts requests from 1.
	Number int `json:"-"`
	// At is when the request arrived.
	At time.Time `json:"-"`
}

// Prompt joins the contents of all messages.
func (r *Request) Prompt() string {
	out := ""
	for _, m := range r.Messages {
		out += m.Content + "\n"
	}
	return out
}

// Fault answers a request in place of the server.
type Fault func(w http.ResponseWriter, r *http.Request, asked *Request)

// Config is what a server does. The zero value answers at once, with random
// values for a schema and a sentence for free text.
type Config struct {
	// Latency is how long an answer takes.
	Latency time.Duration
	// Slots is how many requests are worked on at once; the others wait. 0 is any
	// number.
	Slots int
	// Answer gives the content of choice i; nil gives random answers.
	Answer func(r *Request, i int) string
	// Fault decides about each request; a nil result answers it. A nil function
	// has no faults.
	Fault func(r *Request) Fault
	// Model is reported as the model's name; empty repeats the one asked for.
	Model string
	// Dimensions of embeddings; 0 is 64.
	Dimensions int
}

// Server is a running server. Its Config may be changed by Change.
type Server struct {
	*httptest.Server

	mu       sync.Mutex
	cfg      Config                 // guarded by mu
	script   []Fault                // guarded by mu; for the next requests
	requests []Request              // guarded by mu
	answered map[string][]time.Time // guarded by mu; by digest
	inFlight int                    // guarded by mu
	most     int                    // guarded by mu
	busy     time.Duration          // guarded by mu; sum of the time that slots were busy
	slots    chan struct{}
	hangUp   chan struct{} // closed by Close: ends hanging requests
}

// New starts a server on a free port of the loopback interface.
func New(cfg Config) *Server {
	s := newServer(cfg)
	s.Server = httptest.NewServer(s)
	return s
}

// NewTLS is New with a certificate that nobody trusts.
func NewTLS(cfg Config) *Server {
	s := newServer(cfg)
	s.Server = httptest.NewUnstartedServer(s)
	s.Server.Config.ErrorLog = nil
	s.Server.StartTLS()
	return s
}

func newServer(cfg Config) *Server {
	s := &Server{cfg: cfg, answered: make(map[string][]time.Time), hangUp: make(chan struct{})}
	if cfg.Slots > 0 {
		s.slots = make(chan struct{}, cfg.Slots)
	}
	return s
}

// Close ends the server and every request that hangs.
func (s *Server) Close() {
	close(s.hangUp)
	s.Server.Close()
}

// BaseURL is the address for a configuration.
func (s *Server) BaseURL() string { return s.URL + "/v1" }

// Change changes what the server does from the next request on; not its slots.
func (s *Server) Change(change func(*Config)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.cfg)
}

// Script lets the next requests end in these faults; nil answers one as usual.
func (s *Server) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, faults...)
}

// Requests returns what was asked so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Calls counts the requests so far.
func (s *Server) Calls() int { return len(s.Requests()) }

// Answered returns, by the digest of the request's body, when answers were handed
// to the network in full.
func (s *Server) Answered() map[string][]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string][]time.Time, len(s.answered))
	for digest, times := range s.answered {
		out[digest] = slices.Clone(times)
	}
	return out
}

// Most is the greatest number of requests that were under way at once.
func (s *Server) Most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// Busy is the sum of the time for which slots were busy.
func (s *Server) Busy() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/models":
		writeJSON(w, map[string]any{"object": "list", "data": []any{map[string]any{"id": "fake", "object": "model"}}})
	case "/v1/chat/completions", "/v1/embeddings":
		s.complete(w, r)
	default:
		Status(http.StatusNotFound, `{"error":{"message":"no such route"}}`)(w, r, nil)
	}
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	asked := &Request{Authorization: r.Header.Get("Authorization")}
	if err == nil {
		err = json.Unmarshal(body, asked)
	}
	if err != nil {
		Status(http.StatusBadRequest, `{"error":{"message":"unreadable request"}}`)(w, r, asked)
		return
	}
	sum := sha256.Sum256(body)
	asked.Digest = hex.EncodeToString(sum[:])
	cfg, fault := s.begin(asked)
	began := time.Now()
	defer func() { s.end(time.Since(began)) }()
	if fault != nil {
		fault(w, r, asked)
		return
	}
	if s.slots != nil {
		s.slots <- struct{}{}
		defer func() { <-s.slots }()
	}
	if cfg.Latency > 0 {
		select {
		case <-time.After(cfg.Latency):
		case <-s.hangUp:
		}
	}
	var out any = cfg.chat(asked)
	if r.URL.Path == "/v1/embeddings" {
		out = cfg.embeddings(asked)
	}
	writeJSON(w, out)
	s.mu.Lock()
	s.answered[asked.Digest] = append(s.answered[asked.Digest], time.Now())
	s.mu.Unlock()
}

func (s *Server) begin(asked *Request) (Config, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked.Number, asked.At = len(s.requests)+1, time.Now()
	s.requests = append(s.requests, *asked)
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	var fault Fault
	if len(s.script) > 0 {
		fault, s.script = s.script[0], s.script[1:]
	} else if s.cfg.Fault != nil {
		fault = s.cfg.Fault(asked)
	}
	return s.cfg, fault
}

func (s *Server) end(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	s.busy += took
}

// chat builds the body of a chat completion.
func (c Config) chat(asked *Request) map[string]any {
	var choices []any
	completion := 0
	for i := range max(1, asked.N) {
		content := ""
		if c.Answer != nil {
			content = c.Answer(asked, i)
		} else {
			content = Random(asked)
		}
		completion += (len(content) + 3) / 4
		choices = append(choices, Choice(i, content, "stop"))
	}
	return Completion(c.named(asked), choices, (len(asked.Prompt())+3)/4, completion)
}

func (c Config) named(asked *Request) string {
	if c.Model != "" {
		return c.Model
	}
	return asked.Model
}

func (c Config) embeddings(asked *Request) map[string]any {
	size := c.Dimensions
	if size == 0 {
		size = 64
	}
	var data []any
	for i, text := range asked.Input {
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": vector(text, size)})
	}
	return map[string]any{"object": "list", "model": c.named(asked), "data": data, "usage": map[string]any{"prompt_tokens": (len(fmt.Sprint(asked.Input)) + 3) / 4}}
}

// vector counts the words of a text in buckets, so that similar texts have
// similar vectors. The first component keeps it away from zero.
func vector(text string, size int) []float64 {
	out := make([]float64, size)
	out[0] = 0.1
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(word)) // a hash never fails
		out[h.Sum32()%uint32(size)]++
	}
	return out
}

// Choice is one choice of a completion.
func Choice(i int, content any, finish string) map[string]any {
	return map[string]any{"index": i, "finish_reason": finish, "message": map[string]any{"role": "assistant", "content": content}}
}

// Completion is the body of a chat completion.
func Completion(model string, choices []any, prompt, completion int) map[string]any {
	return map[string]any{
		"id": "fake", "object": "chat.completion", "model": model, "choices": choices,
		"usage": map[string]any{"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have left
}
