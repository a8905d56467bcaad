package model

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

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

// Embed returns one vector for each text, all of one dimension, and a record
// for each request. An *Error for an endpoint that gives none; a *Failure
// where what it gives stays unusable: a vector is never invented.
func (c *Client) Embed(ctx context.Context, call EmbedCall) ([][]float32, []Record, []Timing, error) {
	if _, _, err := c.Role(Embedder); err != nil {
		return nil, nil, nil, err
	}
	bounded, cancel := hurry(ctx)
	defer cancel()
	var vectors [][]float32
	var records []Record
	var timings []Timing
	for start := 0; start < len(call.Texts); start += embedBatch {
		texts := call.Texts[start:min(len(call.Texts), start+embedBatch)]
		got, record, timing, err := c.embedSome(bounded, call, texts, start)
		if err != nil {
			return nil, nil, nil, c.unfinished(ctx, Embedder, err)
		}
		vectors, records, timings = append(vectors, got...), append(records, record), append(timings, timing)
	}
	return vectors, records, timings, nil
}

// embedSome makes one request, and repeats it while the vectors are unusable.
func (c *Client) embedSome(ctx context.Context, call EmbedCall, texts []string, start int) ([][]float32, Record, Timing, error) {
	role := c.cfg.Roles[Embedder]
	inner := &Call{Role: Embedder, Purpose: call.Purpose, Run: call.Run, Step: call.Step, At: call.At}
	r := &request{Model: role.Model, Texts: texts, N: 1, Dimensions: role.Dimensions}
	h := &history{}
	began := time.Now()
	for repair := 0; ; repair++ {
		// The number of the try is part of the key, or the unusable answer would be
		// found in the store again.
		got, err := c.exchange(ctx, inner, r, start+repair, h)
		if err != nil {
			return nil, Record{}, Timing{}, err
		}
		attempt := Attempt{Outcome: Answered, Usage: got.Usage, Cached: got.cached}
		if got.Unusable != "" {
			attempt.Outcome, attempt.Detail = OffSchema, got.Unusable
		} else {
			attempt.Answer = packVectors(got.Vectors)
		}
		h.add(attempt, got.latency)
		if got.Unusable == "" {
			if err := c.checkShape(inner, role, got.Vectors); err != nil {
				return nil, Record{}, Timing{}, err
			}
			record, timing := embedRecord(inner, role, r, h)
			timing.Latency = time.Since(began)
			c.ended(Embedder, record.Attempts, timing)
			return got.Vectors, record, timing, nil
		}
		if repair == c.cfg.Repairs {
			c.ended(Embedder, h.attempts, h.timing)
			return nil, Record{}, Timing{}, fmt.Errorf("embedder: %w: %w", &Failure{Outcome: OffSchema, Detail: got.Unusable}, errs.ErrPrecondition)
		}
	}
}

// embedID names a call for embeddings by its texts: the embedder does not know
// the step.
func embedID(purpose string, texts []string) string {
	return Embedder + "/" + purpose + "/" + textsDigest(texts)[:16]
}

func embedRecord(call *Call, role Role, r *request, h *history) (Record, Timing) {
	last := h.attempts[len(h.attempts)-1]
	out := Record{
		ID: embedID(call.Purpose, r.Texts), Role: Embedder, Purpose: call.Purpose, Model: role.Model, PromptDigest: textsDigest(r.Texts),
		Outcome: Answered, Answer: last.Answer, Attempts: h.attempts, Cached: last.Cached,
	}
	for _, a := range h.attempts {
		out.Usage.add(a.Usage)
	}
	h.timing.CallID = out.ID
	return out, h.timing
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
