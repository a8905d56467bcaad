package replay

import (
	"fmt"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (c *check) step(s *environmentv1.Step) error {
	where := func(format string, args ...any) error {
		return fault("step %d of run %s: %s", s.GetStep(), c.run.GetId(), fmt.Sprintf(format, args...))
	}
	if what := content(s); what != "" {
		return where("%s", what)
	}
	chosen, rejected, found := pair(s)
	if found != (s.GetPair() != nil) {
		return where("its evaluations make a pair: %t, and it has one: %t", found, s.GetPair() != nil)
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

// content says what is wrong with the candidates, verdicts, calls and notes of a
// step; empty for nothing.
func content(s *environmentv1.Step) string {
	if s.GetAction().GetAsleep() && len(s.GetCandidates()) > 0 {
		return "the user sleeps, and it has candidates"
	}
	if len(s.GetEvaluations()) != len(s.GetCandidates()) {
		return fmt.Sprintf("%d candidates and %d evaluations", len(s.GetCandidates()), len(s.GetEvaluations()))
	}
	for i, e := range s.GetEvaluations() {
		if what := judged(s.GetCandidates()[i], e); what != "" {
			return fmt.Sprintf("candidate %d: %s", i, what)
		}
	}
	ids := map[string]bool{}
	for _, call := range s.GetCalls() {
		if call.GetId() == "" || ids[call.GetId()] {
			return fmt.Sprintf("call %q has no id of its own", call.GetId())
		}
		ids[call.GetId()] = true
	}
	for _, notes := range [][]*simv1.Note{s.GetUserNotes(), s.GetAssistantNotes()} {
		for _, note := range notes {
			if note.GetKey() == "" || note.GetRole() == simv1.Role_ROLE_UNSPECIFIED {
				return fmt.Sprintf("note %q has no key or no role", note.GetKey())
			}
		}
	}
	return ""
}

// judged says what is wrong with a candidate and its evaluation; empty for
// nothing.
func judged(candidate *simv1.Candidate, e *simv1.Evaluation) string {
	if candidate.GetChoice() == nil {
		return "it neither recommends nor abstains nor failed"
	}
	for i, v := range e.GetVerdicts() {
		if v.GetCriterion() != simv1.Criterion(i+1) {
			return fmt.Sprintf("verdict %d is about %s", i, v.GetCriterion())
		}
		if candidate.GetFailure() != nil && v.GetOutcome() != simv1.Outcome_OUTCOME_UNJUDGED {
			return "it is a failure of the assistant, and a criterion was judged"
		}
	}
	if len(e.GetVerdicts()) != 4 {
		return fmt.Sprintf("%d verdicts, want 4", len(e.GetVerdicts()))
	}
	if want := total(e); !equal(want, e.Total) {
		return "its total is not the sum of its verdicts"
	}
	return ""
}
