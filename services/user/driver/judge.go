package driver

import (
	"context"

	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Judge judges for one person in one run. It is safe for concurrent use and
// remembers nothing: everything that a verdict may depend on is in Life and in
// the situation, so that it makes no notes.
type Judge interface {
	// Judge returns one evaluation per candidate, in order: four verdicts in the
	// order of the criteria, each with a reason, and the number of passes, absent
	// where a criterion is unjudged. A failure of the assistant is unjudged by all
	// four (judge.Unjudged).
	//
	// What cannot be judged is unjudged; it is never a guess. An error means that
	// the judge itself failed, and the step is tried again.
	Judge(ctx context.Context, s *Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error)
}

// Situation is the moment at which candidates are judged, with everything
// counted. It is immutable.
type Situation struct {
	// Action is what the person does.
	Action *simv1.Action
	// Reading is the moment by the exact rules: the clock, whether it is
	// receptive, protected and due, the counts of every window, the minutes since
	// the last recommendation. Its Verdicts judge by single criteria.
	Reading *judge.Reading
	// Today are the earlier steps of the day at which something was recommended,
	// ascending, with the score where there was one.
	Today []*simv1.PastStep
}

// Judges makes the judges of one driver.
type Judges struct {
	// Backend says which driver it is, as in the identity of a run.
	Backend *simv1.Backend
	// New returns the judge of a session. It is quick.
	New func(life Life) (Judge, error)
}

// ExactJudges judges by the exact rules of the spec alone.
func ExactJudges() Judges {
	return Judges{
		Backend: &simv1.Backend{Driver: Exact},
		New:     func(Life) (Judge, error) { return exact{}, nil },
	}
}

type exact struct{}

// Judge implements Judge.
func (exact) Judge(_ context.Context, s *Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error) {
	out := make([]*simv1.Evaluation, len(candidates))
	for i, candidate := range candidates {
		out[i] = s.Reading.Evaluate(candidate)
	}
	return out, role.Effects{}, nil
}
