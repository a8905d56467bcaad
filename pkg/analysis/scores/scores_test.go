package scores_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/scores"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const (
	judged   = `{"run":"a","step":7,"candidate":0,"judge":"model, m","verdicts":{"preference":"pass","timing":"fail","frequency":"pass","communication":"unjudged"}}`
	another  = `{"run":"a","step":7,"candidate":1,"judge":"model, m","verdicts":{"preference":"pass","timing":"pass","frequency":"pass","communication":"pass"},"total":4}`
	stranger = `{"run":"a","step":8,"candidate":0,"judge":"model, other","verdicts":{"preference":"pass"}}`
)

// set writes a score set and reads it.
func set(t *testing.T, text string) (*scores.Set, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "second.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return scores.Read(path)
}

func TestASetHasOneJudge(t *testing.T) {
	got, err := set(t, judged+"\n"+another+"\n")
	require.NoError(t, err)
	require.Equal(t, "second", got.Name)
	require.Equal(t, "model, m", got.Judge)
	require.Len(t, got.Lines, 2)
	for name, text := range map[string]string{
		"two judges": judged + "\n" + stranger, "no JSON": judged + "\n{", "no verdicts": `{"run":"a","step":1}`, "another file": `{"entry":1}`,
	} {
		_, err := set(t, text)
		require.ErrorIs(t, err, errs.ErrInvalid, name)
		require.ErrorContains(t, err, "second.jsonl: line", name)
	}
	all, err := scores.ReadAll(filepath.Join(t.TempDir(), "nothing"))
	require.NoError(t, err)
	require.Empty(t, all)
}

// TestOver: the steps of a run with the scores of a set; what the set does not cover
// is an error, never a score.
func TestOver(t *testing.T) {
	got, err := set(t, judged+"\n"+another)
	require.NoError(t, err)
	over := scores.Over(&recorded{steps: []*environmentv1.Step{
		{Step: 6, Action: &simv1.Action{Asleep: true}},
		{Step: 7, Candidates: make([]*simv1.Candidate, 2), Evaluations: make([]*simv1.Evaluation, 2)},
	}}, got)
	runs, err := over.Runs(t.Context())
	require.NoError(t, err)
	require.Len(t, runs, 1, "the set has one of both runs")
	var steps []*environmentv1.Step
	for e, err := range over.Entries(t.Context(), "a", 0) {
		require.NoError(t, err)
		steps = append(steps, e.GetBody().GetStep())
	}
	require.Empty(t, steps[0].GetEvaluations())
	first, second := steps[1].GetEvaluations()[0], steps[1].GetEvaluations()[1]
	require.Nil(t, first.Total)
	require.Equal(t, simv1.Outcome_OUTCOME_FAIL, first.GetVerdicts()[1].GetOutcome())
	require.Equal(t, simv1.Outcome_OUTCOME_UNJUDGED, first.GetVerdicts()[3].GetOutcome())
	require.Equal(t, simv1.Criterion_CRITERION_COMMUNICATION, first.GetVerdicts()[3].GetCriterion())
	require.EqualValues(t, 4, second.GetTotal())

	over = scores.Over(&recorded{steps: []*environmentv1.Step{{Step: 8, Candidates: make([]*simv1.Candidate, 1)}}}, got)
	for _, err := range over.Entries(t.Context(), "a", 0) {
		require.ErrorIs(t, err, errs.ErrNotFound)
		require.ErrorContains(t, err, "step 8")
	}
}

// recorded is a source of two runs with the same steps.
type recorded struct {
	source.Source
	steps []*environmentv1.Step
}

func (r *recorded) Runs(context.Context) ([]*environmentv1.Run, error) {
	return []*environmentv1.Run{{Id: "a"}, {Id: "b"}}, nil
}

func (r *recorded) Entries(context.Context, string, int64) iter.Seq2[*environmentv1.Entry, error] {
	return func(yield func(*environmentv1.Entry, error) bool) {
		for _, s := range r.steps {
			if !yield(&environmentv1.Entry{Body: &environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: s}}}, nil) {
				return
			}
		}
	}
}
