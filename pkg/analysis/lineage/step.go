package lineage

import (
	"context"
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Step is where a step comes from and what became of it.
type Step struct {
	// Memories are the messages that the policy was given: those of the pair. A step
	// without a pair has none on record.
	Memories []Message `json:"memories,omitempty"`
	// Pairs are the preference pairs that the step made.
	Pairs []StepPair `json:"pairs,omitempty"`
	// Trained are the nights that drew a pair of the step.
	Trained []Use `json:"trained,omitempty"`
	// NotDrawn are the nights that could have drawn one and did not.
	NotDrawn []Night `json:"not_drawn,omitempty"`
	// Adapter is the adapter that the step spoke with; empty for the base policy, and
	// for a method without a policy.
	Adapter string `json:"adapter,omitempty"`
	// MadeBy is the night that made the adapter.
	MadeBy *Night `json:"made_by,omitempty"`
	// Unknown says what could not be found out, and why.
	Unknown []string `json:"unknown,omitempty"`
}

// Message is one message of a prompt.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// StepPair is a pair that a step made.
type StepPair struct {
	// ID is PairID of the pair.
	ID string `json:"id"`
	// Chosen and Rejected are indices of candidates, 0-based.
	Chosen   int32 `json:"chosen"`
	Rejected int32 `json:"rejected"`
}

// Use is a night that drew pairs of a step.
type Use struct {
	Night
	// Pairs are the ids of the pairs: of a night that a fork shares, those of its
	// ancestor.
	Pairs []string `json:"pairs"`
	// HeldOut says that the night tested on them and did not train on them.
	HeldOut bool `json:"held_out,omitempty"`
	// Verified says that the night's draw has the digest that its job has recorded.
	Verified bool `json:"verified"`
}

func (s *Step) unknown(format string, args ...any) {
	s.Unknown = append(s.Unknown, fmt.Sprintf(format, args...))
}

// Step follows a committed step of a run. What a service cannot answer is in Unknown;
// other errors are those of the services.
func (r *Record) Step(ctx context.Context, run *environmentv1.Run, s *environmentv1.Step) (*Step, error) {
	out := &Step{Adapter: s.GetAdapter()}
	for _, m := range s.GetPair().GetPrompt().GetMessages() {
		out.Memories = append(out.Memories, Message{m.GetRole(), m.GetContent()})
	}
	if s.GetPair() != nil {
		for i, p := range append([]*environmentv1.Pair{s.GetPair()}, s.GetFurtherPairs()...) {
			out.Pairs = append(out.Pairs, StepPair{ID: PairID(run.GetId(), s.GetStep(), int32(i)), Chosen: p.GetChosen(), Rejected: p.GetRejected()})
		}
	}
	if len(out.Pairs) == 0 && out.Adapter == "" {
		return out, nil
	}
	if r.Jobs == nil {
		out.unknown("the nights: there is no record of training jobs")
		return out, nil
	}
	jobs, err := r.jobsOf(ctx, run)
	if err != nil {
		if !unknown(err) {
			return nil, err
		}
		out.unknown("the nights: %v", errs.Text(err))
		return out, nil
	}
	if out.Adapter != "" {
		if job := maker(jobs, out.Adapter); job != nil {
			night := NightOf(job)
			out.MadeBy = &night
		} else {
			out.unknown("the night that made adapter %.12s: the trainer has no such job", out.Adapter)
		}
	}
	if len(out.Pairs) == 0 {
		return out, nil
	}
	return out, r.uses(ctx, out, s, jobs)
}

// uses finds the nights that drew a pair of a step.
func (r *Record) uses(ctx context.Context, out *Step, s *environmentv1.Step, jobs []*trainerv1.Job) error {
	for _, job := range jobs {
		if job.GetDay() < s.GetDay() {
			continue
		}
		if r.Pairs == nil {
			out.unknown("the nights that drew the pair: there is no record of pairs")
			return nil
		}
		draw, err := r.Draw(ctx, job)
		if err != nil {
			if !unknown(err) {
				return err
			}
			out.unknown("whether the night after day %d (%s) drew the pair: %v", job.GetDay(), job.GetId(), errs.Text(err))
			continue
		}
		use := Use{Night: NightOf(job), Verified: draw.Verified}
		for _, p := range draw.Pairs {
			if p.Step == s.GetStep() {
				use.Pairs, use.HeldOut = append(use.Pairs, p.ID), p.HeldOut
			}
		}
		if len(use.Pairs) > 0 {
			out.Trained = append(out.Trained, use)
		} else {
			out.NotDrawn = append(out.NotDrawn, use.Night)
		}
	}
	return nil
}
