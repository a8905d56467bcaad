package judging

import (
	"context"
	"math/rand/v2"
	"slices"

	"golang.org/x/sync/errgroup"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// Agreement is how far two judges agree about one criterion.
type Agreement struct {
	Criterion string `json:"criterion"`
	// Pairs are the verdicts that both gave.
	Pairs int `json:"pairs"`
	// Share of equal verdicts, and Kappa (Cohen's), each with a 95% interval by a
	// bootstrap over verdicts. Kappa is 0 where chance alone explains the share.
	Share, ShareLow, ShareHigh float64
	Kappa, KappaLow, KappaHigh float64
	// Unjudged are verdicts that one of them could not give.
	Unjudged int `json:"unjudged"`
}

// criteria in the order of the contract.
var criteria = []string{"preference", "timing", "frequency", "communication"}

// both are the two verdicts on one criterion: true is a pass.
type both struct{ a, b bool }

// Report is what Agree found.
type Report struct {
	// WithExact compares with the exact judge, WithItself with a repeat.
	WithExact, WithItself []Agreement
	// Moments and Candidates that were judged.
	Moments, Candidates int
}

// parallel is how many moments are judged at once: the scheduler of the endpoint
// bounds what is really under way.
const parallel = 32

// Agree judges moments twice by the judges and compares them with the exact judge
// and with themselves. The errors are those of driver.Judge.
func Agree(ctx context.Context, judges driver.Judges, moments []Moment) (*Report, error) {
	exact := make([][4][]both, len(moments))
	itself := make([][4][]both, len(moments))
	unjudged := make([][2][4]int, len(moments))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range moments {
		group.Go(func() error {
			m := &moments[i]
			first, err := ask(ctx, judges, m, "agreement-1/")
			if err != nil {
				return err
			}
			second, err := ask(ctx, judges, m, "agreement-2/")
			if err != nil {
				return err
			}
			for k, c := range m.Candidates {
				collect(&exact[i], &unjudged[i][0], m.Situation.Reading.Evaluate(c), first[k])
				collect(&itself[i], &unjudged[i][1], first[k], second[k])
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := &Report{Moments: len(moments)}
	for _, m := range moments {
		out.Candidates += len(m.Candidates)
	}
	for c, name := range criteria {
		var withExact, withItself []both
		var missing [2]int
		for i := range moments {
			withExact, withItself = append(withExact, exact[i][c]...), append(withItself, itself[i][c]...)
			missing[0], missing[1] = missing[0]+unjudged[i][0][c], missing[1]+unjudged[i][1][c]
		}
		out.WithExact = append(out.WithExact, agreement(name, withExact, missing[0]))
		out.WithItself = append(out.WithItself, agreement(name, withItself, missing[1]))
	}
	return out, nil
}

// ask judges a moment. The label keeps a repeat from getting the first answer
// again.
func ask(ctx context.Context, judges driver.Judges, m *Moment, label string) ([]*simv1.Evaluation, error) {
	life := m.Life
	life.RunID = label + life.RunID
	j, err := judges.New(life)
	if err != nil {
		return nil, err
	}
	out, _, err := j.Judge(ctx, m.Situation, m.Candidates)
	return out, err
}

// collect adds the verdicts on one candidate.
func collect(into *[4][]both, missing *[4]int, a, b *simv1.Evaluation) {
	for c := range into {
		x, y := a.GetVerdicts()[c].GetOutcome(), b.GetVerdicts()[c].GetOutcome()
		if x == simv1.Outcome_OUTCOME_UNJUDGED || y == simv1.Outcome_OUTCOME_UNJUDGED {
			missing[c]++
			continue
		}
		into[c] = append(into[c], both{x == simv1.Outcome_OUTCOME_PASS, y == simv1.Outcome_OUTCOME_PASS})
	}
}

// resamples of the bootstrap.
const resamples = 1000

func agreement(name string, pairs []both, unjudged int) Agreement {
	out := Agreement{Criterion: name, Pairs: len(pairs), Unjudged: unjudged}
	if len(pairs) == 0 {
		return out
	}
	out.Share, out.Kappa = kappa(pairs)
	draws := rand.New(rand.NewPCG(1, 2)) // the same intervals every time
	shares, kappas := make([]float64, resamples), make([]float64, resamples)
	again := make([]both, len(pairs))
	for r := range resamples {
		for i := range again {
			again[i] = pairs[draws.IntN(len(pairs))]
		}
		shares[r], kappas[r] = kappa(again)
	}
	slices.Sort(shares)
	slices.Sort(kappas)
	low, high := resamples*25/1000, resamples*975/1000
	out.ShareLow, out.ShareHigh = shares[low], shares[high]
	out.KappaLow, out.KappaHigh = kappas[low], kappas[high]
	return out
}

// kappa returns the share of equal verdicts and Cohen's kappa (Cohen, 1960). Two
// judges that always say the same one thing agree fully, with a kappa of 1.
func kappa(pairs []both) (share, k float64) {
	var equal, passA, passB float64
	n := float64(len(pairs))
	for _, p := range pairs {
		if p.a == p.b {
			equal++
		}
		if p.a {
			passA++
		}
		if p.b {
			passB++
		}
	}
	share = equal / n
	chance := passA/n*passB/n + (1-passA/n)*(1-passB/n)
	if chance == 1 {
		return share, 1
	}
	return share, (share - chance) / (1 - chance)
}
