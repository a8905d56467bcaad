package environment

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Limits of one Append to the buffer: its contract takes 1000 pairs, a server
// 4 MiB.
const (
	batchPairs = 128
	batchBytes = 1 << 20
)

// pairBatch are pairs on their way to the buffer. They are in the journal
// already: what is lost with the process is appended again.
type pairBatch struct {
	pairs []*bufferv1.PreferencePair
	bytes int
}

// pairOf returns the candidates of the greatest and the least total, the first
// one where several are equal. There is no pair where the totals are all the
// same, or where one is missing.
func pairOf(s *environmentv1.Step, prompt *simv1.Prompt) *environmentv1.Pair {
	best, worst := 0, 0
	for i, e := range s.GetEvaluations() {
		switch {
		case e.Total == nil:
			return nil
		case e.GetTotal() > s.GetEvaluations()[best].GetTotal():
			best = i
		case e.GetTotal() < s.GetEvaluations()[worst].GetTotal():
			worst = i
		}
	}
	if best == worst {
		return nil
	}
	return &environmentv1.Pair{Chosen: int32(best), Rejected: int32(worst), Prompt: prompt}
}

func preferencePair(run string, s *environmentv1.Step) *bufferv1.PreferencePair {
	chosen, rejected := s.GetPair().GetChosen(), s.GetPair().GetRejected()
	return &bufferv1.PreferencePair{
		RunId: run, Step: s.GetStep(), Day: s.GetDay(), Prompt: s.GetPair().GetPrompt(), Observation: s.GetObservation(),
		Chosen: s.GetCandidates()[chosen], Rejected: s.GetCandidates()[rejected],
		ChosenEvaluation: s.GetEvaluations()[chosen], RejectedEvaluation: s.GetEvaluations()[rejected],
		Adapter: s.GetAdapter(),
	}
}

// keepPair puts a committed step's pair aside for the buffer.
func (c *conductor) keepPair(s *environmentv1.Step) error {
	if s.GetPair() == nil {
		return nil
	}
	pair := preferencePair(c.run.id, s)
	c.pairs.pairs = append(c.pairs.pairs, pair)
	c.pairs.bytes += proto.Size(pair)
	if len(c.pairs.pairs) < batchPairs && c.pairs.bytes < batchBytes {
		return nil
	}
	return c.sendPairs()
}

// sendPairs appends what is aside to the buffer.
func (c *conductor) sendPairs() error {
	if len(c.pairs.pairs) == 0 {
		return nil
	}
	err := c.call("buffer.Append", nil, func(ctx context.Context) error {
		_, err := c.clients.Buffer.Append(ctx, &bufferv1.AppendRequest{Pairs: c.pairs.pairs})
		return err
	})
	if err == nil {
		c.pairs = pairBatch{}
	}
	return err
}

// mendPairs brings the buffer to what the journal says, where it is not there
// already.
func (c *conductor) mendPairs() error {
	c.pairs = pairBatch{}
	want := int64(c.chain.Progress.GetPairs())
	have, err := c.countPairs()
	if err != nil || have == want {
		return err
	}
	for entry, err := range c.journal.Entries(c.ctx, c.run.id, 0) {
		if err != nil {
			return err
		}
		if err := c.keepPair(entry.GetBody().GetStep()); err != nil {
			return err
		}
	}
	if err := c.sendPairs(); err != nil {
		return err
	}
	if have, err = c.countPairs(); err != nil || have == want {
		return err
	}
	return fmt.Errorf("the buffer has %d pairs of the run, the journal %d: it belongs to another journal: %w", have, want, errs.ErrDataLoss)
}

func (c *conductor) countPairs() (int64, error) {
	var count int64
	err := c.call("buffer.Count", nil, func(ctx context.Context) error {
		resp, err := c.clients.Buffer.Count(ctx, &bufferv1.CountRequest{RunId: c.run.id})
		count = resp.GetCount()
		return err
	})
	return count, err
}
