package experiment_test

import (
	"hash/fnv"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/analysis/source"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// unusable are answers that no repair makes better.
var unusable = []fakemodel.Fault{
	fakemodel.Content(`{"score":"4/4"}`), fakemodel.Content(`{"preference":{"reason":"x","pass":NaN}}`), fakemodel.Content("I would say: pass."),
	fakemodel.Content(`{"action":"abstain","action":"recommend","text":"x"}`), fakemodel.Content(`{"action":"abst`), fakemodel.Content(""),
	fakemodel.Finished(nil, "stop"), fakemodel.Finished("{}", "length"), fakemodel.Finished("", "content_filter"), fakemodel.Refusal("I cannot."),
}

// TestUnusableAnswersBecomeNothing: for a day, one prompt in three of judge and
// assistant gets unusable answers only. Every such candidate is a failure and not
// a silence, every such verdict is unjudged and has no score, and neither is part
// of a pair.
func TestUnusableAnswersBecomeNothing(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Fault: func(r *fakemodel.Request) fakemodel.Fault {
		if r.Model != "fake-judge" && r.Model != "fake-assistant" {
			return nil
		}
		h := fnv.New32a()
		for _, m := range r.Messages[:2] { // a repair has the same beginning
			_, _ = h.Write([]byte(m.Content)) // a hash never fails
		}
		if n := h.Sum32(); n%3 == 0 {
			return unusable[n/3%uint32(len(unusable))]
		}
		return nil
	}})
	t.Cleanup(server.Close)
	at := folder.Folder(t.TempDir())
	runs, _ := liveIn(t, allModels(t, server.BaseURL(), "simulation.step=10m"), at)
	require.Equal(t, environmentv1.RunState_RUN_STATE_FINISHED, runs[0].GetState(), runs[0].GetReason())
	recorded, err := source.Open(t.Context(), filepath.Join(string(at), "journal.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, recorded.Close()) })
	failed, unjudged, pairs := 0, 0, 0
	for e, err := range recorded.Entries(t.Context(), runs[0].GetId(), 0) {
		require.NoError(t, err)
		step := e.GetBody().GetStep()
		f, u := requireNothingInvented(t, step)
		failed, unjudged = failed+f, unjudged+u
		if pair := step.GetPair(); pair != nil {
			pairs++
			for _, i := range []int32{pair.GetChosen(), pair.GetRejected()} {
				require.Nil(t, step.GetCandidates()[i].GetFailure())
				require.NotNil(t, step.GetEvaluations()[i].Total)
			}
		}
	}
	t.Logf("%d failed candidates, %d unjudged ones, %d pairs of the others", failed, unjudged, pairs)
	require.Greater(t, failed, 10)
	require.Greater(t, unjudged, 10)
	require.Positive(t, pairs)
}

// requireNothingInvented compares the candidates and evaluations of a step with
// how its calls ended, and counts failed and unjudged candidates.
func requireNothingInvented(t *testing.T, step *environmentv1.Step) (failed, unjudged int) {
	t.Helper()
	for _, call := range step.GetCalls() {
		last := call.GetAttempts()[len(call.GetAttempts())-1].GetOutcome()
		if last == "answered" {
			continue
		}
		require.Len(t, call.GetAttempts(), 3, "the answer and two repairs")
		i := call.GetCandidate()
		switch call.GetRole() {
		case simv1.Role_ROLE_ASSISTANT:
			failed++
			require.Equal(t, last, step.GetCandidates()[i].GetFailure().GetOutcome(), "step %d, candidate %d", step.GetStep(), i)
		case simv1.Role_ROLE_JUDGE:
			unjudged++
			require.Nil(t, step.GetEvaluations()[i].Total, "step %d, candidate %d has a score", step.GetStep(), i)
			for _, v := range step.GetEvaluations()[i].GetVerdicts() {
				if v.GetJudge() == simv1.JudgeKind_JUDGE_KIND_MODEL {
					require.Equal(t, simv1.Outcome_OUTCOME_UNJUDGED, v.GetOutcome())
					require.True(t, strings.Contains(v.GetReason(), last), v.GetReason())
				}
			}
		default:
			require.Fail(t, "unexpected failure", "%v", call)
		}
	}
	return failed, unjudged
}
