package buffer

import (
	"strconv"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

// checkPairs returns Violations for pairs that no preference can be read from:
// a side without a total, or a chosen total that is not the greater one.
func checkPairs(pairs []*bufferv1.PreferencePair) error {
	var faults errs.Violations
	for i, p := range pairs {
		checkFurther(&faults, pairs, i)
		chosen, rejected := p.GetChosenEvaluation(), p.GetRejectedEvaluation()
		if p.GetRunId() != "" && chosen != nil && chosen.Total != nil && rejected != nil && rejected.Total != nil && chosen.GetTotal() > rejected.GetTotal() {
			continue
		}
		field := "pairs[" + strconv.Itoa(i) + "]."
		if p.GetRunId() == "" {
			faults.Add(field+"run_id", "is empty, want the run of step %d", p.GetStep())
		}
		if chosen == nil || chosen.Total == nil {
			faults.Add(field+"chosen_evaluation.total", "is absent at step %d, want 0 to 4: an unjudged candidate makes no pair", p.GetStep())
		}
		if rejected == nil || rejected.Total == nil {
			faults.Add(field+"rejected_evaluation.total", "is absent at step %d, want 0 to 4: an unjudged candidate makes no pair", p.GetStep())
		}
		if chosen.GetTotal() <= rejected.GetTotal() {
			faults.Add(field+"chosen_evaluation.total", "found %d at step %d, want more than the rejected total %d", chosen.GetTotal(), p.GetStep(), rejected.GetTotal())
		}
	}
	return faults.OrNil()
}

// checkFurther adds what is wrong with a pair that is not the first one of its
// step: its prompt and observation are those of the first, which must be there.
func checkFurther(faults *errs.Violations, pairs []*bufferv1.PreferencePair, i int) {
	p, field := pairs[i], "pairs["+strconv.Itoa(i)+"]."
	if p.GetIndex() == 0 {
		return
	}
	if i == 0 || pairs[i-1].GetRunId() != p.GetRunId() || pairs[i-1].GetStep() != p.GetStep() || pairs[i-1].GetIndex() != p.GetIndex()-1 {
		faults.Add(field+"index", "found %d, want the pair %d of step %d right before it", p.GetIndex(), p.GetIndex()-1, p.GetStep())
	}
	if p.GetPrompt() != nil {
		faults.Add(field+"prompt", "is present at step %d, want none: pair %d shares it with the first", p.GetStep(), p.GetIndex())
	}
	if p.GetObservation() != nil {
		faults.Add(field+"observation", "is present at step %d, want none: pair %d shares it with the first", p.GetStep(), p.GetIndex())
	}
}
