package output

import (
	"context"
	"iter"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/scores"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/model"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// took is what a call took in seconds, from its first request to its last answer,
// and how long it waited before.
type took struct{ seconds, waited float64 }

// latencies are what the calls of a run took, by entry and call id.
type latencies map[int64]map[string]took

// timings reads what the calls of models and the nights of a run took, where the
// source has timings: those of a running service are not read.
func timings(ctx context.Context, from source.Source, run *environmentv1.Run) (latencies, error) {
	if part, ok := from.(interface{ Unwrap() source.Source }); ok {
		from = part.Unwrap()
	}
	timed, ok := from.(interface {
		Timings(ctx context.Context, id string, after int64) iter.Seq2[journal.Timing, error]
	})
	if !ok {
		return nil, nil
	}
	out := make(latencies)
	for t, err := range timed.Timings(ctx, run.GetId(), 0) {
		if err != nil {
			return nil, err
		}
		if out[t.Sequence] == nil {
			out[t.Sequence] = make(map[string]took)
		}
		out[t.Sequence][t.GetCallId()] = took{t.GetLatency().AsDuration().Seconds(), t.GetWaited().AsDuration().Seconds()}
	}
	return out, nil
}

// add counts the calls of an entry.
func (l latencies) add(e *environmentv1.Entry, uses *figures.ModelUses) {
	for _, call := range e.GetBody().GetStep().GetCalls() {
		t, known := l[e.GetSequence()][call.GetId()]
		if !known {
			t.seconds = -1
		}
		uses.Add(call, t.seconds)
	}
}

// night passes on how long the night of an entry took.
func (l latencies) night(e *environmentv1.Entry, to *figures.Fold) {
	night := e.GetBody().GetNight()
	if t, known := l[e.GetSequence()][journal.NightTiming]; known && night != nil {
		to.NightTook(int(night.GetDay()), t.waited+t.seconds, t.seconds)
	}
}

// priced adds what the tokens cost by the configured prices.
func (j Job) priced(uses []figures.ModelUse) []figures.ModelUse {
	if j.Config == nil {
		return uses
	}
	cfg := j.Config.Models.Config()
	for i, u := range uses {
		name := u.Role
		if name == "rubric_compiler" {
			name = model.Compiler
		}
		price := cfg.Endpoints[cfg.Roles[name].Endpoint].Price
		uses[i].USD = price.USD(model.Usage{Prompt: u.PromptTokens, Cached: u.CachedTokens, Completion: u.CompletionTokens})
	}
	return uses
}

// judges returns how far the judges of the score sets agree with the exact one.
func (j Job) judges() ([]figures.JudgeAgreement, error) {
	if j.ScoreSets == "" {
		return nil, nil
	}
	sets, err := scores.ReadAll(j.ScoreSets)
	if err != nil {
		return nil, err
	}
	var out []figures.JudgeAgreement
	for _, set := range sets {
		if len(set.Lines) > 0 {
			out = append(out, set.Agreement())
		}
	}
	return out, nil
}
