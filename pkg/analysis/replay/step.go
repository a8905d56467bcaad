package replay

import (
	"fmt"
	"slices"

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
	if len(s.GetFurtherPairs()) > 0 && s.GetPair() == nil {
		return where("it has further pairs and no first one")
	}
	var recorded []indices
	if p := s.GetPair(); p != nil {
		for _, p := range append([]*environmentv1.Pair{p}, s.GetFurtherPairs()...) {
			recorded = append(recorded, indices{int(p.GetChosen()), int(p.GetRejected())})
		}
	}
	derived := c.pairsOf(s)
	if !slices.Equal(recorded, derived) {
		return where("its pairs (chosen, rejected) are %v, its evaluations say %v", recorded, derived)
	}
	for i, p := range derived {
		if i > 0 && s.GetFurtherPairs()[i-1].GetPrompt() != nil {
			return where("its further pair %d has a prompt of its own", i)
		}
		c.pairs++
		if err := c.buffered(s, int32(i), p); err != nil {
			return err
		}
	}
	return nil
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

// indices are those of a pair's candidates.
type indices struct{ chosen, rejected int }

// pairsOf derives a step's pairs. The first is the first of the greatest totals
// over the first of the least; none where all are equal or one is missing. Under
// SCHEME_COMPLETE all others follow, by the greater and then the smaller index.
func (c *check) pairsOf(s *environmentv1.Step) []indices {
	all := s.GetEvaluations()
	var first indices
	for i, e := range all {
		if e.Total == nil {
			return nil
		}
		if e.GetTotal() > all[first.chosen].GetTotal() {
			first.chosen = i
		}
		if e.GetTotal() < all[first.rejected].GetTotal() {
			first.rejected = i
		}
	}
	if first.chosen == first.rejected {
		return nil
	}
	out := []indices{first}
	if !c.complete(s) {
		return out
	}
	for greater := range all {
		for smaller := range greater {
			p := indices{smaller, greater}
			switch difference := all[smaller].GetTotal() - all[greater].GetTotal(); {
			case difference == 0:
				continue
			case difference < 0:
				p = indices{greater, smaller}
			}
			if p != first {
				out = append(out, p)
			}
		}
	}
	return out
}

// complete reports whether every two candidates of a step that differ make a pair.
// A step that a fork has from another run was made by the method of that one, so it
// may have its first pair alone or all of them.
func (c *check) complete(s *environmentv1.Step) bool {
	if c.run.GetForkedFrom() != "" && s.GetStep() <= c.run.GetForkedAtStep() {
		return len(s.GetFurtherPairs()) > 0
	}
	return c.run.GetConfig().GetMethod().GetScheme() == simv1.Scheme_SCHEME_COMPLETE
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
