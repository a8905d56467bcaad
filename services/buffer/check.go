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
