package judging

import (
	"context"
	"encoding/json"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/analysis/scores"
	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// parallel is how many moments are judged at once: the scheduler of the endpoint
// limits the requests in flight.
const parallel = 32

// Rescore judges moments again and writes a line for each candidate, in the order
// of the moments. With repeat the judge is asked twice, for its agreement with
// itself. It returns how many candidates were judged. The errors are those of
// driver.Judge and of the writer.
func Rescore(ctx context.Context, judges driver.Judges, moments []Moment, repeat bool, w io.Writer) (int, error) {
	lines := json.NewEncoder(w)
	name := role.Describe(judges.Backend, driver.Exact)
	count := 0
	const batch = 256
	for from := 0; from < len(moments); from += batch {
		part := moments[from:min(len(moments), from+batch)]
		judged, err := judgeAll(ctx, judges, part, repeat)
		if err != nil {
			return count, err
		}
		for i := range part {
			for k := range part[i].Candidates {
				line := judged[i].line(&part[i], k)
				line.Judge = name
				if err := lines.Encode(line); err != nil {
					return count, err
				}
				count++
			}
		}
	}
	return count, nil
}

// judged are the evaluations of the candidates of a moment; again is empty where
// the judge was asked once.
type judged struct{ first, again []*simv1.Evaluation }

func judgeAll(ctx context.Context, judges driver.Judges, moments []Moment, repeat bool) ([]judged, error) {
	out := make([]judged, len(moments))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range moments {
		group.Go(func() (err error) {
			if out[i].first, err = ask(ctx, judges, &moments[i], "rescore/"); err == nil && repeat {
				out[i].again, err = ask(ctx, judges, &moments[i], "repeat/")
			}
			return err
		})
	}
	return out, group.Wait()
}

// ask judges a moment. The label keeps a repeat from being answered by the first
// answer.
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

func (j judged) line(m *Moment, candidate int) scores.Line {
	out := scores.Line{
		Run: m.Life.RunID, Step: m.Step, Candidate: candidate, Total: j.first[candidate].Total,
		Verdicts: scores.VerdictsOf(j.first[candidate]),
		Exact:    scores.VerdictsOf(m.Situation.Reading.Evaluate(m.Candidates[candidate])),
	}
	if candidate < len(m.Recorded) {
		out.Recorded = m.Recorded[candidate].Total
	}
	if len(j.again) > 0 {
		out.Repeat = scores.VerdictsOf(j.again[candidate])
	}
	return out
}
