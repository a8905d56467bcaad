// Package modeljudge judges by a model: all four criteria, or as a hybrid only
// preference and communication, while timing and frequency stay exact. The model
// is given the clock and the counts and is never asked to count.
package modeljudge

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	"github.com/propersim/propersim/prompts"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/portrait"
)

// Names of the drivers.
const (
	Model  = "model"
	Hybrid = "hybrid"
)

// Drivers returns the judges of a driver, Model or Hybrid. An ErrInvalid where
// the judge's role is not configured.
func Drivers(name string, asker model.Asker, set *prompts.Set) (driver.Judges, error) {
	r, _, err := asker.Role(model.Judge)
	if err != nil {
		return driver.Judges{}, err
	}
	per := r.JudgesPer()
	return driver.Judges{Backend: r.Backend(model.Judge, name, set.Digest()), New: func(life driver.Life) (driver.Judge, error) {
		return &modelJudge{
			asker: asker, prompts: set, life: life, hybrid: name == Hybrid, per: per,
			person: portrait.Of(life.Persona), rubric: portrait.RubricOf(life.Persona.GetRubric()),
		}, nil
	}}, nil
}

// How many judgements one request asks for.
const (
	perCandidate = "candidate"
	perCriterion = "criterion"
)

// modelJudge is a driver.Judge. It is immutable.
type modelJudge struct {
	asker   model.Asker
	prompts *prompts.Set
	life    driver.Life
	hybrid  bool
	per     string
	person  portrait.Person
	rubric  portrait.Rubric
}

// Judge implements driver.Judge. All requests go out together. Equal candidates
// are judged once: the same words at the same moment never differ in score.
func (j *modelJudge) Judge(ctx context.Context, s *driver.Situation, candidates []*simv1.Candidate) ([]*simv1.Evaluation, role.Effects, error) {
	out := make([]*simv1.Evaluation, len(candidates))
	twin := make([]int, len(candidates))
	firsts := make(map[string]int)
	var calls []model.Call
	var whose []int
	for i, c := range candidates {
		twin[i] = i
		if failure := c.GetFailure(); failure != nil {
			out[i] = judge.Unjudged(simv1.JudgeKind_JUDGE_KIND_MODEL, judge.FailureReason(failure))
			continue
		}
		if j.hybrid && c.GetRecommendation() == nil {
			out[i] = s.Reading.Evaluate(c) // whether silence is right is a matter of time and counts
			continue
		}
		if first, known := firsts[c.GetRecommendation().GetText()]; known {
			twin[i] = first
			continue
		}
		firsts[c.GetRecommendation().GetText()] = i
		asked, err := j.calls(s, int32(i), c)
		if err != nil {
			return nil, role.Effects{}, err
		}
		for range asked {
			whose = append(whose, i)
		}
		calls = append(calls, asked...)
	}
	answers, err := j.asker.DoAll(ctx, calls)
	if err != nil {
		return nil, role.Effects{}, err
	}
	verdicts := make(map[int][]*simv1.Verdict)
	for k := range answers {
		verdicts[whose[k]] = append(verdicts[whose[k]], j.verdicts(&calls[k], &answers[k][0])...)
	}
	for i, c := range candidates {
		if out[i] == nil && twin[i] == i {
			if j.hybrid {
				verdicts[i] = append(verdicts[i], s.Reading.Verdicts(c, simv1.Criterion_CRITERION_TIMING, simv1.Criterion_CRITERION_FREQUENCY)...)
			}
			out[i] = judge.Sum(verdicts[i]...)
		}
	}
	for i := range candidates {
		out[i] = out[twin[i]]
	}
	trace(ctx, out)
	return out, model.EffectsOf(answers), nil
}

// trace adds the verdicts to the span of the call, as the OpenTelemetry conventions
// for generative AI name evaluations. Reasons are left out: they repeat texts.
func trace(ctx context.Context, evaluations []*simv1.Evaluation) {
	span := oteltrace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	for i, e := range evaluations {
		for _, v := range e.GetVerdicts() {
			name := strings.ToLower(strings.TrimPrefix(v.GetCriterion().String(), "CRITERION_"))
			label := strings.ToLower(strings.TrimPrefix(v.GetOutcome().String(), "OUTCOME_"))
			attributes := []attribute.KeyValue{
				attribute.String("gen_ai.evaluation.name", name), attribute.String("gen_ai.evaluation.score.label", label), attribute.Int("propersim.candidate", i),
			}
			switch v.GetOutcome() { // what is unjudged has no value
			case simv1.Outcome_OUTCOME_PASS:
				attributes = append(attributes, attribute.Float64("gen_ai.evaluation.score.value", 1))
			case simv1.Outcome_OUTCOME_FAIL:
				attributes = append(attributes, attribute.Float64("gen_ai.evaluation.score.value", 0))
			}
			span.AddEvent("gen_ai.evaluation.result", oteltrace.WithAttributes(attributes...))
		}
	}
}

// shownToday is how many recommendations of today a prompt shows word by word: an
// assistant that speaks at every step would fill the context of any model. The
// counts say how many there were.
const shownToday = 10

// question is what the templates of the judge get.
type question struct {
	Person    portrait.Person
	Rubric    portrait.Rubric
	Earlier   int // recommendations of today before those that are shown
	Today     []said
	Moment    moment
	Counts    counts
	Said      string
	Criterion string
}

type said struct{ Clock, Text string }

type moment struct {
	Day                    int32
	Clock, Activity, Place string
	Minutes                int
}

type counts struct {
	Today, LastHour  int
	SinceLast, Awake string
}

// question describes a candidate at a moment.
func (j *modelJudge) question(s *driver.Situation, c *simv1.Candidate) *question {
	f := s.Reading.Facts()
	scale := simtime.Scale(f.StepSeconds)
	q := &question{
		Person: j.person, Rubric: j.rubric, Said: c.GetRecommendation().GetText(),
		Moment: moment{
			Day: f.Day, Clock: simtime.Clock(f.SecondOfDay)[:5], Activity: s.Action.GetDescription(), Place: j.place(s.Action.GetRoom()),
			Minutes: int(scale.Minutes(f.Step - s.Action.GetStartedStep())),
		},
		Counts: counts{Today: f.Today, LastHour: f.LastHour, SinceLast: "none in the last 24 hours", Awake: span(f.Awake)},
	}
	if f.SinceLast >= 0 {
		q.Counts.SinceLast = span(f.SinceLast)
	}
	today := s.Today
	if n := len(today) - shownToday; n > 0 {
		q.Earlier, today = n, today[n:]
	}
	for _, past := range today {
		q.Today = append(q.Today, said{simtime.Clock(scale.SecondOfDay(past.GetStep()))[:5], past.GetDelivered().GetRecommendation().GetText()})
	}
	return q
}

// place is the name of a room.
func (j *modelJudge) place(room string) string {
	for _, r := range j.life.World.GetRooms() {
		if r.GetId() == room {
			return r.GetName()
		}
	}
	return room
}

// span writes minutes as "2 h 5 min".
func span(minutes float64) string {
	whole := int(minutes)
	if whole < 60 {
		return fmt.Sprintf("%d min", whole)
	}
	return fmt.Sprintf("%d h %d min", whole/60, whole%60)
}
