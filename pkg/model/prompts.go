package model

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
)

// packers are reused: a new one allocates most of a megabyte. The standard library
// needs twice the time for the same format.
var packers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic("model: " + err.Error()) // the level is valid
	}
	return w
}}

// packPrompt compresses the text of a prompt.
func packPrompt(messages []Message) (*keptPrompt, error) {
	raw, err := json.Marshal(messages)
	if err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	var b bytes.Buffer
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(&b)
	if _, err := z.Write(raw); err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	return &keptPrompt{PromptDigest(messages), b.Bytes()}, nil
}

// Prompt returns the text of a prompt by its digest. ErrNotFound where it was
// not kept.
func (c *Client) Prompt(ctx context.Context, digest string) ([]Message, error) {
	return readPrompt(ctx, c.answers.db, digest)
}

// Kept are the prompts of an answer store that nobody may be writing.
type Kept struct{ db *store.DB }

// OpenKept opens the prompts of an answer store for reading. The errors are
// those of store.Open.
func OpenKept(ctx context.Context, dsn string) (*Kept, error) {
	db, err := store.Open(ctx, dsn, nil, store.ReadOnly())
	if err != nil {
		return nil, fmt.Errorf("answer store: %w", err)
	}
	return &Kept{db}, nil
}

// Prompt returns the text of a prompt by its digest. ErrNotFound where it was
// not kept.
func (k *Kept) Prompt(ctx context.Context, digest string) ([]Message, error) {
	return readPrompt(ctx, k.db, digest)
}

// Close closes the store.
func (k *Kept) Close() error { return k.db.Close() }

func readPrompt(ctx context.Context, db *store.DB, digest string) ([]Message, error) {
	var packed []byte
	err := db.QueryRowContext(ctx, "SELECT messages FROM prompts WHERE digest = $1", digest).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("prompt %s was not kept: %w", digest, errs.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("answer store: %w", db.Err(err))
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("prompt %s: %v: %w", digest, err, errs.ErrDataLoss)
	}
	var out []Message
	if err := json.NewDecoder(z).Decode(&out); err != nil {
		return nil, fmt.Errorf("prompt %s: %v: %w", digest, err, errs.ErrDataLoss)
	}
	if PromptDigest(out) != digest {
		return nil, fmt.Errorf("prompt %s is not what its digest says: %w", digest, errs.ErrDataLoss)
	}
	return out, nil
}
