// Package judging judges the judges: how far a model agrees with the exact rules
// and with itself about recorded steps, and how far texts that try to be
// instructions move its scores.
package judging

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/worlds"
)

// Moment is a recorded step as a judge sees it.
type Moment struct {
	Life       driver.Life
	Situation  *driver.Situation
	Step       int32
	Candidates []*simv1.Candidate
	// Recorded are the evaluations of the run itself.
	Recorded []*simv1.Evaluation
}

// Moments returns up to limit moments of recorded runs, spread evenly by a draw
// that is the same every time.
func Moments(ctx context.Context, from source.Source, runs []*environmentv1.Run, limit int) ([]Moment, error) {
	waking := int64(0)
	for _, r := range runs {
		waking += int64(r.GetProgress().GetWakingSteps())
	}
	if waking == 0 {
		return nil, nil
	}
	share := 4 * float64(limit) / float64(waking) // more than are wanted; the rest is left out evenly
	var out []Moment
	for _, r := range runs {
		some, err := ofRun(ctx, from, r, share)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	if len(out) <= limit {
		return out, nil
	}
	picked := make([]Moment, limit)
	for i := range picked {
		picked[i] = out[i*len(out)/limit]
	}
	return picked, nil
}

// ofRun goes through a run as the session of its user does.
func ofRun(ctx context.Context, from source.Source, r *environmentv1.Run, share float64) ([]Moment, error) {
	world, err := worlds.Get(r.GetConfig().GetWorldId())
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", r.GetId(), err)
	}
	rules, err := judge.Compile(r.GetPersona().GetSpec())
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", r.GetId(), err)
	}
	scale := simtime.Scale(r.GetConfig().GetStepSeconds())
	life := driver.Life{
		RunID: r.GetId(), Persona: r.GetPersona(), World: world,
		Settings: &simv1.Settings{Seed: seeded.RoleSeed(r.GetConfig().GetSeed(), r.GetPersona().GetId(), seeded.RoleUser), StepSeconds: int32(scale), Days: r.GetConfig().GetDays()},
	}
	history, draws := rules.NewHistory(scale), seeded.New(1, "judging", r.GetId())
	var today []*simv1.PastStep
	var out []Moment
	day := int32(0)
	for e, err := range from.Entries(ctx, r.GetId(), 0) {
		if err != nil {
			return nil, err
		}
		s := e.GetBody().GetStep()
		if s == nil || s.GetAction().GetAsleep() {
			continue
		}
		if s.GetDay() != day {
			day, today = s.GetDay(), nil
		}
		if draws.Float64(int(s.GetStep())) < share {
			reading := history.Snapshot().Read(s.GetStep(), activity.Kind(s.GetAction().GetKind()))
			out = append(out, Moment{Life: life, Step: s.GetStep(), Candidates: s.GetCandidates(), Recorded: s.GetEvaluations(),
				Situation: &driver.Situation{Action: s.GetAction(), Reading: &reading, Today: append([]*simv1.PastStep(nil), today...)}})
		}
		delivered := s.GetCandidates()[0]
		history.Observe(s.GetStep(), activity.Kind(s.GetAction().GetKind()), delivered.GetRecommendation() != nil)
		if delivered.GetRecommendation() != nil {
			past := &simv1.PastStep{Step: s.GetStep(), Action: s.GetAction(), Delivered: delivered}
			if total := s.GetEvaluations()[0].Total; total != nil {
				past.Score = proto.Int32(*total)
			}
			today = append(today, past)
		}
	}
	return out, nil
}
