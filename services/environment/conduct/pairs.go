package conduct

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Limits of one Append to the buffer: its contract takes 1000 pairs, a gRPC
// server 4 MiB.
const (
	batchPairs = 128
	batchBytes = 1 << 20
)

// pairBatch are pairs on their way to the buffer. They are in the journal
// already: those that are lost with the process are appended again.
type pairBatch struct {
	pairs []*bufferv1.PreferencePair
	bytes int
}

// setPairs derives the pairs of a step from its evaluations: the candidates of the
// greatest and the least total, the first one of several equal ones; and where all
// pairs are wanted, every other two whose totals differ. There is no pair where all
// totals are equal, or where one is missing. pkg/analysis/replay derives the same
// pairs a second time, on purpose, to check them.
func setPairs(s *environmentv1.Step, prompt *simv1.Prompt, all bool) {
	best, worst := 0, 0
	for i, e := range s.GetEvaluations() {
		switch {
		case e.Total == nil:
			return
		case e.GetTotal() > s.GetEvaluations()[best].GetTotal():
			best = i
		case e.GetTotal() < s.GetEvaluations()[worst].GetTotal():
			worst = i
		}
	}
	if best == worst {
		return
	}
	s.Pair = &environmentv1.Pair{Chosen: int32(best), Rejected: int32(worst), Prompt: prompt}
	if all {
		s.FurtherPairs = furtherPairs(s.GetEvaluations(), best, worst)
	}
}

// furtherPairs returns every two candidates whose totals differ but for the pair
// of the best and the worst one.
func furtherPairs(evaluations []*simv1.Evaluation, best, worst int) []*environmentv1.Pair {
	var out []*environmentv1.Pair
	for j := range evaluations {
		for i := range j {
			chosen, rejected := i, j
			if evaluations[j].GetTotal() > evaluations[i].GetTotal() {
				chosen, rejected = j, i
			}
			if evaluations[i].GetTotal() == evaluations[j].GetTotal() || chosen == best && rejected == worst {
				continue
			}
			out = append(out, &environmentv1.Pair{Chosen: int32(chosen), Rejected: int32(rejected)})
		}
	}
	return out
}

// PreferencePairs returns the pairs of a step as the buffer takes them: the further
// ones share prompt and observation with the first.
func PreferencePairs(run string, s *environmentv1.Step) []*bufferv1.PreferencePair {
	if s.GetPair() == nil {
		return nil
	}
	out := make([]*bufferv1.PreferencePair, 0, 1+len(s.GetFurtherPairs()))
	for i, pair := range append([]*environmentv1.Pair{s.GetPair()}, s.GetFurtherPairs()...) {
		chosen, rejected := pair.GetChosen(), pair.GetRejected()
		one := &bufferv1.PreferencePair{
			RunId: run, Step: s.GetStep(), Day: s.GetDay(), Index: int32(i), Adapter: s.GetAdapter(),
			Chosen: s.GetCandidates()[chosen], Rejected: s.GetCandidates()[rejected],
			ChosenEvaluation: s.GetEvaluations()[chosen], RejectedEvaluation: s.GetEvaluations()[rejected],
		}
		if i == 0 {
			one.Prompt, one.Observation = pair.GetPrompt(), s.GetObservation()
		}
		out = append(out, one)
	}
	return out
}

// keepPairs puts the pairs of a committed step aside for the buffer.
func (r *runner) keepPairs(s *environmentv1.Step) error {
	for _, pair := range PreferencePairs(r.run.ID(), s) {
		r.pairs.pairs = append(r.pairs.pairs, pair)
		r.pairs.bytes += proto.Size(pair)
	}
	if len(r.pairs.pairs) < batchPairs && r.pairs.bytes < batchBytes {
		return nil
	}
	return r.sendPairs()
}

// sendPairs appends the pairs that were put aside to the buffer.
func (r *runner) sendPairs() error {
	if len(r.pairs.pairs) == 0 {
		return nil
	}
	err := r.call("buffer.Append", nil, func(ctx context.Context) error {
		_, err := r.Buffer.Append(ctx, &bufferv1.AppendRequest{Pairs: r.pairs.pairs})
		return err
	})
	if err == nil {
		r.pairs = pairBatch{}
	}
	return err
}

// reconcilePairs appends the pairs that the journal has and the buffer lacks.
func (r *runner) reconcilePairs() error {
	r.pairs = pairBatch{}
	want := int64(r.chain.Progress.GetPairs())
	have, err := r.countPairs()
	if err != nil || have == want {
		return err
	}
	for entry, err := range r.Journal.Entries(r.ctx, r.run.ID(), 0) {
		if err != nil {
			return err
		}
		if err := r.keepPairs(entry.GetBody().GetStep()); err != nil {
			return err
		}
	}
	if err := r.sendPairs(); err != nil {
		return err
	}
	if have, err = r.countPairs(); err != nil || have == want {
		return err
	}
	return fmt.Errorf("the buffer has %d pairs of the run, the journal %d: the buffer belongs to another journal: %w", have, want, errs.ErrDataLoss)
}

func (r *runner) countPairs() (int64, error) {
	var count int64
	err := r.call("buffer.Count", nil, func(ctx context.Context) error {
		resp, err := r.Buffer.Count(ctx, &bufferv1.CountRequest{RunId: r.run.ID()})
		count = resp.GetCount()
		return err
	})
	return count, err
}
