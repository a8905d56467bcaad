package model

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Asker is what a driver needs: a Client, or a Replay of what a client once
// answered.
type Asker interface {
	// Do makes a call; see Client.Do.
	Do(ctx context.Context, call Call) ([]Answer, error)
	// DoAll makes several calls at the same time; see Client.DoAll.
	DoAll(ctx context.Context, calls []Call) ([][]Answer, error)
	// Embed embeds texts; see Client.Embed.
	Embed(ctx context.Context, call EmbedCall) ([][]float32, []Record, []Timing, error)
	// Role returns how a role is configured; see Client.Role.
	Role(role string) (Role, Capabilities, error)
}

// Backend describes a driver that asks the model of a role, as the identity of
// a run records it: no address, and nothing that changes no answer. prompts is
// the digest of the prompt set.
func (r Role) Backend(name, driver, prompts string) *simv1.Backend {
	out := &simv1.Backend{Driver: driver, Model: r.Model}
	if name == Embedder {
		return out
	}
	s := Sampling{Temperature: r.Temperature, TopP: r.TopP, MaxTokens: r.maxTokens(name)}
	out.Sampling, out.Prompts = s.message(), prompts
	switch {
	case name == Judge:
		out.Options = map[string]string{"per": r.JudgesPer()}
	case name == Assistant && r.Catalogue:
		out.Options = map[string]string{"catalogue": "true"}
	}
	return out
}

// JudgesPer is "criterion" or "candidate".
func (r Role) JudgesPer() string {
	if r.Per == "" {
		return "candidate"
	}
	return r.Per
}

// Effects returns what answers add to a step: a call and its timing for each.
func Effects(answers ...Answer) role.Effects {
	var out role.Effects
	for i := range answers {
		out.Calls = append(out.Calls, answers[i].Record.Message())
		out.Timings = append(out.Timings, answers[i].Timing.Message())
	}
	return out
}

// EffectsOf is Effects of the answers of several calls.
func EffectsOf(answers [][]Answer) role.Effects {
	var out role.Effects
	for _, of := range answers {
		out.Add(Effects(of...))
	}
	return out
}

var roleMessages = map[string]simv1.Role{
	Planner: simv1.Role_ROLE_PLANNER, Judge: simv1.Role_ROLE_JUDGE, Assistant: simv1.Role_ROLE_ASSISTANT,
	Summarizer: simv1.Role_ROLE_SUMMARIZER, Embedder: simv1.Role_ROLE_EMBEDDER, Compiler: simv1.Role_ROLE_RUBRIC_COMPILER,
}

var criteria = map[string]simv1.Criterion{
	"preference": simv1.Criterion_CRITERION_PREFERENCE, "timing": simv1.Criterion_CRITERION_TIMING,
	"frequency": simv1.Criterion_CRITERION_FREQUENCY, "communication": simv1.Criterion_CRITERION_COMMUNICATION,
}

func (s Sampling) message() *simv1.Sampling {
	return &simv1.Sampling{Temperature: s.Temperature, TopP: s.TopP, MaxTokens: int32(s.MaxTokens), Seed: s.Seed}
}

// Message returns the record as the journal keeps it.
func (r *Record) Message() *simv1.ModelCall {
	out := &simv1.ModelCall{
		Id: r.ID, Role: roleMessages[r.Role], Purpose: r.Purpose, Candidate: r.Candidate, Criterion: criteria[r.Criterion],
		Model: r.Model, Adapter: r.Adapter, Schema: r.SchemaVersion, PromptDigest: r.PromptDigest, Answer: r.Answer, FinishReason: r.FinishReason,
		PromptTokens: int32(r.Usage.Prompt), CachedTokens: int32(r.Usage.Cached), CompletionTokens: int32(r.Usage.Completion), Cached: r.Cached,
	}
	if r.Role != Embedder {
		out.Sampling = r.Sampling.message()
	}
	for i, a := range r.Attempts {
		attempt := &simv1.Attempt{
			Outcome: string(a.Outcome), Detail: a.Detail, Answer: a.Answer, FinishReason: a.FinishReason,
			PromptTokens: int32(a.Usage.Prompt), CompletionTokens: int32(a.Usage.Completion),
		}
		if i == len(r.Attempts)-1 {
			attempt.Answer = "" // it is the call's
		}
		out.Attempts = append(out.Attempts, attempt)
	}
	return out
}

// Message returns the timing as the journal keeps it, beside the hash chain.
func (t *Timing) Message() *simv1.CallTiming {
	return &simv1.CallTiming{CallId: t.CallID, Endpoint: t.Endpoint, Waited: durationpb.New(t.Waited), Latency: durationpb.New(t.Latency)}
}
