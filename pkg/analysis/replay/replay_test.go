package replay

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/store"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const prompt = "What would you like to say?"

// waking is a step with a recommendation that scored 2 and a silence that scored
// 4, so that they make a pair, and with a call and notes.
func waking() *environmentv1.Step {
	evaluation := func(passes int) *simv1.Evaluation {
		e := &simv1.Evaluation{Total: proto.Int32(int32(passes))}
		for i := range 4 {
			outcome := simv1.Outcome_OUTCOME_FAIL
			if i < passes {
				outcome = simv1.Outcome_OUTCOME_PASS
			}
			e.Verdicts = append(e.Verdicts, &simv1.Verdict{Criterion: simv1.Criterion(i + 1), Outcome: outcome, Judge: simv1.JudgeKind_JUDGE_KIND_EXACT})
		}
		return e
	}
	return &environmentv1.Step{
		Day: 1, Action: &simv1.Action{Kind: "reading"}, Observation: &simv1.Observation{Kind: "reading"}, Moment: &simv1.Moment{},
		Candidates: []*simv1.Candidate{
			{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "Take a break."}}},
			{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}},
		},
		Evaluations:    []*simv1.Evaluation{evaluation(2), evaluation(4)},
		Pair:           &environmentv1.Pair{Chosen: 1, Rejected: 0, Prompt: &simv1.Prompt{}},
		Calls:          []*simv1.ModelCall{{Id: "assistant/0", Role: simv1.Role_ROLE_ASSISTANT, PromptDigest: journal.Digest([]byte(prompt))}},
		AssistantNotes: []*simv1.Note{{Role: simv1.Role_ROLE_SUMMARIZER, Key: "summary-1h/0"}},
	}
}

// failed is a step whose delivered candidate is a failure.
func failed() *environmentv1.Step {
	s := waking()
	s.Candidates[0] = &simv1.Candidate{Choice: &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: "malformed"}}}
	for _, v := range s.Evaluations[0].Verdicts {
		v.Outcome = simv1.Outcome_OUTCOME_UNJUDGED
	}
	s.Evaluations[0].Total, s.Pair = nil, nil
	return s
}

// replayed records a run of one step and replays it.
func replayed(t *testing.T, s *environmentv1.Step, beside journal.Beside, damage func(dsn string)) Result {
	t.Helper()
	ctx := t.Context()
	dsn := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.New(ctx, dsn)
	require.NoError(t, err)
	run, _, err := j.Create(ctx, journal.NewRun{
		Run: &environmentv1.Run{Config: &environmentv1.RunConfig{PersonaId: "p", Method: &simv1.Method{Name: "ar"}, Days: 1, StepSeconds: 3600},
			Persona: &simv1.Persona{Id: "p", Spec: &simv1.PreferenceSpec{}}, State: environmentv1.RunState_RUN_STATE_QUEUED, CreateTime: timestamppb.New(time.Unix(0, 0))},
		World: &simv1.World{Id: "home"},
	})
	require.NoError(t, err)
	lease, err := j.Acquire(ctx, run.GetId(), "test", time.Minute)
	require.NoError(t, err)
	chain, err := j.Continue(ctx, lease, func(*environmentv1.Entry) error { return nil })
	require.NoError(t, err)
	outcome, err := chain.Append(&environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: s}}, beside)
	require.NoError(t, err)
	require.NoError(t, <-outcome)
	require.NoError(t, j.Checkpoint(ctx, lease, chain.Snapshot()))
	chain.Close()
	require.NoError(t, j.Close())
	if damage != nil {
		damage(dsn)
	}
	r, err := journal.OpenReader(ctx, dsn)
	require.NoError(t, err)
	defer r.Close()
	run, err = r.Run(ctx, run.GetId())
	require.NoError(t, err)
	result, err := Run(ctx, r, run, Against{})
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Entries)
	return result
}

func TestAGoodRunHasNoFault(t *testing.T) {
	beside := journal.Beside{Timings: []*simv1.CallTiming{{CallId: "assistant/0"}}, Prompts: [][]byte{[]byte(prompt)}}
	result := replayed(t, waking(), beside, nil)
	require.Empty(t, result.Fault)
	require.Equal(t, 1, result.Pairs)
	result = replayed(t, failed(), journal.Beside{}, nil)
	require.Empty(t, result.Fault)
	require.Zero(t, result.Pairs)
	result = replayed(t, &environmentv1.Step{Day: 1, Action: &simv1.Action{Kind: "sleep", Asleep: true}}, journal.Beside{}, nil)
	require.Empty(t, result.Fault)
}

func TestAStepAgainstTheContractIsNamed(t *testing.T) {
	for want, change := range map[string]func() *environmentv1.Step{
		"it has candidates":              func() *environmentv1.Step { s := waking(); s.Action.Asleep = true; return s },
		"2 candidates and 1 evaluations": func() *environmentv1.Step { s := waking(); s.Evaluations = s.Evaluations[:1]; return s },
		"candidate 1: it neither recommends": func() *environmentv1.Step {
			s := waking()
			s.Candidates[1].Choice = nil
			return s
		},
		"candidate 0: its total is not": func() *environmentv1.Step {
			s := waking()
			s.Evaluations[0].Total = proto.Int32(3)
			return s
		},
		"candidate 1: verdict 2 is about": func() *environmentv1.Step {
			s := waking()
			s.Evaluations[1].Verdicts[2].Criterion = simv1.Criterion_CRITERION_TIMING
			return s
		},
		"candidate 0: 3 verdicts": func() *environmentv1.Step {
			s := waking()
			s.Evaluations[0].Verdicts = s.Evaluations[0].Verdicts[:3]
			return s
		},
		"and a criterion was judged": func() *environmentv1.Step {
			s := failed()
			s.Evaluations[0].Verdicts[3].Outcome = simv1.Outcome_OUTCOME_FAIL
			return s
		},
		"its pairs (chosen, rejected) are [], its evaluations say [{1 0}]": func() *environmentv1.Step { s := waking(); s.Pair = nil; return s },
		"its pairs (chosen, rejected) are [{1 0}], its evaluations say []": func() *environmentv1.Step {
			s := failed()
			s.Pair = &environmentv1.Pair{Chosen: 1}
			return s
		},
		"its pairs (chosen, rejected) are [{0 1}], its evaluations say [{1 0}]": func() *environmentv1.Step {
			s := waking()
			s.Pair.Chosen, s.Pair.Rejected = 0, 1
			return s
		},
		"its pairs (chosen, rejected) are [{1 0} {0 1}], its evaluations say [{1 0}]": func() *environmentv1.Step {
			s := waking()
			s.FurtherPairs = []*environmentv1.Pair{{Chosen: 0, Rejected: 1}}
			return s
		},
		"it has further pairs and no first one": func() *environmentv1.Step {
			s := waking()
			s.FurtherPairs, s.Pair = []*environmentv1.Pair{s.Pair}, nil
			return s
		},
		`call "assistant/0" has no id of its own`: func() *environmentv1.Step {
			s := waking()
			s.Calls = append(s.Calls, s.Calls[0])
			return s
		},
		"has no key": func() *environmentv1.Step { s := waking(); s.AssistantNotes[0].Key = ""; return s },
	} {
		t.Run(want, func(t *testing.T) {
			result := replayed(t, change(), journal.Beside{}, nil)
			require.Contains(t, result.Fault, "step 0 of run p-ar-s0-")
			require.Contains(t, result.Fault, want)
		})
	}
}

func TestWhatIsBesideTheChainIsChecked(t *testing.T) {
	result := replayed(t, waking(), journal.Beside{Timings: []*simv1.CallTiming{{CallId: "judge/0"}}}, nil)
	require.Contains(t, result.Fault, `a timing of call "judge/0", which it did not make`)
	beside := journal.Beside{Prompts: [][]byte{[]byte(prompt), []byte("another")}}
	result = replayed(t, waking(), beside, func(dsn string) {
		exec(t, dsn, "UPDATE prompts SET text = (SELECT text FROM prompts WHERE digest = '"+journal.Digest([]byte("another"))+"')")
	})
	require.Contains(t, result.Fault, "call assistant/0")
	require.Contains(t, result.Fault, "is not the text that its digest names")
}

// exec changes a journal behind its back.
func exec(t *testing.T, dsn, statement string) {
	t.Helper()
	db, err := store.Open(t.Context(), dsn, nil)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
