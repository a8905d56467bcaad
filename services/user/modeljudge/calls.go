package modeljudge

import (
	"encoding/json"

	"github.com/propersim/propersim/pkg/model"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// opinion is one judgement. The reason comes first: a model that has written its
// reason judges by it.
type opinion struct {
	Reason string `json:"reason" jsonschema:"maxLength=300"`
	Pass   bool   `json:"pass"`
}

// all is the answer about a candidate, by all criteria that a model judges.
type all struct {
	Preference    opinion `json:"preference"`
	Timing        opinion `json:"timing"`
	Frequency     opinion `json:"frequency"`
	Communication opinion `json:"communication"`
}

// some is the answer to a hybrid judge.
type some struct {
	Preference    opinion `json:"preference"`
	Communication opinion `json:"communication"`
}

var (
	oneSchema  = model.MustSchemaOf[opinion]("judgement")
	allSchema  = model.MustSchemaOf[all]("judgements")
	someSchema = model.MustSchemaOf[some]("judgements_of_content")
)

// criteria are the names of the criteria in prompts and answers.
var criteria = map[string]simv1.Criterion{
	"preference": simv1.Criterion_CRITERION_PREFERENCE, "timing": simv1.Criterion_CRITERION_TIMING,
	"frequency": simv1.Criterion_CRITERION_FREQUENCY, "communication": simv1.Criterion_CRITERION_COMMUNICATION,
}

// asked are the criteria that the model judges, in order.
func (j *modelJudge) asked() []string {
	if j.hybrid {
		return []string{"preference", "communication"}
	}
	return []string{"preference", "timing", "frequency", "communication"}
}

// calls returns the requests about one candidate.
func (j *modelJudge) calls(s *driver.Situation, candidate int32, c *simv1.Candidate) ([]model.Call, error) {
	f := s.Reading.Facts()
	q := j.question(s, c)
	call := model.Call{
		Role: model.Judge, Purpose: perCandidate, Run: j.life.RunID, Step: f.Step, At: int64(f.Step) * int64(f.StepSeconds),
		Candidate: &candidate, Schema: allSchema,
	}
	var err error
	if j.per != perCriterion {
		if j.hybrid {
			call.Schema = someSchema
		}
		call.Messages, err = j.prompts.Render("judge/candidate", q)
		return []model.Call{call}, err
	}
	var out []model.Call
	for _, name := range j.asked() {
		one := call
		one.Purpose, one.Criterion, one.Schema = perCriterion, name, oneSchema
		q.Criterion = name
		if one.Messages, err = j.prompts.Render("judge/criterion", q); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// verdicts reads an answer. What stayed unreadable is unjudged, never a score.
func (j *modelJudge) verdicts(call *model.Call, answer *model.Answer) []*simv1.Verdict {
	opinions := make(map[string]opinion)
	if answer.Failure == nil {
		// The answer satisfies its schema, so that it can be read.
		var err error
		if call.Criterion != "" {
			var one opinion
			err = json.Unmarshal(answer.JSON, &one)
			opinions[call.Criterion] = one
		} else {
			err = json.Unmarshal(answer.JSON, &opinions)
		}
		if err != nil {
			answer.Failure = &model.Failure{Outcome: model.OffSchema, Detail: err.Error()}
		}
	}
	names := j.asked()
	if call.Criterion != "" {
		names = []string{call.Criterion}
	}
	var out []*simv1.Verdict
	for _, name := range names {
		v := &simv1.Verdict{Criterion: criteria[name], Judge: simv1.JudgeKind_JUDGE_KIND_MODEL, Outcome: simv1.Outcome_OUTCOME_FAIL, Reason: opinions[name].Reason}
		switch {
		case answer.Failure != nil:
			v.Outcome, v.Reason = simv1.Outcome_OUTCOME_UNJUDGED, "the judge's answer could not be read ("+string(answer.Failure.Outcome)+")"
		case opinions[name].Pass:
			v.Outcome = simv1.Outcome_OUTCOME_PASS
		}
		if v.Reason == "" {
			v.Reason = "no reason given"
		}
		out = append(out, v)
	}
	return out
}
