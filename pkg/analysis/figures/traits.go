package figures

// TraitEffect compares how much the personas on either pole of a trait gained
// under a method: mean score of the last days less that of the first day.
type TraitEffect struct {
	Method string `json:"method"`
	// Trait is a Big Five trait.
	Trait string `json:"trait"`
	High  Pole   `json:"high"`
	Low   Pole   `json:"low"`
}

// Pole is one side of a trait.
type Pole struct {
	// Personas counts those with a score on both ends.
	Personas int `json:"personas"`
	// Gain is their mean gain in points of [0, 4]; nil without any.
	Gain *float64 `json:"gain"`
	// Interval bounds it: 95%, bootstrap over personas.
	Interval *Interval `json:"interval"`
}

// Traits returns the Big Five in the order of the contract.
func Traits() []string {
	return []string{"extraversion", "agreeableness", "conscientiousness", "neuroticism", "openness"}
}

// TraitEffects computes the effects of all traits under a method.
func TraitEffects(b *Bootstrap, runs []Run, method string) []TraitEffect {
	from, to := LastSpan(LastDay(runs, method))
	gains := Gains(runs, method, from, to)
	out := make([]TraitEffect, 0, len(Traits()))
	for _, trait := range Traits() {
		poles := make(map[string][]float64)
		for _, r := range runs {
			if gain, ok := gains[r.Persona]; ok && r.Method == method {
				poles[r.BigFive[trait]] = append(poles[r.BigFive[trait]], gain)
			}
		}
		out = append(out, TraitEffect{
			Method: method, Trait: trait, High: newPole(b, poles["high"]), Low: newPole(b, poles["low"]),
		})
	}
	return out
}

func newPole(b *Bootstrap, gains []float64) Pole {
	p := Pole{Personas: len(gains)}
	p.Gain, p.Interval = b.Mean(gains)
	return p
}

// Gains returns each persona's mean score over the days [from, to] less that of
// its first day. Personas without a score at either end are left out.
func Gains(runs []Run, method string, from, to int) map[string]float64 {
	score := func(units []Unit) map[string]float64 {
		out := make(map[string]float64)
		for _, u := range units {
			if v := Statistics()[0].Value([]Unit{u}); v != nil {
				out[u.Persona] = *v
			}
		}
		return out
	}
	first, last := score(Units(runs, method, 1, 1)), score(Units(runs, method, from, to))
	gains := make(map[string]float64)
	for persona, end := range last {
		if start, ok := first[persona]; ok {
			gains[persona] = end - start
		}
	}
	return gains
}

// Mean returns the mean of values, one per persona, with its interval; nil
// where there are too few.
func (b *Bootstrap) Mean(values []float64) (*float64, *Interval) {
	if len(values) == 0 {
		return nil, nil
	}
	ones := make([]float64, len(values))
	all := make([]int32, len(values))
	for i := range values {
		ones[i], all[i] = 1, int32(i)
	}
	mean, _ := resampled(all, values, ones)
	if len(values) < 2 {
		return &mean, nil
	}
	return &mean, b.percentiles(len(values), func(row []int32) (float64, bool) { return resampled(row, values, ones) })
}
