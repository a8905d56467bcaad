package figures

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Run holds the figures of one run.
type Run struct {
	ID          string `json:"id"`
	Persona     string `json:"persona"`
	PersonaName string `json:"persona_name"`
	// BigFive maps each trait to "high" or "low".
	BigFive map[string]string `json:"big_five"`
	// Method is the method's name; that of a fork has the last shared step behind
	// it, "proper@2879", so that a fork is never counted with its parent.
	Method      string `json:"method"`
	Seed        uint64 `json:"seed"`
	StepSeconds int    `json:"step_seconds"`
	// World is the id of the place.
	World string `json:"world"`
	// Rubric is the SHA-256 of the person's compiled rubric, 16 hexadecimal digits:
	// runs judged by different rubrics cannot be compared.
	Rubric string `json:"rubric"`
	// RubricText is the same of the rubric's texts, by which a model judges.
	RubricText string `json:"rubric_text"`
	// Judge says who judged, as role.Describe writes it.
	Judge string `json:"judge"`
	// State is queued, running, waiting, paused, finished, failed or cancelled.
	State string `json:"state"`
	// Reason says why a run waits or failed.
	Reason string `json:"reason,omitempty"`
	// FinalHash is the hash of the last entry, empty before the first one.
	FinalHash string `json:"final_hash"`
	Days      []Day  `json:"days"`
}

// Day holds the figures of one simulated day of a run.
type Day struct {
	// Day is 1-based.
	Day int `json:"day"`
	Rates
	// Adapter is the one in force at the day's last waking step; empty for the
	// base policy.
	Adapter string `json:"adapter"`
	// Training is that of the night after the day; nil where there was none.
	Training *Training `json:"training"`
	// FailedNight says why the training failed; empty when it did not.
	FailedNight string `json:"failed_night,omitempty"`
	// NoPairs says that there was nothing to train on: no pairs yet, or ties alone.
	NoPairs bool `json:"no_pairs,omitempty"`
	// NightAdapter is the adapter in force after the night; empty for the base policy,
	// and where there was no night.
	NightAdapter string `json:"night_adapter,omitempty"`
	// NightSeconds is the wall time of the night and TrainingSeconds that of its
	// training; 0 where they are not known. They are in no file: they never repeat.
	NightSeconds, TrainingSeconds float64 `json:"-"`
	// Counts are the sums behind the rates.
	Counts Tally `json:"counts"`
}

// Training says how a night's training went.
type Training struct {
	// Loss is the mean DPO loss of the last epoch in nats.
	Loss float64 `json:"loss"`
	// Margin is the mean implicit-reward margin after training.
	Margin float64 `json:"margin"`
	// Accuracy is the share of pairs with a positive margin, [0, 1].
	Accuracy float64 `json:"accuracy"`
	// Pairs that were trained on; 0 in a mean.
	Pairs int `json:"pairs,omitempty"`
	// HeldOut is the comparison with the parent on pairs that were not trained on;
	// nil where none were held out.
	HeldOut *HeldOut `json:"held_out,omitempty"`
}

// HeldOut compares an adapter with its parent on pairs that neither was trained on.
type HeldOut struct {
	Pairs          int     `json:"pairs"`
	Margin         float64 `json:"margin"`
	Accuracy       float64 `json:"accuracy"`
	ParentMargin   float64 `json:"parent_margin"`
	ParentAccuracy float64 `json:"parent_accuracy"`
}

// Fold reads the entries of one run in order.
type Fold struct {
	run      Run
	best     *judge.Best
	err      error // why nothing can be judged by the persona's spec
	sequence int64
	due      bool // a due moment is open
}

// NewFold returns an empty fold of a run; its persona must carry the spec, else
// Add fails.
func NewFold(run *environmentv1.Run) *Fold {
	scale := simtime.Scale(run.GetConfig().GetStepSeconds())
	rules, err := judge.Compile(run.GetPersona().GetSpec())
	if err == nil {
		err = scale.Validate()
	}
	if err != nil {
		return &Fold{err: fmt.Errorf("run %s: %w", run.GetId(), err)}
	}
	return &Fold{
		best: rules.NewBest(scale),
		run: Run{
			ID:          run.GetId(),
			Persona:     run.GetPersona().GetId(),
			PersonaName: run.GetPersona().GetName(),
			BigFive:     traits(run.GetPersona().GetBigFive()),
			Method:      MethodName(run),
			World:       run.GetConfig().GetWorldId(),
			Rubric:      digest(run.GetPersona().GetSpec()),
			RubricText:  digest(run.GetPersona().GetRubric()),
			Judge:       role.Describe(run.GetConfig().GetBackends().GetJudge(), "exact"),
			Seed:        run.GetConfig().GetSeed(),
			StepSeconds: int(run.GetConfig().GetStepSeconds()),
			State:       StateName(run.GetState()),
			Reason:      run.GetReason(),
		},
	}
}

// LabelFork is the label of a fork that names it in tables and reports.
const LabelFork = "fork"

// MethodName returns the name under which a run is counted: that of its method.
// A fork has the name of its label LabelFork, or else that of its method with the
// last shared step behind it, "proper@2879".
func MethodName(run *environmentv1.Run) string {
	method := run.GetConfig().GetMethod().GetName()
	switch label := run.GetLabels()[LabelFork]; {
	case run.GetForkedFrom() == "":
		return method
	case label != "":
		return label
	}
	return ForkName(method, run.GetForkedAtStep())
}

// ForkName returns the name of a fork that has been given none, "proper@2879":
// the method, and the last step shared with the run that it was forked from.
func ForkName(method string, atStep int32) string { return fmt.Sprintf("%s@%d", method, atStep) }

// digest returns 16 hexadecimal digits of a message's SHA-256.
func digest(m proto.Message) string {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return "" // only for invalid UTF-8, which a stored persona cannot have
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// StateName returns the lower-case name of a run's state, e.g. "finished".
func StateName(s environmentv1.RunState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "RUN_STATE_"))
}

// Add takes the next entry. An entry out of sequence is an errs.ErrDataLoss.
func (f *Fold) Add(e *environmentv1.Entry) error {
	if f.err != nil {
		return f.err
	}
	if e.GetSequence() != f.sequence+1 {
		return fmt.Errorf("run %s: entry %d follows entry %d: %w", f.run.ID, e.GetSequence(), f.sequence, errs.ErrDataLoss)
	}
	f.sequence = e.GetSequence()
	f.run.FinalHash = e.GetHash()
	switch event := e.GetBody().GetEvent().(type) {
	case *environmentv1.EntryBody_Step:
		f.step(event.Step)
	case *environmentv1.EntryBody_Night:
		f.night(event.Night)
	}
	return nil
}

// Run returns the figures so far; the fold may go on afterwards.
func (f *Fold) Run() Run {
	out := f.run
	out.Days = make([]Day, len(f.run.Days))
	for i, d := range f.run.Days {
		d.Rates = d.Counts.Rates(out.StepSeconds)
		out.Days[i] = d
	}
	return out
}

// day returns the day under work; a new one closes an open due moment.
func (f *Fold) day(number int) *Day {
	if n := len(f.run.Days); n > 0 && f.run.Days[n-1].Day == number {
		return &f.run.Days[n-1]
	}
	f.due = false
	f.run.Days = append(f.run.Days, Day{Day: number})
	return &f.run.Days[len(f.run.Days)-1]
}

func (f *Fold) step(s *environmentv1.Step) {
	day := f.day(int(s.GetDay()))
	t := &day.Counts
	t.Steps++
	if s.GetAction().GetAsleep() {
		f.due = false
		return
	}
	t.Waking++
	f.chance(t, s)
	day.Adapter = s.GetAdapter()
	if s.GetPair() != nil {
		t.Pairs += 1 + len(s.GetFurtherPairs())
	}
	t.failures(s)
	given := Delivered(s).GetRecommendation() != nil
	f.judge(t, s, given)
	f.moment(t, s.GetMoment().GetDue(), given)
}

func (f *Fold) judge(t *Tally, s *environmentv1.Step, given bool) {
	verdict := Judgement(s)
	if verdict == nil || verdict.Total == nil {
		t.Unjudged++
	}
	if !given {
		t.Silent.observe(verdict)
		return
	}
	t.Recommendations++
	t.Given.observe(verdict)
	if verdict != nil && verdict.GetTotal() >= 3 {
		t.Successes++
	}
}

// chance counts what a perfect assistant would have done at a waking step, and
// the most that would have been welcome: without an upper bound in the spec, twice
// what was wanted.
func (f *Fold) chance(t *Tally, s *environmentv1.Step) {
	c := f.best.Step(s.GetStep(), activity.Kind(s.GetAction().GetKind()))
	t.Wanted += one(c.Speaks)
	switch {
	case f.best.Bounded():
		t.Welcome += one(c.Could)
	case c.Speaks:
		t.Welcome += 2
	}
}

// moment follows due moments: one begins with a due step, and ends served by a
// recommendation, or unserved when the step is no longer due.
func (f *Fold) moment(t *Tally, due, given bool) {
	if due && !f.due {
		t.DueMoments++
	}
	f.due = due
	if !due || !given {
		return
	}
	t.AtDue++
	t.DueServed++
	f.due = false
}

func (f *Fold) night(n *environmentv1.Night) {
	day := f.day(int(n.GetDay()))
	day.FailedNight, day.NoPairs, day.NightAdapter = n.GetFailure(), n.GetNoPairs(), n.GetAdapter()
	m := n.GetMetrics()
	if m == nil {
		return
	}
	day.Training = &Training{Loss: m.GetLoss(), Margin: m.GetMargin(), Accuracy: m.GetAccuracy(), Pairs: int(m.GetPairs())}
	if m.GetHeldOutPairs() > 0 {
		day.Training.HeldOut = &HeldOut{
			Pairs: int(m.GetHeldOutPairs()), Margin: m.GetHeldOutMargin(), Accuracy: m.GetHeldOutAccuracy(),
			ParentMargin: m.GetParentMargin(), ParentAccuracy: m.GetParentAccuracy(),
		}
	}
}

// NightTook sets the wall times of the night after a day, seconds.
func (f *Fold) NightTook(number int, night, training float64) {
	day := f.day(number)
	day.NightSeconds, day.TrainingSeconds = night, training
}

// failures counts the candidates, and those that could not be read.
func (t *Tally) failures(s *environmentv1.Step) {
	t.Candidates += len(s.GetCandidates())
	for i, c := range s.GetCandidates() {
		if c.GetFailure() == nil {
			continue
		}
		t.FailedCandidates++
		if i == 0 {
			t.Failed++
		}
	}
}

// Delivered returns the candidate that reached the user; nil while asleep.
func Delivered(s *environmentv1.Step) *simv1.Candidate {
	if len(s.GetCandidates()) == 0 {
		return nil
	}
	return s.GetCandidates()[0]
}

// Judgement returns the evaluation of the delivered candidate, or nil.
func Judgement(s *environmentv1.Step) *simv1.Evaluation {
	if len(s.GetEvaluations()) == 0 {
		return nil
	}
	return s.GetEvaluations()[0]
}

func traits(b *simv1.BigFive) map[string]string {
	name := func(l simv1.TraitLevel) string {
		return strings.ToLower(strings.TrimPrefix(l.String(), "TRAIT_LEVEL_"))
	}
	return map[string]string{
		"extraversion":      name(b.GetExtraversion()),
		"agreeableness":     name(b.GetAgreeableness()),
		"conscientiousness": name(b.GetConscientiousness()),
		"neuroticism":       name(b.GetNeuroticism()),
		"openness":          name(b.GetOpenness()),
	}
}
