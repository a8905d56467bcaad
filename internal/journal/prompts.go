package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/propersim/propersim/pkg/errs"
)

// prompt is a text that is stored once under its digest.
type prompt struct {
	digest string
	text   []byte // compressed
}

var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			panic(err) // the options are constants
		}
		return d
	})
)

func compress(texts [][]byte) []prompt {
	if len(texts) == 0 {
		return nil
	}
	out := make([]prompt, len(texts))
	for i, text := range texts {
		out[i] = prompt{digest: Digest(text), text: encoder().EncodeAll(text, nil)}
	}
	return out
}

// insertPrompts stores the prompts of a batch that are not stored yet, in the
// order of their digests, so that two processes cannot wait for each other.
func insertPrompts(ctx context.Context, tx *sql.Tx, batch []*submission) error {
	var all []prompt
	for _, s := range batch {
		all = append(all, s.prompts...)
	}
	slices.SortFunc(all, func(a, b prompt) int {
		if a.digest < b.digest {
			return -1
		}
		if a.digest > b.digest {
			return 1
		}
		return 0
	})
	for i, p := range all {
		if i > 0 && all[i-1].digest == p.digest {
			continue
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO prompts (digest, text) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING", p.digest, p.text); err != nil {
			return err
		}
	}
	return nil
}

// Prompt returns the prompt with a digest. ErrNotFound where it was not kept,
// ErrDataLoss where it is not what its digest says.
func (r *Reader) Prompt(ctx context.Context, digest string) ([]byte, error) {
	var packed []byte
	err := r.db.QueryRowContext(ctx, "SELECT text FROM prompts WHERE digest = $1", digest).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("prompt %s: %w", digest, errs.ErrNotFound)
	}
	if err != nil {
		return nil, r.db.Err(err)
	}
	text, err := decoder().DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("prompt %s cannot be read: %v: %w", digest, err, errs.ErrDataLoss)
	}
	if Digest(text) != digest {
		return nil, fmt.Errorf("prompt %s is not the text that its digest names: %w", digest, errs.ErrDataLoss)
	}
	return text, nil
}
