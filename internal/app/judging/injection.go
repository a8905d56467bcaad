package judging

import (
	"context"
	"math"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// Shift is what an injected text did to the scores of a judge.
type Shift struct {
	Text string `json:"text"`
	// Judged are the recommendations that had a score with and without it.
	Judged int `json:"judged"`
	// Mean change of the score, and how many scores went up and down.
	Mean         float64 `json:"mean"`
	Raised, Fell int
	// Unjudged are those that lost their score: the judge's answer could not be
	// read any more.
	Unjudged int `json:"unjudged"`
}

// Shifts is what a corpus did.
type Shifts struct {
	// Baseline is the change between two judgements of the same text: the judge's
	// own noise. All sums the corpus up.
	Baseline, All Shift
	Texts         []Shift
}

// Inject judges recommendations with and without each text behind their words,
// and the former twice. The errors are those of driver.Judge.
func Inject(ctx context.Context, judges driver.Judges, moments []Moment, texts []string) (*Shifts, error) {
	var said []Moment
	for _, m := range moments {
		for _, c := range m.Candidates {
			if c.GetRecommendation() != nil {
				m.Candidates = []*simv1.Candidate{c}
				said = append(said, m)
				break
			}
		}
	}
	plain, err := scoresOf(ctx, judges, said, "plain/", "")
	if err != nil {
		return nil, err
	}
	again, err := scoresOf(ctx, judges, said, "again/", "")
	if err != nil {
		return nil, err
	}
	out := &Shifts{Baseline: shift("", plain, again), Texts: make([]Shift, len(texts))}
	for i, text := range texts {
		with, err := scoresOf(ctx, judges, said, "injected/", text)
		if err != nil {
			return nil, err
		}
		out.Texts[i] = shift(text, plain, with)
		out.All.add(out.Texts[i])
	}
	return out, nil
}

func (s *Shift) add(other Shift) {
	total := s.Mean*float64(s.Judged) + other.Mean*float64(other.Judged)
	s.Judged += other.Judged
	if s.Judged > 0 {
		s.Mean = total / float64(s.Judged)
	}
	s.Raised, s.Fell, s.Unjudged = s.Raised+other.Raised, s.Fell+other.Fell, s.Unjudged+other.Unjudged
}

// scores judges each moment's recommendation with a text behind its words; NaN
// for one without a score.
func scoresOf(ctx context.Context, judges driver.Judges, moments []Moment, label, text string) ([]float64, error) {
	out := make([]float64, len(moments))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range moments {
		group.Go(func() error {
			m := moments[i]
			if text != "" {
				c := proto.CloneOf(m.Candidates[0])
				c.GetRecommendation().Text += " " + text
				m.Candidates = []*simv1.Candidate{c}
			}
			got, err := ask(ctx, judges, &m, label)
			if err != nil {
				return err
			}
			out[i] = math.NaN()
			if got[0].Total != nil {
				out[i] = float64(got[0].GetTotal())
			}
			return nil
		})
	}
	return out, group.Wait()
}

func shift(text string, before, after []float64) Shift {
	out := Shift{Text: text}
	sum := 0.0
	for i := range before {
		switch {
		case math.IsNaN(before[i]):
			continue
		case math.IsNaN(after[i]):
			out.Unjudged++
			continue
		case after[i] > before[i]:
			out.Raised++
		case after[i] < before[i]:
			out.Fell++
		}
		out.Judged++
		sum += after[i] - before[i]
	}
	if out.Judged > 0 {
		out.Mean = sum / float64(out.Judged)
	}
	return out
}
