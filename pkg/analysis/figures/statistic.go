package figures

// Statistic is one headline figure of a group of personas.
type Statistic struct {
	// Name is the figure's key in metrics.json.
	Name string
	// Label names it for people.
	Label string
	// Pooled figures are the ratio of sums over all runs; the others are the mean
	// over people of the mean of their runs' own ratios.
	Pooled bool
	parts  func(t Tally, hours float64) (num, den float64)
}

// Unit is what one run contributes to a statistic.
type Unit struct {
	Persona string
	Seed    uint64
	Counts  Tally
	// Hours are simulated waking hours.
	Hours  float64
	Wanted Band
}

func criterion(i int) func(Tally, float64) (float64, float64) {
	return func(t Tally, _ float64) (float64, float64) {
		both := t.both()
		return float64(both.Passed[i]), float64(both.Decided[i])
	}
}

// Statistics returns the headline figures in the order in which they are shown:
// the mean score hardly sees what was said, and comes after what does.
func Statistics() []Statistic {
	return []Statistic{
		{Name: "recall", Label: "recall", Pooled: true, parts: func(t Tally, _ float64) (float64, float64) {
			return float64(t.DueServed), float64(t.DueMoments)
		}},
		{Name: "precision", Label: "precision", Pooled: true, parts: func(t Tally, _ float64) (float64, float64) {
			return float64(t.AtDue), float64(t.Recommendations)
		}},
		{Name: "success_rate", Label: "success rate", Pooled: true, parts: func(t Tally, _ float64) (float64, float64) {
			return float64(t.Successes), float64(t.Given.Judged)
		}},
		{Name: "per_waking_hour", Label: "recommendations per waking hour", parts: func(t Tally, hours float64) (float64, float64) {
			return float64(t.Recommendations), hours
		}},
		{Name: "mean_score", Label: "mean score", parts: func(t Tally, _ float64) (float64, float64) {
			both := t.both()
			return float64(both.ScoreSum), float64(both.Judged)
		}},
		{Name: "mean_score_given", Label: "mean score, given", parts: func(t Tally, _ float64) (float64, float64) {
			return float64(t.Given.ScoreSum), float64(t.Given.Judged)
		}},
		{Name: "mean_score_silent", Label: "mean score, silent", parts: func(t Tally, _ float64) (float64, float64) {
			return float64(t.Silent.ScoreSum), float64(t.Silent.Judged)
		}},
		{Name: "preference", Label: "preference passed", Pooled: true, parts: criterion(0)},
		{Name: "timing", Label: "timing passed", Pooled: true, parts: criterion(1)},
		{Name: "frequency", Label: "frequency passed", Pooled: true, parts: criterion(2)},
		{Name: "communication", Label: "communication passed", Pooled: true, parts: criterion(3)},
	}
}

// Named returns the statistic of a name. It panics where there is none.
func Named(name string) Statistic {
	for _, s := range Statistics() {
		if s.Name == name {
			return s
		}
	}
	panic("no statistic " + name)
}

// terms returns each unit's numerator and denominator: its sums where the
// statistic is pooled, else its own ratio and 1, or 0 and 0 where nothing counts.
func (s Statistic) terms(units []Unit) (num, den []float64) {
	num, den = make([]float64, len(units)), make([]float64, len(units))
	for i, u := range units {
		a, b := s.parts(u.Counts, u.Hours)
		switch {
		case s.Pooled:
			num[i], den[i] = a, b
		case b > 0:
			num[i], den[i] = a/b, 1
		}
	}
	return num, den
}

// Value returns the statistic of the units, or nil where nothing counts.
func (s Statistic) Value(units []Unit) *float64 {
	if !s.Pooled {
		observed := s.observations(units)
		if len(observed) == 0 {
			return nil
		}
		value := mean(people(observed))
		return &value
	}
	num, den := s.terms(units)
	var a, b float64
	for i := range num {
		a += num[i]
		b += den[i]
	}
	return ratio(a, b)
}
