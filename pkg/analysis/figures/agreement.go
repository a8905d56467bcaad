package figures

import (
	"math/rand/v2"
	"slices"
)

// JudgeAgreement is how far the judge of a score set agrees with the exact judge,
// and with itself on a repeat, about recorded candidates.
type JudgeAgreement struct {
	// Set is the name of the score set, Judge who judged, as role.Describe writes it.
	Set   string `json:"set"`
	Judge string `json:"judge"`
	// Moments and Candidates that were judged.
	Moments    int `json:"moments"`
	Candidates int `json:"candidates"`
	// WithExact compares with the exact judge, WithItself with a repeat: one entry
	// for each criterion and one for the total. WithItself is empty where nothing was
	// judged twice.
	WithExact  []Agreement `json:"with_exact"`
	WithItself []Agreement `json:"with_itself,omitempty"`
}

// Agreement is how far a judge agrees with another one about one criterion, or
// about the total. Intervals are a percentile bootstrap over moments, because the
// candidates of a moment are judged alike.
type Agreement struct {
	// Criterion is preference, timing, frequency, communication or total.
	Criterion string `json:"criterion"`
	// N counts what both judged.
	N int `json:"n"`
	// Exact is the share that both judged equally, [0, 1].
	Exact         float64  `json:"exact_agreement"`
	ExactInterval Interval `json:"exact_interval"`
	// Kappa is 1 for full agreement and 0 for that of chance: Cohen's kappa (Cohen,
	// 1960) of a criterion, and the quadratic-weighted kappa (Cohen, 1968) of the
	// total.
	Kappa         float64  `json:"kappa"`
	KappaInterval Interval `json:"kappa_interval"`
	// Bias is the mean of the judge less that of the other: in passes of a criterion,
	// [-1, 1], in points of the total, [-4, 4]. Above zero the judge is the milder.
	Bias float64 `json:"bias"`
	// Unjudged counts what one of the two judged and the other could not.
	Unjudged int `json:"unjudged"`
}

// Confusion counts how two judges graded the same things: [the judge][the other].
// Of a criterion only 0 (fail) and 1 (pass) occur, of a total 0 to 4.
type Confusion [5][5]float64

// add adds the counts of another one.
func (c *Confusion) add(o *Confusion) {
	for i := range c {
		for j := range c[i] {
			c[i][j] += o[i][j]
		}
	}
}

// resamples of the bootstrap.
const resamples = 1000

// NewAgreement sums up the gradings of moments. Intervals are the same every time.
func NewAgreement(criterion string, moments []Confusion, unjudged int) Agreement {
	out := Agreement{Criterion: criterion, Unjudged: unjudged}
	var all Confusion
	for i := range moments {
		all.add(&moments[i])
	}
	n, exact, kappa, bias := all.measures()
	if n == 0 {
		return out
	}
	out.N, out.Exact, out.Kappa, out.Bias = int(n), exact, kappa, bias
	draws := rand.New(rand.NewPCG(1, 2))
	shares, kappas := make([]float64, 0, resamples), make([]float64, 0, resamples)
	for range resamples {
		var again Confusion
		for range moments {
			again.add(&moments[draws.IntN(len(moments))])
		}
		if n, exact, kappa, _ := again.measures(); n > 0 {
			shares, kappas = append(shares, exact), append(kappas, kappa)
		}
	}
	out.ExactInterval, out.KappaInterval = middle(shares), middle(kappas)
	return out
}

// middle returns the bounds of the middle 95% of values; it sorts them.
func middle(values []float64) Interval {
	slices.Sort(values)
	return Interval{Low: values[len(values)*25/1000], High: values[(len(values)*975-1)/1000]}
}

// measures returns how much was graded, the share of equal grades, the kappa with
// quadratic weights, which is Cohen's for two grades, and the mean difference. Two
// judges that always give the same one grade agree fully, with a kappa of 1.
func (c *Confusion) measures() (n, exact, kappa, bias float64) {
	var left, right [5]float64
	for i := range c {
		for j, count := range c[i] {
			n += count
			left[i] += count
			right[j] += count
			bias += count * float64(i-j)
		}
		exact += c[i][i]
	}
	if n == 0 {
		return 0, 0, 0, 0
	}
	var seen, chance float64
	for i := range c {
		for j, count := range c[i] {
			weight := float64((i - j) * (i - j))
			seen += weight * count / n
			chance += weight * left[i] / n * right[j] / n
		}
	}
	kappa = 1
	if chance > 0 {
		kappa = 1 - seen/chance
	}
	return n, exact / n, kappa, bias / n
}
