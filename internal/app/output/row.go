package output

import (
	"github.com/propersim/propersim/pkg/analysis/figures"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Row is one line of steps.parquet: one committed step. What belongs to a
// delivered candidate is null while the person sleeps, and an outcome that could
// not be judged is null too.
type Row struct {
	Run         string `parquet:"run,dict"`
	Persona     string `parquet:"persona,dict"`
	Method      string `parquet:"method,dict"`
	Seed        uint64 `parquet:"seed"`
	Sequence    int64  `parquet:"sequence,delta"`
	Step        int32  `parquet:"step,delta"`
	Day         int32  `parquet:"day"`
	SecondOfDay int32  `parquet:"second_of_day"`
	// What the person did.
	Asleep      bool   `parquet:"asleep"`
	Activity    string `parquet:"activity,dict"`
	Description string `parquet:"description,dict"`
	Room        string `parquet:"room,dict"`
	Object      string `parquet:"object,dict"`
	Walking     bool   `parquet:"walking"`
	// What was delivered.
	Given      bool   `parquet:"given"`
	Text       string `parquet:"text,dict"`
	Topic      string `parquet:"topic,dict"`
	Tone       string `parquet:"tone,dict"`
	Candidates int32  `parquet:"candidates"`
	// How it was judged.
	Total               *int32 `parquet:"total,optional"`
	Preference          *bool  `parquet:"preference,optional"`
	Timing              *bool  `parquet:"timing,optional"`
	Frequency           *bool  `parquet:"frequency,optional"`
	Communication       *bool  `parquet:"communication,optional"`
	PreferenceReason    string `parquet:"preference_reason,dict"`
	TimingReason        string `parquet:"timing_reason,dict"`
	FrequencyReason     string `parquet:"frequency_reason,dict"`
	CommunicationReason string `parquet:"communication_reason,dict"`
	// The person's own reading of the moment.
	Receptive bool `parquet:"receptive"`
	Protected bool `parquet:"protected"`
	Due       bool `parquet:"due"`
	// The policy and what it will learn from.
	Adapter  string `parquet:"adapter,dict"`
	Pair     bool   `parquet:"pair"`
	Chosen   int32  `parquet:"chosen"`
	Rejected int32  `parquet:"rejected"`
}

var yes, no = true, false

// fill sets a row from a step of a run.
func (r *Row) fill(run *environmentv1.Run, sequence int64, s *environmentv1.Step) {
	action, moment := s.GetAction(), s.GetMoment()
	*r = Row{
		Run: run.GetId(), Persona: run.GetPersona().GetId(), Method: figures.MethodName(run), Seed: run.GetConfig().GetSeed(),
		Sequence: sequence, Step: s.GetStep(), Day: s.GetDay(), SecondOfDay: s.GetSecondOfDay(),
		Asleep: action.GetAsleep(), Activity: action.GetKind(), Description: action.GetDescription(),
		Room: action.GetRoom(), Object: action.GetObject(), Walking: action.GetWalking(),
		Candidates: int32(len(s.GetCandidates())),
		Receptive:  moment.GetReceptive(), Protected: moment.GetProtected(), Due: moment.GetDue(),
		Adapter: s.GetAdapter(),
	}
	if rec := figures.Delivered(s).GetRecommendation(); rec != nil {
		r.Given, r.Text, r.Topic, r.Tone = true, rec.GetText(), rec.GetTopic(), rec.GetTone()
	}
	if p := s.GetPair(); p != nil {
		r.Pair, r.Chosen, r.Rejected = true, p.GetChosen(), p.GetRejected()
	}
	r.judged(figures.Judgement(s))
}

func (r *Row) judged(e *simv1.Evaluation) {
	if e == nil {
		return
	}
	r.Total = e.Total
	for _, v := range e.GetVerdicts() {
		var outcome *bool
		switch v.GetOutcome() {
		case simv1.Outcome_OUTCOME_PASS:
			outcome = &yes
		case simv1.Outcome_OUTCOME_FAIL:
			outcome = &no
		}
		switch v.GetCriterion() {
		case simv1.Criterion_CRITERION_PREFERENCE:
			r.Preference, r.PreferenceReason = outcome, v.GetReason()
		case simv1.Criterion_CRITERION_TIMING:
			r.Timing, r.TimingReason = outcome, v.GetReason()
		case simv1.Criterion_CRITERION_FREQUENCY:
			r.Frequency, r.FrequencyReason = outcome, v.GetReason()
		case simv1.Criterion_CRITERION_COMMUNICATION:
			r.Communication, r.CommunicationReason = outcome, v.GetReason()
		}
	}
}
