// Package figures folds a journal into the figures of an experiment: rates per
// run and simulated day, their aggregates over personas with bootstrap
// intervals, and the file metrics.json that carries both.
package figures

import simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"

// Tally holds the counts that every rate is made of. Tallies of disjoint steps
// add up, so that any range of days can be computed from the days' tallies.
type Tally struct {
	// Steps counts committed steps, sleeping ones included.
	Steps int `json:"steps"`
	// Waking counts committed waking steps.
	Waking int `json:"waking"`
	// Given holds the judgements of delivered recommendations.
	Given Side `json:"given"`
	// Silent holds the judgements of delivered silences.
	Silent Side `json:"silent"`
	// Recommendations counts delivered recommendations, judged or not.
	Recommendations int `json:"recommendations"`
	// Successes counts delivered recommendations with a total of at least 3.
	Successes int `json:"successes"`
	// AtDue counts recommendations delivered at a due step.
	AtDue int `json:"at_due"`
	// DueMoments counts maximal stretches of due steps that began.
	DueMoments int `json:"due_moments"`
	// DueServed counts those that a recommendation ended.
	DueServed int `json:"due_served"`
	// Wanted counts what a perfect assistant would have said: judge.Best.
	Wanted int `json:"wanted"`
	// Welcome counts the most that would have been welcome; it is not below
	// Wanted.
	Welcome int `json:"welcome"`
	// Unjudged counts waking steps whose delivered candidate has no total.
	Unjudged int `json:"unjudged"`
	// Failed counts delivered failures of the assistant, which the user
	// experiences as silence.
	Failed int `json:"failed"`
	// FailedCandidates counts failures among all candidates, delivered or not.
	FailedCandidates int `json:"failed_candidates"`
	// Candidates counts what the assistant offered at waking steps, failures
	// included.
	Candidates int `json:"candidates"`
	// Pairs counts preference pairs.
	Pairs int `json:"pairs"`
}

// Side sums the judgements of one kind of delivered candidate. The arrays are
// indexed by criterion in the order of the contract: preference, timing,
// frequency, communication.
type Side struct {
	// Judged counts candidates with a total.
	Judged int `json:"judged"`
	// ScoreSum adds up their totals, 0 to 4 each.
	ScoreSum int `json:"score_sum"`
	// Passed counts verdicts that passed.
	Passed [4]int `json:"passed"`
	// Decided counts verdicts that passed or failed; an unjudged verdict is
	// neither.
	Decided [4]int `json:"decided"`
}

// Add adds the counts of other steps.
func (t *Tally) Add(o Tally) {
	t.Steps += o.Steps
	t.Waking += o.Waking
	t.Given.add(o.Given)
	t.Silent.add(o.Silent)
	t.Recommendations += o.Recommendations
	t.Successes += o.Successes
	t.AtDue += o.AtDue
	t.DueMoments += o.DueMoments
	t.DueServed += o.DueServed
	t.Wanted += o.Wanted
	t.Welcome += o.Welcome
	t.Unjudged += o.Unjudged
	t.Failed += o.Failed
	t.FailedCandidates += o.FailedCandidates
	t.Candidates += o.Candidates
	t.Pairs += o.Pairs
}

func (s *Side) add(o Side) {
	s.Judged += o.Judged
	s.ScoreSum += o.ScoreSum
	for i := range s.Passed {
		s.Passed[i] += o.Passed[i]
		s.Decided[i] += o.Decided[i]
	}
}

// both returns the sum of the two sides.
func (t *Tally) both() Side {
	sum := t.Given
	sum.add(t.Silent)
	return sum
}

func (s *Side) observe(e *simv1.Evaluation) {
	if e == nil {
		return
	}
	for _, v := range e.GetVerdicts() {
		i := int(v.GetCriterion()) - 1
		if i < 0 || i >= len(s.Passed) {
			continue
		}
		switch v.GetOutcome() {
		case simv1.Outcome_OUTCOME_PASS:
			s.Passed[i]++
			s.Decided[i]++
		case simv1.Outcome_OUTCOME_FAIL:
			s.Decided[i]++
		}
	}
	if e.Total != nil {
		s.Judged++
		s.ScoreSum += int(e.GetTotal())
	}
}
