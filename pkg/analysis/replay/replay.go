// Package replay goes through recorded runs without any model or network and
// derives again what followed from them: the hash chain, totals, preference
// pairs, progress and figures.
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
	c := &check{run: run, fold: figures.NewFold(run), state: journal.NewState(run.GetConfig())}
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
		if s := e.GetBody().GetStep(); s != nil {
			if err := c.step(s); err != nil {
				return err
			}
		}
	}
	if c.buffer != nil {
		if extra, err := c.buffer(); !errors.Is(err, io.EOF) {
			return errors.Join(err, fault("run %s: the buffer has a pair of step %d that the journal has not", c.run.GetId(), extra.GetPair().GetStep()))
		}
	}
	return c.progress()
}

func (c *check) step(s *environmentv1.Step) error {
	where := func(format string, args ...any) error {
		return fault("step %d of run %s: %s", s.GetStep(), c.run.GetId(), fmt.Sprintf(format, args...))
	}
	if len(s.GetEvaluations()) != len(s.GetCandidates()) {
		return where("%d candidates and %d evaluations", len(s.GetCandidates()), len(s.GetEvaluations()))
	}
	for i, e := range s.GetEvaluations() {
		if want := total(e); !equal(want, e.Total) {
			return where("the total of candidate %d is not the sum of its verdicts", i)
		}
	}
	chosen, rejected, found := pair(s)
	if found != (s.GetPair() != nil) {
		return where("its evaluations make a pair: %t, and it holds one: %t", found, s.GetPair() != nil)
	}
	if !found {
		return nil
	}
	if int(s.GetPair().GetChosen()) != chosen || int(s.GetPair().GetRejected()) != rejected {
		return where("its pair is %d over %d, its evaluations say %d over %d", s.GetPair().GetChosen(), s.GetPair().GetRejected(), chosen, rejected)
	}
	c.pairs++
	return c.buffered(s, chosen, rejected)
}

// total adds up the verdicts; nil where one is unjudged or none was given.
func total(e *simv1.Evaluation) *int32 {
	sum := int32(0)
	for _, v := range e.GetVerdicts() {
		switch v.GetOutcome() {
		case simv1.Outcome_OUTCOME_PASS:
			sum++
		case simv1.Outcome_OUTCOME_FAIL:
		default:
			return nil
		}
	}
	if len(e.GetVerdicts()) == 0 {
		return nil
	}
	return &sum
}

func equal(a, b *int32) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// pair derives a step's pair: the first of the greatest totals over the first of
// the least; none where they are equal or one is missing.
func pair(s *environmentv1.Step) (chosen, rejected int, found bool) {
	all := s.GetEvaluations()
	for i, e := range all {
		if e.Total == nil {
			return 0, 0, false
		}
		if e.GetTotal() > all[chosen].GetTotal() {
			chosen = i
		}
		if e.GetTotal() < all[rejected].GetTotal() {
			rejected = i
		}
	}
	return chosen, rejected, chosen != rejected
}

// buffered compares the next pair of the buffer with the step's own.
func (c *check) buffered(s *environmentv1.Step, chosen, rejected int) error {
	if c.buffer == nil {
		return nil
	}
	got, err := c.buffer()
	if errors.Is(err, io.EOF) {
		return fault("step %d of run %s: its pair is not in the buffer", s.GetStep(), c.run.GetId())
	}
	if err != nil {
		return err
	}
	want := &bufferv1.PreferencePair{
		RunId: c.run.GetId(), Step: s.GetStep(), Day: s.GetDay(), Prompt: s.GetPair().GetPrompt(), Observation: s.GetObservation(),
		Chosen: s.GetCandidates()[chosen], Rejected: s.GetCandidates()[rejected],
		ChosenEvaluation: s.GetEvaluations()[chosen], RejectedEvaluation: s.GetEvaluations()[rejected], Adapter: s.GetAdapter(),
	}
	if !proto.Equal(want, got.GetPair()) {
		return fault("step %d of run %s: the buffer's pair (step %d) is not the journal's", s.GetStep(), c.run.GetId(), got.GetPair().GetStep())
	}
	return nil
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
