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

// stratum is the places of the pairs of one day, ascending.
type stratum struct {
	day    int32
	places []int64
}

// choose draws at most req.Count places without replacement and returns them in
// the order drawn. It is a function of the request and of the strata of the days
// up to req.ThroughDay, so that pairs of later days change nothing. The strata
// are in order of their day; choose may reorder their places.
func choose(strata []stratum, req *bufferv1.SampleRequest) ([]int64, error) {
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

// merge returns all places, ascending.
func merge(strata []stratum) []int64 {
	var places []int64
	for _, s := range strata {
		places = append(places, s.places...)
	}
	slices.Sort(places)
	return places
}

// shuffle draws count of the places uniformly: the first part of a Fisher-Yates
// shuffle, in place.
func shuffle(places []int64, count int, source seeded.Source) []int64 {
	count = min(count, len(places))
	for i := range count {
		j := i + source.Intn(len(places)-i, i)
		places[i], places[j] = places[j], places[i]
	}
	return places[:count]
}

// byRecency draws with the weight 2^(-age / halfLife), age in days before
// throughDay. A pair's key is log(u) / weight with u uniform in (0, 1); the pairs
// with the greatest keys, in descending order, are a weighted draw without
// replacement (Efraimidis and Spirakis, 2006).
func byRecency(strata []stratum, count int, halfLife float64, throughDay int32, source seeded.Source) []int64 {
	type keyed struct {
		place int64
		key   float64
	}
	var all []keyed
	for _, s := range strata {
		weight := math.Exp2(-float64(throughDay-s.day) / halfLife)
		for _, place := range s.places {
			all = append(all, keyed{place, math.Log(1-uniform(source, place)) / weight})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(a.place, b.place))
	})
	out := make([]int64, min(count, len(all)))
	for i := range out {
		out[i] = all[i].place
	}
	return out
}

// uniform is the draw of a place. The first pair of a step is addressed by the step
// alone, as it was when a step had one pair.
func uniform(source seeded.Source, place int64) float64 {
	step, index := int(place/placesPerStep), int(place%placesPerStep)
	if index == 0 {
		return source.Float64(step)
	}
	return source.Float64(step, index)
}

// stratified draws the same number from every day, uniformly within a day. What a
// day lacks is shared between the days that have more; what is left over goes to
// the latest days, one each. The result is shuffled.
func stratified(strata []stratum, count int, source seeded.Source) []int64 {
	quota := quotas(strata, count)
	var places []int64
	for i, s := range strata {
		places = append(places, shuffle(s.places, quota[i], source.At(1, int(s.day)))...)
	}
	return shuffle(places, len(places), source.At(2))
}

// quotas is how many pairs each stratum gives to a stratified draw.
func quotas(strata []stratum, count int) []int {
	quota := make([]int, len(strata))
	for left := count; left > 0; {
		var open []int // strata that have more, the latest day first
		for i := len(strata) - 1; i >= 0; i-- {
			if quota[i] < len(strata[i].places) {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			break
		}
		share := max(1, left/len(open))
		for _, i := range open {
			take := min(share, len(strata[i].places)-quota[i], left)
			quota[i] += take
			left -= take
		}
	}
	return quota
}
