package model

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// talk leads one call to its answers: the first request, the reading of what
// comes back, and repairs. Where the replies come from is its exchange's
// affair: an endpoint, or the record of a run that is replayed.
type talk struct {
	call    *Call
	role    Role
	caps    Capabilities
	repairs int
	digest  string // of the prompt
	// exchange gets the reply to a request for the given sample.
	exchange func(ctx context.Context, r *request, sample int, h *history) (*reply, error)
}

// history collects what happens to one sample.
type history struct {
	attempts []Attempt
	timing   Timing
}

// refusalPrefix begins the complaint about a refusal; the model's words follow.
const refusalPrefix = "the model refused: "

// maxAttempts bounds what is recorded of one call while an endpoint fails.
const maxAttempts = 40

// add records an attempt. Failures that repeat are recorded once.
func (h *history) add(a Attempt, latency time.Duration) {
	if n := len(h.attempts); n > 0 && a.Outcome.IsTransient() && (h.attempts[n-1].Outcome == a.Outcome || n >= maxAttempts) {
		return
	}
	h.attempts = append(h.attempts, a)
	h.timing.Attempts = append(h.timing.Attempts, latency)
}

// join adds the attempts of an exchange.
func (h *history) join(exchange *history) {
	for _, a := range exchange.attempts {
		h.add(a, 0)
	}
}

// piece is what came back for one sample: a choice, or none.
type piece struct {
	choice *choice // nil where the reply has fewer choices than were asked for
	reply  *reply
	usage  Usage
}

// run asks for all samples, in one request where the endpoint can do that.
func (t *talk) run(ctx context.Context) ([]Answer, error) {
	n := t.call.N
	histories := make([]history, n)
	pieces := make([]*piece, n)
	began := time.Now()
	if n > 1 && t.caps.N {
		shared := &histories[0]
		got, err := t.exchange(ctx, t.request(t.call.Messages, n), 0, shared)
		if err != nil {
			return nil, err
		}
		for i := range n {
			pieces[i] = got.piece(i, n)
			histories[i].timing.Waited, histories[i].timing.Endpoint = shared.timing.Waited, shared.timing.Endpoint
		}
	}
	answers := make([]Answer, n)
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() (err error) {
			answers[i], err = t.sample(ctx, i, pieces[i], &histories[i])
			answers[i].Timing.Latency = time.Since(began)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return answers, nil
}

// piece returns choice i of n.
func (r *reply) piece(i, n int) *piece {
	p := &piece{reply: r, usage: r.Usage.share(i, n)}
	if i < len(r.Choices) {
		p.choice = &r.Choices[i]
	}
	return p
}

// request builds a request for n samples.
func (t *talk) request(messages []Message, n int) *request {
	maxTokens := t.role.maxTokens(t.call.Role)
	r := &request{
		Model: t.model(), Messages: messages, N: n, structure: t.caps.Structured,
		adapterRun: t.call.AdapterRun,
		Sampling:   Sampling{Temperature: t.role.Temperature, TopP: t.role.TopP, MaxTokens: maxTokens, Seed: t.call.Seed},
	}
	if t.call.Schema != nil {
		r.bySchema, r.Schema = t.call.Schema, t.call.Schema.Digest
	}
	return r
}

func (t *talk) model() string {
	if t.call.Adapter != "" {
		return t.call.Adapter
	}
	return t.role.Model
}

// sample leads one sample to an answer. p is what the common request brought
// for it; nil where there was none.
func (t *talk) sample(ctx context.Context, i int, p *piece, h *history) (Answer, error) {
	messages := t.call.Messages
	out := Answer{}
	for repair, common := 0, p != nil; ; repair, common = repair+1, false {
		if p == nil {
			got, err := t.exchange(ctx, t.request(messages, 1), i, h)
			if err != nil {
				return Answer{}, err
			}
			p = got.piece(0, 1)
		}
		outcome, complaint := t.read(p, &out)
		own := ""
		attempt := Attempt{Outcome: outcome, Detail: complaint, Usage: p.usage, Cached: p.reply.cached}
		if p.choice != nil {
			own = p.choice.Content
			attempt.Answer, attempt.FinishReason = own, p.choice.Finish
		}
		h.add(attempt, p.reply.latency)
		if outcome == Answered {
			break
		}
		if repair == t.repairs {
			out.JSON, out.Text = nil, ""
			out.Failure = &Failure{Outcome: outcome, Detail: complaint, Last: own}
			break
		}
		// A choice that the common request lacks is asked for by the same prompt.
		if p.choice != nil || !common {
			messages = t.repaired(messages, own, outcome, complaint)
		}
		p = nil
	}
	t.record(i, h, &out)
	return out, nil
}

// read turns a choice into an answer, or says what is wrong with it.
func (t *talk) read(p *piece, out *Answer) (Outcome, string) {
	switch c := p.choice; {
	case p.reply.Unusable != "":
		return Malformed, p.reply.Unusable
	case c == nil:
		return Empty, fmt.Sprintf("the endpoint returned %d answers, fewer than asked for", len(p.reply.Choices))
	case c.Refusal != "":
		return Refused, refusalPrefix + short(c.Refusal, 200)
	case c.Finish == "content_filter":
		return Filtered, "a content filter stopped the answer"
	case c.Finish == "length":
		return Truncated, "the answer was cut off at the limit of its length; be shorter"
	}
	text := withoutThinking(p.choice.Content)
	if text == "" {
		return Empty, "the answer is empty"
	}
	value := []byte(text)
	if t.call.Schema != nil {
		var err error
		if value, err = extract(text); err != nil {
			return Malformed, err.Error()
		}
		if err := t.call.Schema.Check(value); err != nil {
			return OffSchema, err.Error()
		}
	}
	if t.call.Check != nil {
		if err := t.call.Check(value); err != nil {
			return OffSchema, err.Error()
		}
	}
	if t.call.Schema != nil {
		out.JSON = value
	} else {
		out.Text = text
	}
	return Answered, ""
}

// repaired adds the unusable answer and the complaint about it to a prompt. A
// turn of the model always comes between two of the user: many chat templates
// demand it.
func (t *talk) repaired(messages []Message, own string, outcome Outcome, complaint string) []Message {
	if strings.TrimSpace(own) == "" {
		own = "(no answer)"
	}
	ask := "Your answer cannot be used: " + short(complaint, 1000) + ". Answer again."
	if t.call.Schema != nil {
		ask = "Your answer cannot be used: " + short(complaint, 1000) + ". Answer again, with one JSON object that satisfies the schema and nothing else."
	}
	return append(messages[:len(messages):len(messages)], Message{"assistant", short(own, 4000)}, Message{"user", ask})
}

// record fills in what the journal keeps.
func (t *talk) record(i int, h *history, out *Answer) {
	last := h.attempts[len(h.attempts)-1]
	first := t.request(t.call.Messages, 1)
	r := Record{
		ID: t.call.id(i), Role: t.call.Role, Purpose: t.call.Purpose, Candidate: t.call.Candidate, Criterion: t.call.Criterion,
		Model: t.role.Model, Adapter: t.call.Adapter, Sampling: first.Sampling, SchemaVersion: first.Schema, PromptDigest: t.digest,
		Outcome: last.Outcome, Answer: last.Answer, FinishReason: last.FinishReason, Attempts: h.attempts, Cached: true,
	}
	if t.call.Schema != nil {
		r.SchemaVersion = t.call.Schema.Version()
	}
	if r.Candidate == nil && t.call.N > 1 {
		sample := int32(i)
		r.Candidate = &sample
	}
	for _, a := range h.attempts {
		r.Usage.add(a.Usage)
		r.Cached = r.Cached && (a.Cached || a.Outcome.IsTransient())
	}
	out.Record = r
	out.Timing = h.timing
	out.Timing.CallID = r.ID
}
