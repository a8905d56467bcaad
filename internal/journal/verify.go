package journal

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Verify recomputes the chain of a run from its configuration on, and returns
// the state it leads to. ErrDataLoss names the first step that is wrong: a hash
// that does not match, a gap, or a body that cannot be read; ErrNotFound for an
// unknown id.
func (r *Reader) Verify(ctx context.Context, id string) (*State, error) {
	state, _, err := r.verify(ctx, id, func(*environmentv1.Entry) error { return nil })
	return state, err
}

// errStopped ends a verification whose reader has had enough.
var errStopped = errors.New("stopped by the reader")

// Verified yields the entries of a run like Entries from the first on, each
// after its hash was recomputed.
func (r *Reader) Verified(ctx context.Context, id string) iter.Seq2[*environmentv1.Entry, error] {
	return func(yield func(*environmentv1.Entry, error) bool) {
		_, _, err := r.verify(ctx, id, func(e *environmentv1.Entry) error {
			if !yield(e, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

func (r *Reader) verify(ctx context.Context, id string, visit func(*environmentv1.Entry) error) (*State, *record, error) {
	rec, err := r.record(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	state := NewState(rec.run.GetConfig())
	state.hash = rec.genesis.hash()
	for row, err := range r.rows(ctx, rec.number, 0) {
		if err != nil {
			return nil, nil, fmt.Errorf("run %s: %w", id, err)
		}
		if row.sequence != state.Progress.GetSequence()+1 {
			return nil, nil, fmt.Errorf("%s: entry %d follows entry %d: %w", row.name(id), row.sequence, state.Progress.GetSequence(), errs.ErrDataLoss)
		}
		want := next(state.hash, row.body)
		if !bytes.Equal(want[:], row.hash) {
			return nil, nil, fmt.Errorf("%s: hash mismatch: %w", row.name(id), errs.ErrDataLoss)
		}
		body, err := row.decode(id)
		if err != nil {
			return nil, nil, err
		}
		if err := row.checkPlace(id, body, state); err != nil {
			return nil, nil, err
		}
		state.Apply(body)
		state.hash = want
		if err := visit(&environmentv1.Entry{Sequence: row.sequence, Hash: hex.EncodeToString(want[:]), Body: body}); err != nil {
			return nil, nil, err
		}
		if p := rec.run.GetProgress(); row.sequence == p.GetSequence() && hex.EncodeToString(want[:]) != p.GetHash() {
			return nil, nil, fmt.Errorf("%s: the run remembers another hash of it: %w", row.name(id), errs.ErrDataLoss)
		}
	}
	if p := rec.run.GetProgress(); p.GetSequence() > state.Progress.GetSequence() {
		return nil, nil, fmt.Errorf("run %s: entries %d to %d are missing: %w", id, state.Progress.GetSequence()+1, p.GetSequence(), errs.ErrDataLoss)
	}
	return state, rec, nil
}

// checkPlace holds an entry to the place the columns give it.
func (w *row) checkPlace(run string, body *environmentv1.EntryBody, before *State) error {
	at := before.Progress.GetSteps()
	step, day := at, before.scale.Day(at)
	if w.night {
		step, day = at-1, before.scale.Day(max(at-1, 0))
	}
	inBody := body.GetStep() != nil && body.GetStep().GetStep() == step
	if w.night {
		inBody = body.GetNight() != nil && body.GetNight().GetDay() == day
	}
	if !inBody || w.step != int64(step) {
		return fmt.Errorf("%s: it stands where step %d belongs: %w", w.name(run), step, errs.ErrDataLoss)
	}
	return nil
}
