package figures

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a 95% interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Clear reports that the interval excludes zero.
func (i *Interval) Clear() bool { return i != nil && (i.Low > 0 || i.High < 0) }

// Bounds say how sure a figure is, in two senses. Runs are crossed by person and
// seed.
type Bounds struct {
	// NewPeople holds for other people of the same kind: Student's t over the
	// people's means over seeds, with n-1 degrees of freedom. Nil with fewer than
	// two people.
	NewPeople *Interval `json:"new_people"`
	// ThesePeople holds for these very people and new seeds: Student's t with the
	// person x seed variance alone. Nil with one seed, where the noise of a run
	// cannot be told apart from the differences between people, and where not
	// everybody has every seed.
	ThesePeople *Interval `json:"these_people"`
	// SD has the variance components; nil where ThesePeople is.
	SD *Components `json:"sd"`
}

// Components are standard deviations of a run's figure, by what makes it vary:
// the method of moments of a two-way layout without repeats. A component whose
// estimate is negative is 0.
type Components struct {
	// People is between people.
	People float64 `json:"people"`
	// Seeds is between seeds, common to all people.
	Seeds float64 `json:"seeds"`
	// Runs is what is left: the noise of a single run (person x seed).
	Runs float64 `json:"runs"`
}

// observation is one run's value of a statistic.
type observation struct {
	persona string
	seed    uint64
	value   float64
}

// observations returns the value of each unit, such that their mean is the
// statistic. A ratio of sums R = A/B is linearised (Cochran, Sampling Techniques,
// 1977, section 6.4): a unit counts as R + (a - R b) / mean(b). Units where
// nothing counts are left out of a mean of ratios.
func (s Statistic) observations(units []Unit) []observation {
	num, den := s.terms(units)
	var sumA, sumB float64
	for i := range num {
		sumA, sumB = sumA+num[i], sumB+den[i]
	}
	if sumB == 0 {
		return nil
	}
	ratio, meanB := sumA/sumB, sumB/float64(len(units))
	var out []observation
	for i, u := range units {
		o := observation{persona: u.Persona, seed: u.Seed}
		switch {
		case s.Pooled:
			o.value = ratio + (num[i]-ratio*den[i])/meanB
		case den[i] == 0:
			continue
		default:
			o.value = num[i]
		}
		out = append(out, o)
	}
	return out
}

// Bounds returns the intervals of a statistic over units.
func (s Statistic) Bounds(units []Unit) Bounds { return bounds(s.observations(units)) }

// Difference returns how much greater a statistic is for left than for right,
// with its paired bounds: left[i] and right[i] are the same person and seed. The
// difference is nil where either side has no value.
func (s Statistic) Difference(left, right []Unit) (*float64, Bounds) {
	a, b := s.observations(left), s.observations(right)
	if len(a) == 0 || len(b) == 0 {
		return nil, Bounds{}
	}
	var paired []observation
	for _, x := range a {
		if i := slices.IndexFunc(b, func(y observation) bool { return y.persona == x.persona && y.seed == x.seed }); i >= 0 {
			paired = append(paired, observation{x.persona, x.seed, x.value - b[i].value})
		}
	}
	if len(paired) == 0 {
		return nil, Bounds{}
	}
	difference := mean(people(paired))
	return &difference, bounds(paired)
}

// people returns the mean of each person over seeds, by persona id.
func people(all []observation) []float64 {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b observation) int { return cmp.Compare(a.persona, b.persona) })
	var out []float64
	for i := 0; i < len(all); {
		j, sum := i, 0.0
		for ; j < len(all) && all[j].persona == all[i].persona; j++ {
			sum += all[j].value
		}
		out = append(out, sum/float64(j-i))
		i = j
	}
	return out
}

func mean(values []float64) float64 { return stat.Mean(values, nil) }

func bounds(all []observation) Bounds {
	means := people(all)
	var out Bounds
	if n := len(means); n >= 2 {
		out.NewPeople = student(mean(means), stat.StdDev(means, nil)/math.Sqrt(float64(n)), float64(n-1))
	}
	table, ok := crossed(all)
	if !ok {
		return out
	}
	out.SD, out.ThesePeople = table.components()
	return out
}

// student returns the 95% interval of a mean with its standard error.
func student(center, standardError, degrees float64) *Interval {
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: degrees}.Quantile(0.975) * standardError
	return &Interval{Low: center - half, High: center + half}
}

// layout is a full two-way table: by person, then by seed.
type layout [][]float64

// crossed puts observations into a table; false where not everybody has every
// seed once, or there is one seed only.
func crossed(all []observation) (layout, bool) {
	var seeds []uint64
	for _, o := range all {
		if !slices.Contains(seeds, o.seed) {
			seeds = append(seeds, o.seed)
		}
	}
	slices.Sort(seeds)
	rows := make(map[string][]float64)
	for _, o := range all {
		row := rows[o.persona]
		if row == nil {
			row = slices.Repeat([]float64{math.NaN()}, len(seeds))
			rows[o.persona] = row
		}
		at := slices.Index(seeds, o.seed)
		if !math.IsNaN(row[at]) {
			return nil, false // two runs of one person and seed
		}
		row[at] = o.value
	}
	var out layout
	for _, row := range rows {
		if slices.ContainsFunc(row, math.IsNaN) {
			return nil, false
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b []float64) int { return slices.Compare(a, b) }) // sums must not depend on the order of a map
	return out, len(seeds) >= 2
}

// components splits the variance of the table, and bounds its mean by the noise
// of runs alone.
func (l layout) components() (*Components, *Interval) {
	people, seeds := float64(len(l)), float64(len(l[0]))
	rowMeans, columnMeans := make([]float64, len(l)), make([]float64, len(l[0]))
	for i, row := range l {
		rowMeans[i] = mean(row)
		for j, v := range row {
			columnMeans[j] += v / people
		}
	}
	grand := mean(rowMeans)
	if len(l) == 1 { // seeds and noise cannot be told apart: all of it is noise
		sd := stat.StdDev(l[0], nil)
		return &Components{Runs: sd}, student(grand, sd/math.Sqrt(seeds), seeds-1)
	}
	residual := 0.0
	for i, row := range l {
		for j, v := range row {
			d := v - rowMeans[i] - columnMeans[j] + grand
			residual += d * d
		}
	}
	degrees := (people - 1) * (seeds - 1)
	noise := residual / degrees
	betweenPeople, betweenSeeds := seeds*stat.Variance(rowMeans, nil), people*stat.Variance(columnMeans, nil)
	return &Components{
		People: math.Sqrt(math.Max(0, (betweenPeople-noise)/seeds)),
		Seeds:  math.Sqrt(math.Max(0, (betweenSeeds-noise)/people)),
		Runs:   math.Sqrt(noise),
	}, student(grand, math.Sqrt(noise/(people*seeds)), degrees)
}
