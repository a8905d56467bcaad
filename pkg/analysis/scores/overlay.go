package scores

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Over returns a source whose steps have the scores of a set in place of their own.
// It has the runs of the set alone. A waking step that the set does not cover is an
// errs.ErrNotFound.
func Over(from source.Source, set *Set) source.Source {
	o := &overlay{Source: from, set: set, lines: make(map[place]*Line, len(set.Lines)), runs: make(map[string]bool)}
	for i := range set.Lines {
		line := &set.Lines[i]
		o.lines[place{moment{line.Run, line.Step}, line.Candidate}] = line
		o.runs[line.Run] = true
	}
	return o
}

type overlay struct {
	source.Source
	set   *Set
	lines map[place]*Line
	runs  map[string]bool
}

// place names a candidate.
type place struct {
	moment
	candidate int
}

// Runs implements source.Source.
func (o *overlay) Runs(ctx context.Context) ([]*environmentv1.Run, error) {
	all, err := o.Source.Runs(ctx)
	if err != nil {
		return nil, err
	}
	var out []*environmentv1.Run
	for _, r := range all {
		if o.runs[r.GetId()] {
			out = append(out, r)
		}
	}
	return out, nil
}

// Entries implements source.Source.
func (o *overlay) Entries(ctx context.Context, id string, after int64) iter.Seq2[*environmentv1.Entry, error] {
	return func(yield func(*environmentv1.Entry, error) bool) {
		for e, err := range o.Source.Entries(ctx, id, after) {
			if err == nil {
				err = o.score(id, e.GetBody().GetStep())
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// score replaces the evaluations of a step, which belongs to the caller.
func (o *overlay) score(run string, step *environmentv1.Step) error {
	if len(step.GetCandidates()) == 0 {
		return nil // a night, or asleep
	}
	evaluations := make([]*simv1.Evaluation, len(step.GetCandidates()))
	for i := range evaluations {
		line := o.lines[place{moment{run, step.GetStep()}, i}]
		if line == nil {
			return fmt.Errorf("score set %s has no scores of run %s, step %d: it covers a sample alone (rescore judges every step): %w", o.set.Name, run, step.GetStep(), errs.ErrNotFound)
		}
		evaluations[i] = line.evaluation()
	}
	step.Evaluations = evaluations
	return nil
}

// evaluation returns the verdicts of the line, without reasons.
func (l *Line) evaluation() *simv1.Evaluation {
	out := &simv1.Evaluation{Total: l.Total}
	for _, c := range Criteria {
		out.Verdicts = append(out.Verdicts, &simv1.Verdict{
			Criterion: simv1.Criterion(simv1.Criterion_value["CRITERION_"+strings.ToUpper(c)]),
			Outcome:   simv1.Outcome(simv1.Outcome_value["OUTCOME_"+strings.ToUpper(l.Verdicts[c])]),
		})
	}
	return out
}
