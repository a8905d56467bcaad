package output

import (
	"math"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Shared returns, for each run that shares its first steps with one before it in
// the list, the last step (0-based) that they share. A fork shares steps with the
// run it was forked from, with the ancestors of that, and with other forks of any
// of them. all are the runs among which the ancestors are found.
func Shared(runs, all []*environmentv1.Run) map[string]int32 {
	byID := make(map[string]*environmentv1.Run, len(all))
	for _, run := range all {
		byID[run.GetId()] = run
	}
	out := make(map[string]int32)
	before := make([]map[string]int32, 0, len(runs))
	for _, run := range runs {
		steps := lineage(run, byID)
		last := int32(-1)
		for _, other := range before {
			last = max(last, common(steps, other))
		}
		if last >= 0 {
			out[run.GetId()] = last
		}
		before = append(before, steps)
	}
	return out
}

// lineage returns the last step that a run has of itself and of each run that it
// descends from.
func lineage(run *environmentv1.Run, byID map[string]*environmentv1.Run) map[string]int32 {
	last := int32(math.MaxInt32)
	out := map[string]int32{run.GetId(): last}
	for run.GetForkedFrom() != "" {
		last = min(last, run.GetForkedAtStep())
		out[run.GetForkedFrom()] = last
		run = byID[run.GetForkedFrom()]
	}
	return out
}

// common returns the last step that two lineages share; -1 for none.
func common(a, b map[string]int32) int32 {
	last := int32(-1)
	for id, own := range a {
		if other, ok := b[id]; ok {
			last = max(last, min(own, other))
		}
	}
	return last
}
