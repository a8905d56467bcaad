package figures

import (
	"math"
	"slices"

	"github.com/propersim/propersim/pkg/seeded"
)

// Resamples is the number of bootstrap resamples over personas.
const Resamples = 2000

// Interval is a 95% percentile bootstrap interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Bootstrap resamples personas with replacement (Efron, 1979). The draws depend
// on the number of personas alone, so that equal data give equal intervals and
// all statistics of a group rest on the same resamples.
type Bootstrap struct {
	drawn map[int][]int32 // by number of personas: Resamples rows of indices
}

// NewBootstrap returns a bootstrap without any draws made yet.
func NewBootstrap() *Bootstrap { return &Bootstrap{drawn: make(map[int][]int32)} }

func (b *Bootstrap) rows(n int) []int32 {
	if rows, ok := b.drawn[n]; ok {
		return rows
	}
	source := seeded.New(uint64(n), "bootstrap", "personas")
	rows := make([]int32, Resamples*n)
	for i := range rows {
		rows[i] = int32(source.Intn(n, i))
	}
	b.drawn[n] = rows
	return rows
}

// Interval returns the interval of a statistic, or nil with fewer than two
// personas or where the statistic has no value.
func (b *Bootstrap) Interval(s Statistic, units []Unit) *Interval {
	if len(units) < 2 {
		return nil
	}
	num, den := s.terms(units)
	return b.percentiles(len(units), func(row []int32) (float64, bool) { return resampled(row, num, den) })
}

// Difference returns how much greater a statistic is for a than for b, with its
// paired interval: a[i] and b[i] are the same persona, and every resample takes
// both. The difference is nil where either side has no value.
func (b *Bootstrap) Difference(s Statistic, left, right []Unit) (*float64, *Interval) {
	va, vb := s.Value(left), s.Value(right)
	if va == nil || vb == nil || len(left) != len(right) {
		return nil, nil
	}
	diff := *va - *vb
	if len(left) < 2 {
		return &diff, nil
	}
	numA, denA := s.terms(left)
	numB, denB := s.terms(right)
	return &diff, b.percentiles(len(left), func(row []int32) (float64, bool) {
		x, okX := resampled(row, numA, denA)
		y, okY := resampled(row, numB, denB)
		return x - y, okX && okY
	})
}

func resampled(row []int32, num, den []float64) (float64, bool) {
	var a, b float64
	for _, i := range row {
		a += num[i]
		b += den[i]
	}
	return a / b, b > 0
}

func (b *Bootstrap) percentiles(n int, statistic func(row []int32) (float64, bool)) *Interval {
	rows := b.rows(n)
	values := make([]float64, 0, Resamples)
	for at := 0; at < len(rows); at += n {
		if v, ok := statistic(rows[at : at+n]); ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	return &Interval{Low: quantile(values, 0.025), High: quantile(values, 0.975)}
}

// quantile interpolates linearly between the sorted values.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	low := int(math.Floor(at))
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}
