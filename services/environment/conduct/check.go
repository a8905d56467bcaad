package environment

import (
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// An answer that breaks the contract fails the run: nothing is read into it.
// These checks name what is wrong.

func broken(format string, args ...any) error {
	return fmt.Errorf("answer against the contract: "+format+": %w", append(args, errs.ErrInternal)...)
}

func checkAct(resp *userv1.ActResponse) error {
	if resp.GetAction().GetKind() == "" {
		return broken("an action without a kind")
	}
	if resp.GetObservation().GetKind() == "" {
		return broken("an observation without a kind")
	}
	return nil
}

func (c *conductor) checkCandidates(candidates []*simv1.Candidate) error {
	wanted := int(c.run.fixed.GetConfig().GetCandidates())
	switch {
	case len(candidates) == 0 || len(candidates) > 16:
		return broken("%d candidates", len(candidates))
	case c.method.scheme == assistantv1.Scheme_SCHEME_SAMPLES && len(candidates) != wanted:
		return broken("%d candidates, want %d", len(candidates), wanted)
	}
	for i, candidate := range candidates {
		switch choice := candidate.GetChoice().(type) {
		case *simv1.Candidate_Abstention:
		case *simv1.Candidate_Recommendation:
			if n := len(choice.Recommendation.GetText()); n == 0 || n > 8192 {
				return broken("candidate %d has a text of %d bytes", i, n)
			}
		default:
			return broken("candidate %d neither recommends nor abstains", i)
		}
	}
	return nil
}

func checkEvaluations(evaluations []*simv1.Evaluation, candidates int) error {
	if len(evaluations) != candidates {
		return broken("%d evaluations of %d candidates", len(evaluations), candidates)
	}
	for i, evaluation := range evaluations {
		if err := checkVerdicts(evaluation); err != nil {
			return fmt.Errorf("candidate %d: %w", i, err)
		}
	}
	return nil
}

// checkVerdicts holds an evaluation to its own arithmetic.
func checkVerdicts(e *simv1.Evaluation) error {
	if len(e.GetVerdicts()) != 4 {
		return broken("%d verdicts, want 4", len(e.GetVerdicts()))
	}
	passes, unjudged := int32(0), false
	for i, verdict := range e.GetVerdicts() {
		if verdict.GetCriterion() != simv1.Criterion(i+1) {
			return broken("verdict %d is about %s", i, verdict.GetCriterion())
		}
		switch verdict.GetOutcome() {
		case simv1.Outcome_OUTCOME_PASS:
			passes++
		case simv1.Outcome_OUTCOME_FAIL:
		case simv1.Outcome_OUTCOME_UNJUDGED:
			unjudged = true
		default:
			return broken("verdict %d has no outcome", i)
		}
	}
	if unjudged != (e.Total == nil) || (!unjudged && e.GetTotal() != passes) {
		return broken("a total of %d with %d passes, unjudged: %t", e.GetTotal(), passes, unjudged)
	}
	return nil
}
