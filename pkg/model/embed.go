package model

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/errs"
)

// EmbedCall asks the embedding model for the vectors of texts.
type EmbedCall struct {
	// Purpose, Run, Step and At are those of a Call.
	Purpose, Run string
	Step         int32
	At           int64
	// Texts is what to embed, at least one.
	Texts []string
}

// embedBatch is the greatest number of texts in one request: the limit of the
// strictest common servers.
const embedBatch = 64

// embedded is the embedding of one text.
type embedded struct {
	vector []float32
	record Record
	timing Timing
}

// Embed returns one vector for each text, all of one dimension, and a record for
// each different text. A text that was embedded before gets the same vector again
// and costs nothing, so that an index that is built anew is the same index. An
// *Error for an endpoint that gives no vectors; a *Failure where what it gives
// stays unusable: a vector is never invented.
func (c *Client) Embed(ctx context.Context, call EmbedCall) ([][]float32, []Record, []Timing, error) {
	if _, _, err := c.Role(Embedder); err != nil {
		return nil, nil, nil, err
	}
	bounded, cancel := hurry(ctx)
	defer cancel()
	known := make(map[string]*embedded, len(call.Texts))
	var order, missing []string // different texts
	for _, text := range call.Texts {
		if _, again := known[text]; again {
			continue
		}
		got, err := c.embeddedBefore(bounded, &call, text)
		if err != nil {
			return nil, nil, nil, c.unfinished(ctx, Embedder, err)
		}
		if known[text] = got; got == nil {
			missing = append(missing, text)
		}
		order = append(order, text)
	}
	for texts := range slices.Chunk(missing, embedBatch) {
		if err := c.embedSome(bounded, &call, texts, known); err != nil {
			return nil, nil, nil, c.unfinished(ctx, Embedder, err)
		}
	}
	vectors := make([][]float32, len(call.Texts))
	for i, text := range call.Texts {
		vectors[i] = known[text].vector
	}
	records, timings := make([]Record, len(order)), make([]Timing, len(order))
	for i, text := range order {
		records[i], timings[i] = known[text].record, known[text].timing
	}
	return vectors, records, timings, nil
}

// embedding returns the call and the request for some texts.
func (c *Client) embedding(call *EmbedCall, texts []string) (*Call, *request) {
	role := c.cfg.Roles[Embedder]
	return &Call{Role: Embedder, Purpose: call.Purpose, Run: call.Run, Step: call.Step, At: call.At},
		&request{Model: role.Model, Texts: texts, N: 1, Dimensions: role.Dimensions}
}

// embeddedBefore returns the embedding of a text from the answer store; nil where
// it has none that can be used.
func (c *Client) embeddedBefore(ctx context.Context, call *EmbedCall, text string) (*embedded, error) {
	inner, r := c.embedding(call, []string{text})
	key := answerKey{call.Step, keyOf(inner, r.digest(), 0)}
	got, err := c.answers.get(ctx, call.Run, key)
	if err != nil || got == nil || got.Unusable != "" || len(got.Vectors) != 1 {
		return nil, err
	}
	role := c.cfg.Roles[Embedder]
	if err := c.checkShape(inner, role, got.Vectors); err != nil {
		return nil, err
	}
	h := &history{timing: Timing{Endpoint: role.Endpoint}}
	h.join(&history{attempts: got.Before})
	h.add(Attempt{Outcome: Answered, Usage: got.Usage, Cached: !c.claim(inner, key)}, 0)
	return embeddedOf(inner, role, r, got, h, 0), nil
}

// embedSome makes one request, and repeats it while the vectors are unusable.
func (c *Client) embedSome(ctx context.Context, call *EmbedCall, texts []string, into map[string]*embedded) error {
	role := c.cfg.Roles[Embedder]
	inner, r := c.embedding(call, texts)
	h := &history{}
	began := time.Now()
	for repair := 0; ; repair++ {
		// The number of the try is part of the key, or the unusable answer would be
		// found in the store again.
		got, err := c.exchange(ctx, inner, r, repair, h)
		if err != nil {
			return err
		}
		attempt := Attempt{Outcome: Answered, Usage: got.Usage, Cached: !c.claim(inner, answerKey{call.Step, keyOf(inner, r.digest(), repair)})}
		if got.Unusable != "" {
			attempt.Outcome, attempt.Detail = OffSchema, got.Unusable
		}
		h.add(attempt, got.latency)
		if got.Unusable == "" {
			if err := c.checkShape(inner, role, got.Vectors); err != nil {
				return err
			}
			h.timing.Latency = time.Since(began)
			c.ended(Embedder, h.attempts, h.timing)
			for i, text := range texts {
				into[text] = embeddedOf(inner, role, r, got, h, i)
			}
			return c.keepEach(call, texts, got)
		}
		if repair == c.cfg.Repairs {
			c.ended(Embedder, h.attempts, h.timing)
			return fmt.Errorf("embedder: %w: %w", &Failure{Outcome: OffSchema, Detail: got.Unusable}, errs.ErrPrecondition)
		}
	}
}

// keepEach keeps the vectors of a request for several texts under each text, as
// if it had been asked for by itself.
func (c *Client) keepEach(call *EmbedCall, texts []string, got *reply) error {
	if len(texts) == 1 {
		return nil // it is kept already
	}
	var group errgroup.Group
	for i, text := range texts {
		inner, r := c.embedding(call, []string{text})
		raw, err := json.Marshal(&reply{Model: got.Model, Usage: got.Usage.share(i, len(texts)), Vectors: got.Vectors[i : i+1]})
		if err != nil {
			return fmt.Errorf("answer store: %w", err)
		}
		group.Go(func() error {
			return c.answers.put(&write{run: call.Run, role: Embedder, key: answerKey{call.Step, keyOf(inner, r.digest(), 0)}, reply: raw})
		})
	}
	return group.Wait()
}

// claim reports whether an embedding was paid for by this process and is on no
// record yet; it is from then on. Each payment is thus on one record: embeddings
// are shared by content, and neither steps nor runs have their own.
func (c *Client) claim(call *Call, key answerKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := flightID(call, key)
	paid := c.unclaimed[id]
	delete(c.unclaimed, id)
	return paid
}

// embeddedOf returns the embedding of text i of a request.
func embeddedOf(call *Call, role Role, r *request, got *reply, h *history, i int) *embedded {
	n, text := len(r.Texts), r.Texts[i:i+1]
	out := &embedded{vector: got.Vectors[i], timing: h.timing}
	out.record = Record{
		ID: embedID(call.Purpose, text), Role: Embedder, Purpose: call.Purpose, Model: role.Model, PromptDigest: textsDigest(text),
		Outcome: Answered, Answer: packVectors(got.Vectors[i : i+1]), Cached: true,
	}
	for _, a := range h.attempts {
		a.Usage = a.Usage.share(i, n)
		if a.Outcome == Answered {
			a.Answer = out.record.Answer
		}
		out.record.Attempts = append(out.record.Attempts, a)
		out.record.Usage.add(a.Usage)
		out.record.Cached = out.record.Cached && (a.Cached || a.Outcome.IsTransient())
	}
	out.timing.CallID = out.record.ID
	return out
}

// embedID names a call for embeddings by its texts: the embedder does not know
// the step.
func embedID(purpose string, texts []string) string {
	return Embedder + "/" + purpose + "/" + textsDigest(texts)[:16]
}

// textsDigest identifies the texts that were embedded.
func textsDigest(texts []string) string {
	messages := make([]Message, len(texts))
	for i, text := range texts {
		messages[i] = Message{"text", text}
	}
	return PromptDigest(messages)
}

// checkShape compares the dimension of vectors with the configured one, or with
// that of the first answer of the model.
func (c *Client) checkShape(call *Call, role Role, vectors [][]float32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	want := role.Dimensions
	if want == 0 {
		want = c.shapes[role.Model]
	}
	for _, v := range vectors {
		if want == 0 {
			want = len(v)
		}
		if len(v) != want {
			return c.fail(call, c.endpoints[role.Endpoint], &attemptError{outcome: WrongShape, detail: fmt.Sprintf("an embedding has %d dimensions, want %d", len(v), want)})
		}
	}
	c.shapes[role.Model] = want
	return nil
}

// packVectors writes vectors for a record: base64 of little-endian float32, one
// vector a line.
func packVectors(vectors [][]float32) string {
	lines := make([]string, len(vectors))
	for i, v := range vectors {
		raw := make([]byte, 0, 4*len(v))
		for _, x := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		lines[i] = base64.StdEncoding.EncodeToString(raw)
	}
	return strings.Join(lines, "\n")
}

// UnpackVectors reads the vectors in the answer of an embedder's record.
// ErrDataLoss for a damaged one.
func UnpackVectors(answer string) ([][]float32, error) {
	var out [][]float32
	for line := range strings.SplitSeq(answer, "\n") {
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(raw)%4 != 0 {
			return nil, fmt.Errorf("recorded embedding: %w", errs.ErrDataLoss)
		}
		v := make([]float32, len(raw)/4)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		out = append(out, v)
	}
	return out, nil
}
