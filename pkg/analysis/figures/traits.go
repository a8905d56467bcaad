package figures

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// TraitEffect compares the people on either pole of a trait by their level under a
// method: the mean score of the last days (LastSpan), seeds averaged. The gain
// since day 1 would mirror the level of day 1 instead, when nearly everything is
// said.
type TraitEffect struct {
	Method string `json:"method"`
	// Trait is a Big Five trait.
	Trait string `json:"trait"`
	High  Pole   `json:"high"`
	Low   Pole   `json:"low"`
	// Difference is high less low; nil where a pole has nobody.
	Difference *float64 `json:"difference"`
	// Interval bounds it: 95%, Welch's t over people.
	Interval *Interval `json:"interval"`
	// P is the two-sided p value of Welch's test; Holm is P corrected for the five
	// traits of the method (Holm, 1979). Nil with fewer than two people on a pole.
	P    *float64 `json:"p"`
	Holm *float64 `json:"p_holm"`
}

// Pole is one side of a trait.
type Pole struct {
	// Personas counts those with a score.
	Personas int `json:"personas"`
	// Level is their mean score in the last days, [0, 4]; nil without any.
	Level *float64 `json:"level"`
	// Interval bounds it: 95%, Student's t over people.
	Interval *Interval `json:"interval"`
}

// Traits returns the Big Five in the order of the contract.
func Traits() []string {
	return []string{"extraversion", "agreeableness", "conscientiousness", "neuroticism", "openness"}
}

// TraitEffects computes the effects of all traits under a method. Interactions are
// left out: a factorial of 32 people has no power for them.
func TraitEffects(runs []Run, method string) []TraitEffect {
	from, to := LastSpan(LastDay(runs, method))
	levels := levels(runs, method, from, to)
	out := make([]TraitEffect, 0, len(Traits()))
	for _, trait := range Traits() {
		poles := make(map[string][]float64)
		seen := make(map[string]bool)
		for _, r := range runs {
			if level, ok := levels[r.Persona]; ok && r.Method == method && !seen[r.Persona] {
				seen[r.Persona] = true
				poles[r.BigFive[trait]] = append(poles[r.BigFive[trait]], level)
			}
		}
		out = append(out, newTraitEffect(method, trait, poles["high"], poles["low"]))
	}
	holm(out)
	return out
}

func newTraitEffect(method, trait string, high, low []float64) TraitEffect {
	e := TraitEffect{Method: method, Trait: trait, High: newPole(high), Low: newPole(low)}
	if e.High.Level == nil || e.Low.Level == nil {
		return e
	}
	difference := *e.High.Level - *e.Low.Level
	e.Difference = &difference
	if len(high) < 2 || len(low) < 2 {
		return e
	}
	a, b := stat.Variance(high, nil)/float64(len(high)), stat.Variance(low, nil)/float64(len(low))
	if a+b == 0 {
		return e
	}
	standardError := math.Sqrt(a + b)
	degrees := (a + b) * (a + b) / (a*a/float64(len(high)-1) + b*b/float64(len(low)-1)) // Welch and Satterthwaite
	e.Interval = student(difference, standardError, degrees)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: degrees}
	p := 2 * t.Survival(math.Abs(difference)/standardError)
	e.P = &p
	return e
}

func newPole(levels []float64) Pole {
	p := Pole{Personas: len(levels)}
	if len(levels) == 0 {
		return p
	}
	level := mean(levels)
	p.Level = &level
	if n := float64(len(levels)); n >= 2 {
		p.Interval = student(level, stat.StdDev(levels, nil)/math.Sqrt(n), n-1)
	}
	return p
}

// holm corrects the p values of effects tested together.
func holm(effects []TraitEffect) {
	var order []int
	for i, e := range effects {
		if e.P != nil {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(*effects[a].P, *effects[b].P) })
	greatest := 0.0
	for rank, i := range order {
		greatest = math.Max(greatest, math.Min(1, *effects[i].P*float64(len(order)-rank)))
		corrected := greatest
		effects[i].Holm = &corrected
	}
}

// levels returns each person's mean score over the days [from, to], seeds
// averaged.
func levels(runs []Run, method string, from, to int) map[string]float64 {
	sum, count := make(map[string]float64), make(map[string]float64)
	for _, o := range Named("mean_score").observations(Units(runs, method, from, to)) {
		sum[o.persona] += o.value
		count[o.persona]++
	}
	for persona := range sum {
		sum[persona] /= count[persona]
	}
	return sum
}
