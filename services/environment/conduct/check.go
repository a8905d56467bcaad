package conduct

import (
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// An answer that breaks the contract fails the run; nothing is read into it. The
// checks of this file name what is wrong.

const (
	maxText       = 8192  // bytes of a recommendation, as in the contract
	maxCompletion = 16384 // bytes of a completion, as in the contract
	maxCandidates = 16
)

func broken(format string, args ...any) error {
	return fmt.Errorf("the answer breaks the contract: "+format+": %w", append(args, errs.ErrInternal)...)
}

func checkAct(resp *userv1.ActResponse) error {
	switch {
	case resp.GetAction() == nil:
		return broken("it has no action")
	case resp.GetAction().GetAsleep():
		return nil
	case resp.GetAction().GetKind() == "":
		return broken("the action has no kind")
	case resp.GetObservation().GetKind() == "":
		return broken("the observation has no kind")
	}
	return nil
}

func (r *runner) checkCandidates(candidates []*simv1.Candidate) error {
	wanted := int(r.run.Config().GetCandidates())
	switch {
	case len(candidates) == 0 || len(candidates) > maxCandidates:
		return broken("it has %d candidates, want 1 to %d", len(candidates), maxCandidates)
	case r.run.Config().GetMethod().GetScheme() == simv1.Scheme_SCHEME_SAMPLES && len(candidates) != wanted:
		return broken("it has %d candidates, want %d", len(candidates), wanted)
	}
	for i, candidate := range candidates {
		if n := len(candidate.GetCompletion()); n > maxCompletion {
			return broken("candidate %d has a completion of %d bytes, want at most %d", i, n, maxCompletion)
		}
		switch choice := candidate.GetChoice().(type) {
		case *simv1.Candidate_Abstention:
		case *simv1.Candidate_Recommendation:
			if n := len(choice.Recommendation.GetText()); n == 0 || n > maxText {
				return broken("candidate %d has a text of %d bytes, want 1 to %d", i, n, maxText)
			}
			if err := checkWords(choice.Recommendation); err != nil {
				return broken("candidate %d: %v", i, err)
			}
		case *simv1.Candidate_Failure:
			if choice.Failure.GetOutcome() == "" {
				return broken("candidate %d is a failure without an outcome", i)
			}
		default:
			return broken("candidate %d is no recommendation, no abstention and no failure", i)
		}
	}
	return nil
}

// checkWords refuses characters that people do not see in what an assistant says: a
// terminal obeys some of them, and others show another text than the one that is
// judged.
func checkWords(r *simv1.Recommendation) error {
	var faults errs.Violations
	legible.Prose(&faults, "text", r.GetText())
	legible.Line(&faults, "topic", r.GetTopic())
	legible.Line(&faults, "tone", r.GetTone())
	return faults.OrNil()
}

func checkEvaluations(evaluations []*simv1.Evaluation, candidates []*simv1.Candidate) error {
	if len(evaluations) != len(candidates) {
		return broken("it has %d evaluations of %d candidates", len(evaluations), len(candidates))
	}
	for i, evaluation := range evaluations {
		unjudged, err := checkVerdicts(evaluation)
		if err == nil && candidates[i].GetFailure() != nil && unjudged != len(evaluation.GetVerdicts()) {
			err = broken("a failure of the assistant was judged; want four unjudged criteria")
		}
		if err != nil {
			return fmt.Errorf("candidate %d: %w", i, err)
		}
	}
	return nil
}

// checkVerdicts checks that the total of an evaluation is the number of its
// passes. It returns how many criteria are unjudged.
func checkVerdicts(e *simv1.Evaluation) (unjudged int, err error) {
	if len(e.GetVerdicts()) != 4 {
		return 0, broken("%d verdicts, want 4", len(e.GetVerdicts()))
	}
	passes := int32(0)
	for i, verdict := range e.GetVerdicts() {
		if verdict.GetCriterion() != simv1.Criterion(i+1) {
			return 0, broken("verdict %d is about %s, want %s", i, verdict.GetCriterion(), simv1.Criterion(i+1))
		}
		switch verdict.GetOutcome() {
		case simv1.Outcome_OUTCOME_PASS:
			passes++
		case simv1.Outcome_OUTCOME_FAIL:
		case simv1.Outcome_OUTCOME_UNJUDGED:
			unjudged++
		default:
			return 0, broken("verdict %d has no outcome", i)
		}
	}
	if (unjudged > 0) != (e.Total == nil) || (unjudged == 0 && e.GetTotal() != passes) {
		return 0, broken("a total of %d (given: %t) for %d passes and %d unjudged criteria", e.GetTotal(), e.Total != nil, passes, unjudged)
	}
	return unjudged, nil
}
