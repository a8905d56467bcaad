package buffer

import (
	"cmp"
	"math"
	"slices"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

// defaultHalfLife of a recency draw, days.
const defaultHalfLife = 3

// stratum is the steps of one day that have a pair, ascending.
type stratum struct {
	day   int32
	steps []int32
}

// choose draws at most req.Count steps without replacement and returns them in
// the order drawn. It is a function of the request and of the strata of the days
// up to req.ThroughDay, so that pairs of later days change nothing. The strata
// are in order of their day; choose may reorder their steps.
func choose(strata []stratum, req *bufferv1.SampleRequest) ([]int32, error) {
	source := seeded.New(req.GetSeed(), "buffer", "sample").At(int(req.GetThroughDay()))
	count := int(req.GetCount())
	switch req.GetDraw() {
	case bufferv1.Draw_DRAW_UNSPECIFIED, bufferv1.Draw_DRAW_UNIFORM:
		return shuffle(merge(strata), count, source), nil
	case bufferv1.Draw_DRAW_RECENCY:
		return byRecency(strata, count, cmp.Or(req.GetHalfLifeDays(), defaultHalfLife), req.GetThroughDay(), source), nil
	case bufferv1.Draw_DRAW_STRATIFIED:
		return stratified(strata, count, source), nil
	}
	return nil, errs.Invalid("draw", "found %v, want UNIFORM, RECENCY or STRATIFIED", req.GetDraw())
}

// merge returns all steps, ascending.
func merge(strata []stratum) []int32 {
	var steps []int32
	for _, s := range strata {
		steps = append(steps, s.steps...)
	}
	slices.Sort(steps)
	return steps
}

// shuffle draws count of the steps uniformly: the first part of a Fisher-Yates
// shuffle, in place.
func shuffle(steps []int32, count int, source seeded.Source) []int32 {
	count = min(count, len(steps))
	for i := range count {
		j := i + source.Intn(len(steps)-i, i)
		steps[i], steps[j] = steps[j], steps[i]
	}
	return steps[:count]
}

// byRecency draws with the weight 2^(-age / halfLife), age in days before
// throughDay. A step's key is log(u) / weight with u uniform in (0, 1); the steps
// with the greatest keys, in descending order, are a weighted draw without
// replacement (Efraimidis and Spirakis, 2006).
func byRecency(strata []stratum, count int, halfLife float64, throughDay int32, source seeded.Source) []int32 {
	type keyed struct {
		step int32
		key  float64
	}
	var all []keyed
	for _, s := range strata {
		weight := math.Exp2(-float64(throughDay-s.day) / halfLife)
		for _, step := range s.steps {
			all = append(all, keyed{step, math.Log(1-source.Float64(int(step))) / weight})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(a.step, b.step))
	})
	out := make([]int32, min(count, len(all)))
	for i := range out {
		out[i] = all[i].step
	}
	return out
}

// stratified draws the same number from every day, uniformly within a day. What a
// day lacks is shared between the days that have more; what is left over goes to
// the latest days, one each. The result is shuffled.
func stratified(strata []stratum, count int, source seeded.Source) []int32 {
	quota := quotas(strata, count)
	var steps []int32
	for i, s := range strata {
		steps = append(steps, shuffle(s.steps, quota[i], source.At(1, int(s.day)))...)
	}
	return shuffle(steps, len(steps), source.At(2))
}

// quotas is how many pairs each stratum gives to a stratified draw.
func quotas(strata []stratum, count int) []int {
	quota := make([]int, len(strata))
	for left := count; left > 0; {
		var open []int // strata that have more, the latest day first
		for i := len(strata) - 1; i >= 0; i-- {
			if quota[i] < len(strata[i].steps) {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			break
		}
		share := max(1, left/len(open))
		for _, i := range open {
			take := min(share, len(strata[i].steps)-quota[i], left)
			quota[i] += take
			left -= take
		}
	}
	return quota
}
