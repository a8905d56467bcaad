package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// MaxEntry is the greatest size of an entry's body in bytes. A message of that
// size and its frame can be sent and received by all services.
const MaxEntry = 32 << 20

// Chain appends to one run under a lease. It belongs to one goroutine at a time.
type Chain struct {
	*State // what is appended, committed or not

	lease *Lease

	committed int64 // owned by the writer: last sequence number it took
	broken    error // owned by the writer: why it takes nothing more
	batch     int64 // owned by the writer: last batch that had entries of it
}

// Beside is what is kept beside the chain with an entry: it is committed in the
// same transaction and not hashed.
type Beside struct {
	// Timings are what the calls of the entry took.
	Timings []*simv1.CallTiming
	// Prompts are the texts that the calls sent; each is kept once under its
	// digest (see Digest).
	Prompts [][]byte
}

// Digest is the name of a prompt: SHA-256 of its text, hexadecimal.
func Digest(prompt []byte) string {
	sum := sha256.Sum256(prompt)
	return hex.EncodeToString(sum[:])
}

// Continue verifies a run and returns its chain, ready to append under the
// lease. visit sees every entry there is, in order. Close the chain after use.
// Errors are those of Verify, and what visit returns.
func (j *Journal) Continue(ctx context.Context, lease *Lease, visit func(*environmentv1.Entry) error) (*Chain, error) {
	state, _, err := j.verify(ctx, lease.run, visit)
	if err != nil {
		return nil, err
	}
	j.chains.Add(1)
	return &Chain{State: state, lease: lease, committed: state.Progress.GetSequence()}, nil
}

// Close says that no more entries come from this chain. It does not wait for
// those handed in; Flush does.
func (c *Chain) Close() { c.lease.journal.chains.Add(-1) }

// Append hands in the next entry and returns a channel that gets its outcome
// once it is on disk, with everything before it. An outcome other than nil ends
// the chain: what is committed must be read again with Continue. It is
// ErrLeaseLost where another process has taken the run over; then nothing of the
// entry is committed.
//
// Errors come back at once for a body that cannot be written, for one above
// MaxEntry (ErrExhausted), and for a journal that is closed (ErrCanceled); the
// chain is then as it was before.
func (c *Chain) Append(body *environmentv1.EntryBody, beside Beside) (<-chan error, error) {
	done := make(chan error, 1)
	return done, c.append(body, beside, done)
}

// AppendLater is Append without waiting: a fault shows in the outcome of a later
// Append.
func (c *Chain) AppendLater(body *environmentv1.EntryBody, beside Beside) error {
	return c.append(body, beside, nil)
}

// Flush waits until everything handed in is on disk.
func (c *Chain) Flush() error {
	s := &submission{chain: c, barrier: true, done: make(chan error, 1)}
	if err := c.lease.journal.submit(s); err != nil {
		return err
	}
	return <-s.done
}

func (c *Chain) append(body *environmentv1.EntryBody, beside Beside, done chan error) error {
	sequence := c.Progress.GetSequence() + 1
	if size := proto.Size(body); size > MaxEntry {
		return fmt.Errorf("run %s: entry %d has %d bytes, want at most %d: %w", c.lease.run, sequence, size, MaxEntry, errs.ErrExhausted)
	}
	data, err := deterministic.Marshal(body)
	if err != nil {
		return fmt.Errorf("run %s: entry %d: %w", c.lease.run, sequence, err)
	}
	hash := next(c.hash, data)
	s := &submission{chain: c, sequence: sequence, body: data, hash: hash[:], timings: beside.Timings, prompts: compress(beside.Prompts), done: done}
	if step := body.GetStep(); step != nil {
		s.step, s.day = int64(step.GetStep()), int64(step.GetDay())
	} else {
		s.night, s.step, s.day = 1, int64(c.Progress.GetSteps()-1), int64(body.GetNight().GetDay())
	}
	if err := c.lease.journal.submit(s); err != nil {
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
		c.broken = fmt.Errorf("run %s: entry %d follows entry %d: %w", c.lease.run, s.sequence, c.committed, errs.ErrInternal)
		return c.broken
	}
	c.committed = s.sequence
	return nil
}

// fail ends the chain after its entries were not committed; the writer calls it.
func (c *Chain) fail(err error) {
	if c.broken == nil {
		c.broken = fmt.Errorf("run %s: %w", c.lease.run, err)
	}
}
