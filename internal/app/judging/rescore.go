package judging

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// Score is what a judge thinks of a recorded candidate: one line of a score set.
type Score struct {
	Run       string `json:"run"`
	Step      int32  `json:"step"`
	Candidate int    `json:"candidate"`
	// Verdicts are pass, fail or unjudged by criterion.
	Verdicts map[string]string `json:"verdicts"`
	// Total is absent where a criterion is unjudged.
	Total *int32 `json:"total,omitempty"`
	// Recorded is the total of the run itself.
	Recorded *int32 `json:"recorded,omitempty"`
}

// Rescore judges moments anew and writes a line for each candidate, in the order
// of the moments. It returns how many candidates were judged. The errors are those
// of driver.Judge and of the writer.
func Rescore(ctx context.Context, judges driver.Judges, moments []Moment, w io.Writer) (int, error) {
	lines := json.NewEncoder(w)
	count := 0
	const batch = 256
	for from := 0; from < len(moments); from += batch {
		part := moments[from:min(len(moments), from+batch)]
		evaluations := make([][]*simv1.Evaluation, len(part))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(parallel)
		for i := range part {
			group.Go(func() (err error) {
				evaluations[i], err = ask(ctx, judges, &part[i], "rescore/")
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return count, err
		}
		for i, m := range part {
			for k, e := range evaluations[i] {
				if err := lines.Encode(score(m, k, e)); err != nil {
					return count, err
				}
				count++
			}
		}
	}
	return count, nil
}

func score(m Moment, candidate int, e *simv1.Evaluation) Score {
	out := Score{Run: m.Life.RunID, Step: m.Step, Candidate: candidate, Verdicts: make(map[string]string), Total: e.Total}
	if candidate < len(m.Recorded) {
		out.Recorded = m.Recorded[candidate].Total
	}
	for _, v := range e.GetVerdicts() {
		out.Verdicts[strings.ToLower(strings.TrimPrefix(v.GetCriterion().String(), "CRITERION_"))] = strings.ToLower(strings.TrimPrefix(v.GetOutcome().String(), "OUTCOME_"))
	}
	return out
}
