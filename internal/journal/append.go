package journal

import (
	"context"
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Chain appends to one run. It belongs to one goroutine at a time.
type Chain struct {
	*State // what is appended, committed or not

	journal *Journal
	id      string
	number  int64

	committed int64 // owned by the writer: last sequence number it took
	broken    error // owned by the writer: why it takes nothing more
}

// Continue verifies a run and returns its chain, ready to append. visit sees
// every entry there is, in order. Release it after use. Errors are those of
// Verify, and what visit returns.
func (j *Journal) Continue(ctx context.Context, id string, visit func(*environmentv1.Entry) error) (*Chain, error) {
	state, rec, err := j.verify(ctx, id, visit)
	if err != nil {
		return nil, err
	}
	j.active.chains.Add(1)
	return &Chain{State: state, journal: j, id: id, number: rec.number, committed: state.Progress.GetSequence()}, nil
}

// Release tells that no more entries come from this chain for now.
func (c *Chain) Release() { c.journal.active.chains.Add(-1) }

// Append hands in the next entry and returns a channel that gets its outcome
// once it is on disk, with everything before it. An outcome other than nil ends
// the chain: what is committed must be read again with Continue. Errors come
// back at once for a body that cannot be written and a journal that is closed.
//
// latencies are the wall times of the body's calls in milliseconds; the body
// itself must not hold any.
func (c *Chain) Append(body *environmentv1.EntryBody, latencies []float64) (<-chan error, error) {
	done := make(chan error, 1)
	return done, c.append(body, latencies, done)
}

// AppendLater is Append where nobody waits: a fault shows in the outcome of a
// later Append.
func (c *Chain) AppendLater(body *environmentv1.EntryBody, latencies []float64) error {
	return c.append(body, latencies, nil)
}

// Flush waits until everything handed in is on disk.
func (c *Chain) Flush() error {
	s := &submission{chain: c, barrier: true, done: make(chan error, 1)}
	if err := c.journal.submit(s); err != nil {
		return err
	}
	return <-s.done
}

func (c *Chain) append(body *environmentv1.EntryBody, latencies []float64, done chan error) error {
	data, err := deterministic.Marshal(body)
	if err != nil {
		return fmt.Errorf("run %s: entry %d: %w", c.id, c.Progress.GetSequence()+1, err)
	}
	hash := next(c.hash, data)
	s := &submission{chain: c, sequence: c.Progress.GetSequence() + 1, body: data, hash: hash[:], latencies: latencies, done: done}
	if step := body.GetStep(); step != nil {
		s.step, s.day = int64(step.GetStep()), int64(step.GetDay())
	} else {
		s.night, s.step, s.day = 1, int64(c.Progress.GetSteps()-1), int64(body.GetNight().GetDay())
	}
	if err := c.journal.submit(s); err != nil {
		return err
	}
	c.Apply(body)
	c.hash = hash
	return nil
}

func (j *Journal) submit(s *submission) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.closed {
		return fmt.Errorf("the journal is closed: %w", errs.ErrCanceled)
	}
	j.submissions <- s
	return nil
}

// admit takes an entry in its turn; the writer calls it.
func (c *Chain) admit(s *submission) error {
	if c.broken != nil {
		return c.broken
	}
	if s.sequence != c.committed+1 {
		c.broken = fmt.Errorf("run %s: entry %d follows entry %d: %w", c.id, s.sequence, c.committed, errs.ErrInternal)
		return c.broken
	}
	c.committed = s.sequence
	return nil
}

// fail ends the chain after a transaction that did not succeed; the writer
// calls it.
func (c *Chain) fail(err error) {
	if c.broken == nil {
		c.broken = fmt.Errorf("run %s: %w", c.id, err)
	}
}
