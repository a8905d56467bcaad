package model

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"sync"
)

// Estimator answers calls without asking anybody, and counts what they would
// use. A run that is played with it renders the same prompts as a real one, apart
// from what the answers say. The first calls of a kind go to the real model, so
// that length and choices of the answers are its own; later ones get one of these
// answers again. Where the model does not answer, answers have a typical length.
type Estimator struct {
	cfg  Config
	real Asker // nil asks nobody

	mu       sync.Mutex
	use      map[string]*Estimate // guarded by mu; by role
	samples  map[string][]sample  // guarded by mu; by role and schema
	pending  map[string]int       // guarded by mu; samples under way, by role and schema
	embedded map[string]bool      // guarded by mu; digests of texts that were embedded
}

// sample is a real answer, and what it took.
type sample struct {
	content    string // empty for a failure
	completion int64  // tokens, those of repairs included
	repairs    int64  // further requests
	reread     int64  // prompt tokens of these, by the endpoint's count
}

// sampleOf returns what a call of one answer took.
func sampleOf(a *Answer) sample {
	out := sample{repairs: -1, completion: a.Record.Usage.Completion}
	if a.Failure == nil {
		out.content = a.Record.Answer
	}
	for _, attempt := range a.Record.Attempts {
		if attempt.Outcome.IsTransient() {
			continue
		}
		if out.repairs++; out.repairs > 0 {
			out.reread += attempt.Usage.Prompt
		}
	}
	return out
}

// samplesOf is how many real answers of a kind are asked for. The assistant's
// decide how often something is said, on which most of the cost depends; those of
// other roles are read again in later prompts.
func samplesOf(role string) int {
	if role == Assistant {
		return 64
	}
	return 12
}

// Estimate is what the calls of a role would use.
type Estimate struct {
	// Requests are HTTP requests, with the share of repairs that the real answers took.
	Requests int64
	// Prompt counts prompt tokens, without those of repairs, by EstimateTokens.
	Prompt int64
	// Reread counts the prompt tokens of repairs, by the endpoint's count.
	Reread int64
	// Completion counts generated tokens at a typical length of the answers; Least
	// and Most bound it by the shortest and the longest valid answers.
	Completion, Least, Most int64
	// Sample is one of the prompts, to be counted by a real tokenizer.
	Sample string
	// Asked counts the real answers that were asked for. Of their prompts, Counted
	// are the tokens by the endpoint's count and Approximated those by
	// EstimateTokens.
	Asked, Counted, Approximated int64
}

// NewEstimator returns an estimator for the roles of a configuration. real
// answers the first calls of each kind; nil asks nobody.
func NewEstimator(cfg Config, real Asker) *Estimator {
	return &Estimator{
		cfg: cfg, real: real, use: make(map[string]*Estimate), samples: make(map[string][]sample),
		pending: make(map[string]int), embedded: make(map[string]bool),
	}
}

// Use returns what was counted so far, by role.
func (e *Estimator) Use() map[string]Estimate {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[string]Estimate, len(e.use))
	for role, u := range e.use {
		out[role] = *u
	}
	return out
}

func (e *Estimator) count(role string, add Estimate) {
	e.mu.Lock()
	defer e.mu.Unlock()
	u := e.use[role]
	if u == nil {
		u = &Estimate{}
		e.use[role] = u
	}
	u.Requests += add.Requests
	u.Prompt += add.Prompt
	u.Reread += add.Reread
	u.Completion += add.Completion
	u.Least += add.Least
	u.Most += add.Most
	u.Asked += add.Asked
	u.Counted += add.Counted
	u.Approximated += add.Approximated
	if len(add.Sample) > len(u.Sample) {
		u.Sample = add.Sample
	}
}

// Role implements Asker.
func (e *Estimator) Role(role string) (Role, Capabilities, error) {
	r := e.cfg.Roles[role]
	if role == Embedder && r.Dimensions == 0 {
		r.Dimensions = 384 // a common size; it changes nothing that is counted
	}
	return r, e.cfg.Endpoints[r.Endpoint].Capabilities, nil
}

// DoAll implements Asker.
func (e *Estimator) DoAll(ctx context.Context, calls []Call) ([][]Answer, error) {
	out := make([][]Answer, len(calls))
	for i := range calls {
		var err error
		if out[i], err = e.Do(ctx, calls[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Do implements Asker.
func (e *Estimator) Do(ctx context.Context, call Call) ([]Answer, error) {
	role, caps, err := e.Role(call.Role)
	if err != nil {
		return nil, err
	}
	call.N = max(1, call.N)
	kind := call.Role + "|" + schemaName(call.Schema)
	e.learn(ctx, &call, kind)
	t := &talk{call: &call, role: role, caps: caps, digest: PromptDigest(call.Messages)}
	t.exchange = func(_ context.Context, r *request, number int, _ *history) (*reply, error) {
		prompt, _ := r.tokens()
		add := Estimate{Requests: 1, Prompt: prompt, Sample: text(r.Messages)}
		out := &reply{Model: r.Model}
		for i := range r.N {
			h := fnv.New64a()
			fmt.Fprint(h, t.digest, call.Step, number, i)
			v := value{draw: h.Sum64()}
			typical, least, most := v.of(call.Schema)
			got := e.pick(&call, kind, &v, sample{content: typical, completion: EstimateTokens(typical)})
			limit := int64(r.Sampling.MaxTokens)
			add.Requests += got.repairs
			add.Reread += got.reread
			add.Completion += min(limit*(1+got.repairs), got.completion)
			add.Least += min(limit, least)
			add.Most += min(limit, most)
			out.Choices = append(out.Choices, choice{Content: got.content, Finish: "stop"})
		}
		e.count(call.Role, add)
		return out, nil
	}
	return t.run(ctx)
}

func schemaName(s *Schema) string {
	if s == nil {
		return ""
	}
	return s.Name
}

// learn asks the real model, as long as there are too few answers of a kind.
func (e *Estimator) learn(ctx context.Context, call *Call, kind string) {
	e.mu.Lock()
	enough := e.real == nil || len(e.samples[kind])+e.pending[kind] >= samplesOf(call.Role)
	if !enough {
		e.pending[kind]++
	}
	e.mu.Unlock()
	if enough {
		return
	}
	one := *call
	one.N = 1
	answers, err := e.real.Do(ctx, one)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending[kind]--
	if err != nil {
		// Typical answers will do. The error counts as one of the tries.
		e.pending[kind]++
		return
	}
	r := answers[0].Record
	e.samples[kind] = append(e.samples[kind], sampleOf(&answers[0]))
	u := e.use[call.Role]
	if u == nil {
		u = &Estimate{}
		e.use[call.Role] = u
	}
	first := (&request{Messages: call.Messages}).promptTokens()
	u.Asked++
	u.Counted += r.Usage.Prompt - e.samples[kind][len(e.samples[kind])-1].reread
	u.Approximated += first
}

// pick returns one of the real answers that satisfies a call, or the typical one. A
// failure of the judge or the assistant stays one: nothing is judged after it.
func (e *Estimator) pick(call *Call, kind string, v *value, typical sample) sample {
	e.mu.Lock()
	known := e.samples[kind]
	e.mu.Unlock()
	if len(known) == 0 {
		return typical
	}
	got := known[v.next(len(known))]
	if got.content == "" {
		if call.Role != Judge && call.Role != Assistant {
			got.content = typical.content // it would end the run
		}
		return got
	}
	if call.Schema != nil {
		value, err := extract(got.content)
		if err != nil || call.Schema.Check(value) != nil {
			got.content = typical.content // the right length, for another day's schema
		}
	}
	return got
}

func text(messages []Message) string {
	parts := make([]string, len(messages))
	for i, m := range messages {
		parts[i] = m.Content
	}
	return strings.Join(parts, "\n")
}

// Embed implements Asker.
func (e *Estimator) Embed(_ context.Context, call EmbedCall) ([][]float32, []Record, []Timing, error) {
	role, _, err := e.Role(Embedder)
	if err != nil {
		return nil, nil, nil, err
	}
	add := Estimate{Sample: strings.Join(call.Texts, "\n")}
	out := make([][]float32, len(call.Texts))
	var records []Record
	var timings []Timing
	asked := 0
	for i, t := range call.Texts {
		digest := textsDigest(call.Texts[i : i+1])
		e.mu.Lock()
		again := e.embedded[digest]
		e.embedded[digest] = true
		e.mu.Unlock()
		if !again { // the same text is not paid for twice
			asked++
			add.Prompt += EstimateTokens(t)
		}
		h := fnv.New64a()
		fmt.Fprint(h, t)
		out[i] = make([]float32, role.Dimensions)
		for k := range out[i] {
			out[i][k] = float32(math.Sin(float64(h.Sum64()%1000) + float64(k)))
		}
		if id := embedID(call.Purpose, call.Texts[i:i+1]); !slices.Contains(call.Texts[:i], t) {
			records = append(records, Record{ID: id, Role: Embedder, Purpose: call.Purpose, Outcome: Answered, PromptDigest: digest})
			timings = append(timings, Timing{CallID: id})
		}
	}
	add.Requests = int64(asked+embedBatch-1) / embedBatch
	e.count(Embedder, add)
	return out, records, timings, nil
}

// value draws a value of a schema. Strings have a third of their greatest
// length, which is what models write where a prompt asks for few words.
type value struct{ draw uint64 }

// of returns a typical value as JSON, and the tokens of the shortest and of the
// longest one.
func (v *value) of(s *Schema) (typical string, least, most int64) {
	const prose = 200 // bytes of an answer without a schema
	if s == nil {
		return strings.Repeat("word ", prose/5), 1, prose
	}
	var schema map[string]any
	if err := json.Unmarshal(s.JSON, &schema); err != nil {
		panic("model: a compiled schema is JSON: " + err.Error())
	}
	encode := func(length func(least, most int) int) string {
		raw, err := json.Marshal(v.draws(schema, length))
		if err != nil {
			panic("model: a drawn value is JSON: " + err.Error())
		}
		return string(raw)
	}
	typical = encode(func(least, most int) int { return max(least, (most+2)/3) })
	low := encode(func(least, _ int) int { return least })
	high := encode(func(_, most int) int { return most })
	return typical, EstimateTokens(low), EstimateTokens(high)
}

// next returns a number below n.
func (v *value) next(n int) int {
	v.draw = v.draw*6364136223846793005 + 1442695040888963407
	return int(v.draw >> 33 % uint64(n))
}

func (v *value) draws(schema map[string]any, length func(least, most int) int) any {
	if choices, ok := schema["enum"].([]any); ok {
		choices = slices.DeleteFunc(slices.Clone(choices), func(c any) bool { return c == "none" })
		return choices[v.next(len(choices))]
	}
	switch schema["type"] {
	case "object":
		out := make(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		for name, p := range properties {
			inner, _ := p.(map[string]any)
			out[name] = v.draws(inner, length)
		}
		return out
	case "array":
		items, _ := schema["items"].(map[string]any)
		least, most := bound(schema, "minItems", 0), bound(schema, "maxItems", 4)
		out := make([]any, max(least, min(most, length(least, 2*most))))
		for i := range out {
			out[i] = v.draws(items, length)
		}
		return out
	case "boolean":
		return v.next(2) == 0
	case "integer", "number":
		return bound(schema, "minimum", 1)
	}
	n := length(max(1, bound(schema, "minLength", 1)), bound(schema, "maxLength", 200))
	return strings.TrimSpace(strings.Repeat("some words ", n/11+1)[:max(1, n)])
}

func bound(schema map[string]any, key string, otherwise int) int {
	if n, ok := schema[key].(float64); ok {
		return int(n)
	}
	return otherwise
}
