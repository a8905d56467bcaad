// Package replay goes through recorded runs without any model or network and
// derives again what follows from them: the hash chain, totals, preference pairs,
// progress and figures. It also checks that candidates, verdicts, calls and notes
// are such as the contracts allow.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Result says what was found in a run.
type Result struct {
	Run     string `json:"run"`
	Entries int64  `json:"entries"`
	// Hash of the last entry.
	Hash string `json:"hash"`
	// Pairs derived from the steps.
	Pairs int `json:"pairs"`
	// Buffer says whether the buffer's pairs were compared with them.
	Buffer bool `json:"buffer_compared"`
	// Metrics says whether metrics.json was compared with the figures.
	Metrics bool `json:"metrics_compared"`
	// Prompts counts the prompts that were rendered again, where a model played a
	// role and the run was played again.
	Prompts int `json:"prompts_compared,omitempty"`
	// NotPlayed says why a run in which a model played a role was not played again;
	// empty where it was, and where no model played a role.
	NotPlayed string `json:"not_played_again,omitempty"`
	// Fault names the first thing that is wrong, with its step; empty for none.
	Fault string `json:"fault,omitempty"`
}

// Against holds what the journal's derivations are compared with; each may be
// nil.
type Against struct {
	Buffer  bufferv1.PreferenceBufferServiceClient
	Metrics *figures.File
}

// Run verifies one run. A fault of the run is in the result; an error means that
// it could not be looked at.
func Run(ctx context.Context, r *journal.Reader, run *environmentv1.Run, against Against) (Result, error) {
	out := Result{Run: run.GetId(), Buffer: against.Buffer != nil}
	c := &check{run: run, fold: figures.NewFold(run), state: journal.NewState(run.GetConfig()), calls: map[place]bool{}, prompts: map[string]bool{}}
	if against.Buffer != nil {
		stream, err := against.Buffer.List(ctx, &bufferv1.ListRequest{RunId: run.GetId(), AfterStep: -1})
		if err != nil {
			return out, err
		}
		c.buffer = stream.Recv
	}
	err := c.all(ctx, r)
	out.Entries, out.Hash, out.Pairs = c.sequence, c.hash, c.pairs
	if err == nil && against.Metrics != nil {
		out.Metrics, err = c.figures(against.Metrics)
	}
	if errors.Is(err, errs.ErrDataLoss) {
		out.Fault = err.Error()
		return out, nil
	}
	return out, err
}

// check is the state of a replay.
type check struct {
	run      *environmentv1.Run
	fold     *figures.Fold
	state    *journal.State
	buffer   func() (*bufferv1.ListResponse, error) // nil when not compared
	sequence int64
	hash     string
	pairs    int
	missing  *environmentv1.Step // the first whose pair the buffer has not
	day      int32               // of the last step
	calls    map[place]bool      // of the entries
	prompts  map[string]bool     // digests that were checked
}

// place names a call.
type place struct {
	sequence int64
	call     string
}

func fault(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errs.ErrDataLoss)...)
}

// all follows the chain entry by entry.
func (c *check) all(ctx context.Context, r *journal.Reader) error {
	for e, err := range r.Verified(ctx, c.run.GetId()) {
		if err != nil {
			return err
		}
		c.sequence, c.hash = e.GetSequence(), e.GetHash()
		if err := c.fold.Add(e); err != nil {
			return err
		}
		c.state.Apply(e.GetBody())
		if e.GetBody().GetNight() != nil {
			c.calls[place{e.GetSequence(), journal.NightTiming}] = true
		}
		s := e.GetBody().GetStep()
		if s == nil {
			continue
		}
		c.day = s.GetDay()
		if err := c.step(s); err != nil {
			return err
		}
		for _, call := range s.GetCalls() {
			c.calls[place{e.GetSequence(), call.GetId()}] = true
			if err := c.prompt(ctx, r, s, call); err != nil {
				return err
			}
		}
	}
	if err := c.timings(ctx, r); err != nil {
		return err
	}
	if err := c.missed(); err != nil {
		return err
	}
	if c.buffer != nil && c.missing == nil {
		if extra, err := c.buffer(); !errors.Is(err, io.EOF) {
			return errors.Join(err, fault("run %s: the buffer has a pair of step %d that the journal has not", c.run.GetId(), extra.GetPair().GetStep()))
		}
	}
	return c.progress()
}

// prompt checks the prompt of a call where it was kept: Prompt compares it with
// its digest.
func (c *check) prompt(ctx context.Context, r *journal.Reader, s *environmentv1.Step, call *simv1.ModelCall) error {
	digest := call.GetPromptDigest()
	if digest == "" || c.prompts[digest] {
		return nil
	}
	c.prompts[digest] = true
	_, err := r.Prompt(ctx, digest)
	switch {
	case errors.Is(err, errs.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("step %d of run %s, call %s: %w", s.GetStep(), c.run.GetId(), call.GetId(), err)
	}
	return nil
}

// timings holds what is kept beside the chain to the calls of the entries.
func (c *check) timings(ctx context.Context, r *journal.Reader) error {
	for t, err := range r.Timings(ctx, c.run.GetId(), 0) {
		if err != nil {
			return err
		}
		if !c.calls[place{t.Sequence, t.GetCallId()}] {
			return fault("entry %d of run %s: it has a timing of call %q, which it did not make", t.Sequence, c.run.GetId(), t.GetCallId())
		}
	}
	return nil
}

// buffered compares the next pair of the buffer with the step's own of that index.
func (c *check) buffered(s *environmentv1.Step, index int32, of indices) error {
	if c.buffer == nil {
		return nil
	}
	got, err := c.buffer()
	if errors.Is(err, io.EOF) {
		if c.missing == nil {
			c.missing = s
		}
		return nil
	}
	if err != nil {
		return err
	}
	want := &bufferv1.PreferencePair{
		RunId: c.run.GetId(), Step: s.GetStep(), Day: s.GetDay(), Prompt: s.GetPair().GetPrompt(), Observation: s.GetObservation(),
		Chosen: s.GetCandidates()[of.chosen], Rejected: s.GetCandidates()[of.rejected],
		ChosenEvaluation: s.GetEvaluations()[of.chosen], RejectedEvaluation: s.GetEvaluations()[of.rejected], Adapter: s.GetAdapter(), Index: index,
	}
	if !proto.Equal(want, got.GetPair()) {
		return fault("step %d of run %s: the buffer's pair (step %d) is not the journal's", s.GetStep(), c.run.GetId(), got.GetPair().GetStep())
	}
	return nil
}

// missed refuses pairs that the buffer should have. A run hands over the pairs of
// a day when the day is over: one that stopped within a day, or just after it,
// does so when it is resumed.
func (c *check) missed() error {
	if c.missing == nil || (c.missing.GetDay() == c.day && c.run.GetState() != environmentv1.RunState_RUN_STATE_FINISHED) {
		return nil
	}
	return fault("step %d of run %s: its pair is not in the buffer", c.missing.GetStep(), c.run.GetId())
}

// progress compares the recorded progress with what the entries add up to.
func (c *check) progress() error {
	got, want := c.run.GetProgress(), c.state.Snapshot()
	want.Hash = c.hash
	if got.GetSequence() == 0 {
		return nil
	}
	if !proto.Equal(got, want) {
		return fault("run %s: its recorded progress (%v) is not what its entries add up to (%v)", c.run.GetId(), got, want)
	}
	return nil
}

// figures compares a run's figures in metrics.json with those of the journal.
// It reports false where the file tells of another state of the run.
func (c *check) figures(f *figures.File) (bool, error) {
	want := c.fold.Run()
	for _, got := range f.Runs {
		if got.ID != want.ID || got.FinalHash != want.FinalHash {
			continue
		}
		if len(got.Days) != len(want.Days) {
			return true, fault("run %s: metrics.json has %d days, the journal %d", want.ID, len(got.Days), len(want.Days))
		}
		for i := range want.Days {
			if !reflect.DeepEqual(got.Days[i], want.Days[i]) {
				return true, fault("day %d of run %s: metrics.json does not say what the journal says", want.Days[i].Day, want.ID)
			}
		}
		return true, nil
	}
	return false, nil
}
