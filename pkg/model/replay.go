package model

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Replay answers calls from the record of one run, without an endpoint: the same
// prompts, by digest, get the answers that were received, which go through the
// same reading and repairs as then. It is safe for concurrent use.
type Replay struct {
	cfg Config

	mu         sync.Mutex
	calls      map[stepCall]*simv1.ModelCall // guarded by mu
	embeddings map[string]*simv1.ModelCall   // guarded by mu; by the digest of the text
	prompts    map[string][]Message          // guarded by mu; rendered, by digest
}

// stepCall names a call within a run.
type stepCall struct {
	step int32
	id   string
}

// NewReplay returns a replay for the roles of a configuration.
func NewReplay(cfg Config) *Replay {
	return &Replay{cfg: cfg, calls: make(map[stepCall]*simv1.ModelCall), embeddings: make(map[string]*simv1.ModelCall), prompts: make(map[string][]Message)}
}

// Add adds the recorded calls of a step.
func (r *Replay) Add(step int32, calls []*simv1.ModelCall) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, call := range calls {
		if call.GetRole() == simv1.Role_ROLE_EMBEDDER {
			r.embeddings[call.GetPromptDigest()] = call
		} else {
			r.calls[stepCall{step, call.GetId()}] = call
		}
	}
}

// Rendered counts the different prompts that were rendered so far.
func (r *Replay) Rendered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.prompts)
}

// Prompt returns a prompt that was rendered since New, by its digest; nil for an
// unknown one.
func (r *Replay) Prompt(digest string) []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.prompts[digest]
}

// Role implements Asker.
func (r *Replay) Role(role string) (Role, Capabilities, error) {
	cfg := r.cfg.Roles[role]
	if role == Embedder && cfg.Dimensions == 0 {
		cfg.Dimensions = r.dimensions()
	}
	return cfg, Capabilities{Structured: ByJSONSchema, SystemRole: true}, nil
}

// DoAll implements Asker.
func (r *Replay) DoAll(ctx context.Context, calls []Call) ([][]Answer, error) {
	out := make([][]Answer, len(calls))
	for i := range calls {
		var err error
		if out[i], err = r.Do(ctx, calls[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Do implements Asker. It returns an *Error with NotRecorded where the call is
// not on record, or had another prompt.
func (r *Replay) Do(ctx context.Context, call Call) ([]Answer, error) {
	role, caps, err := r.Role(call.Role)
	if err != nil {
		return nil, err
	}
	call.N = max(1, call.N)
	digest := PromptDigest(call.Messages)
	r.mu.Lock()
	r.prompts[digest] = call.Messages
	r.mu.Unlock()
	t := &talk{call: &call, role: role, caps: caps, digest: digest}
	tapes := make([]*tape, call.N)
	for i := range tapes {
		recorded, err := r.find(&call, i, digest)
		if err != nil {
			return nil, err
		}
		tapes[i] = newTape(recorded)
		t.repairs = max(t.repairs, len(tapes[i].attempts)-1)
	}
	t.exchange = func(_ context.Context, _ *request, sample int, _ *history) (*reply, error) {
		return tapes[sample].next(&call)
	}
	answers, err := t.run(ctx)
	if err != nil {
		return nil, err
	}
	for i := range answers {
		// What was waited for and what it cost is as it was then.
		answers[i].Record = recordOf(tapes[i].call, answers[i].Record)
	}
	return answers, nil
}

// find returns the recorded call of a sample.
func (r *Replay) find(call *Call, sample int, digest string) (*simv1.ModelCall, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	recorded := r.calls[stepCall{call.Step, call.id(sample)}]
	switch {
	case recorded == nil:
		return nil, notRecorded(call.Role, "step %d: no call %s is on record", call.Step, call.id(sample))
	case recorded.GetPromptDigest() != digest:
		return nil, notRecorded(call.Role, "step %d: the prompt of %s has the digest %.12s, and %.12s on record", call.Step, call.id(sample), digest, recorded.GetPromptDigest())
	}
	return recorded, nil
}

func notRecorded(role, format string, args ...any) error {
	return &Error{Outcome: NotRecorded, Role: role, Endpoint: "record", Detail: fmt.Sprintf(format, args...), Fix: "the record was made by another configuration or version"}
}

// tape is a recorded call as the replies that were received.
type tape struct {
	call     *simv1.ModelCall
	attempts []*simv1.Attempt // those that brought an answer
	at       int
}

func newTape(call *simv1.ModelCall) *tape {
	t := &tape{call: call}
	for i, a := range call.GetAttempts() {
		if Outcome(a.GetOutcome()).IsTransient() {
			continue
		}
		if i == len(call.GetAttempts())-1 {
			a = &simv1.Attempt{Outcome: a.GetOutcome(), Detail: a.GetDetail(), Answer: call.GetAnswer(), FinishReason: a.GetFinishReason()}
		}
		t.attempts = append(t.attempts, a)
	}
	return t
}

// next builds the reply of the next attempt.
func (t *tape) next(call *Call) (*reply, error) {
	if t.at >= len(t.attempts) {
		return nil, notRecorded(call.Role, "step %d: %s has %d answers on record, and one more was asked for", call.Step, t.call.GetId(), len(t.attempts))
	}
	a := t.attempts[t.at]
	t.at++
	out := &reply{Model: t.call.GetModel()}
	one := choice{Content: a.GetAnswer(), Finish: a.GetFinishReason()}
	switch Outcome(a.GetOutcome()) {
	case Refused:
		one.Refusal = strings.TrimPrefix(a.GetDetail(), refusalPrefix)
	case Malformed:
		if a.GetAnswer() == "" {
			out.Unusable = a.GetDetail()
		}
	case Empty:
		if a.GetAnswer() == "" && a.GetFinishReason() == "" {
			return out, nil // no choice
		}
	}
	out.Choices = []choice{one}
	return out, nil
}

// recordOf returns the recorded call as a Record, with the reading of the
// answers as it was done now.
func recordOf(call *simv1.ModelCall, read Record) Record {
	read.Usage = Usage{Prompt: int64(call.GetPromptTokens()), Cached: int64(call.GetCachedTokens()), Completion: int64(call.GetCompletionTokens())}
	read.Cached = call.GetCached()
	read.Sampling.Seed = call.GetSampling().Seed //nolint:protogetter // the presence matters
	recorded := read.Attempts
	read.Attempts = nil
	k := 0
	for _, a := range call.GetAttempts() {
		usage := Usage{Prompt: int64(a.GetPromptTokens()), Completion: int64(a.GetCompletionTokens())}
		if Outcome(a.GetOutcome()).IsTransient() {
			read.Attempts = append(read.Attempts, Attempt{Outcome: Outcome(a.GetOutcome()), Detail: a.GetDetail()})
			continue
		}
		if k < len(recorded) {
			one := recorded[k]
			one.Usage = usage
			read.Attempts = append(read.Attempts, one)
			k++
		}
	}
	return read
}

// Embed implements Asker.
func (r *Replay) Embed(_ context.Context, call EmbedCall) ([][]float32, []Record, []Timing, error) {
	vectors := make([][]float32, len(call.Texts))
	var records []Record
	var timings []Timing
	for i, text := range call.Texts {
		digest := textsDigest(call.Texts[i : i+1])
		r.mu.Lock()
		recorded := r.embeddings[digest]
		r.mu.Unlock()
		if recorded == nil {
			return nil, nil, nil, notRecorded(Embedder, "no embedding of %q is on record", short(text, 60))
		}
		got, err := UnpackVectors(recorded.GetAnswer())
		if err != nil {
			return nil, nil, nil, err
		}
		vectors[i] = got[0]
		if slices.Contains(call.Texts[:i], text) {
			continue // one record for each different text
		}
		id := embedID(call.Purpose, call.Texts[i:i+1])
		timings = append(timings, Timing{CallID: id})
		records = append(records, Record{ID: id, Role: Embedder, Purpose: call.Purpose, Model: recorded.GetModel(), PromptDigest: digest, Outcome: Answered, Answer: recorded.GetAnswer()})
	}
	return vectors, records, timings, nil
}

// dimensions is the length of the recorded embeddings; 1 where there are none,
// so that nobody asks for it.
func (r *Replay) dimensions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, call := range r.embeddings {
		if vectors, err := UnpackVectors(call.GetAnswer()); err == nil && len(vectors) > 0 {
			return len(vectors[0])
		}
	}
	return 1
}
