package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Moment is one judged step as a reader wants to see it.
type Moment struct {
	Run, Persona, Method string
	Day, Step            int
	// Command shows the step; Write sets it.
	Command string
	// Clock is the simulated time, e.g. "07:30".
	Clock string
	// Doing says what the person did and where.
	Doing string
	// Said is the recommendation; empty for silence.
	Said, Topic, Tone string
	Due               bool
	// Total is the score, 0 to 4.
	Total    int
	Verdicts []Verdict
}

// Verdict is one criterion's outcome with the judge's reason.
type Verdict struct {
	Criterion string
	Passed    bool
	Reason    string
}

// Moments picks telling steps out of a run: of each day the best recommendation
// and the worst step. It keeps two a day and no more.
type Moments struct {
	run         *environmentv1.Run
	best, worst map[int32]Moment // by day
}

// NewMoments returns an empty pick of a run.
func NewMoments(run *environmentv1.Run) *Moments {
	return &Moments{run: run, best: make(map[int32]Moment), worst: make(map[int32]Moment)}
}

// Add looks at one entry.
func (m *Moments) Add(e *environmentv1.Entry) {
	s := e.GetBody().GetStep()
	verdict := figures.Judgement(s)
	if s == nil || s.GetAction().GetAsleep() || verdict == nil || verdict.Total == nil {
		return
	}
	said := figures.Delivered(s).GetRecommendation() != nil
	total, due := int(verdict.GetTotal()), s.GetMoment().GetDue()
	if old, ok := m.best[s.GetDay()]; said && (!ok || greater(total, due, old.Total, old.Due)) {
		m.best[s.GetDay()] = m.moment(s, verdict)
	}
	if old, ok := m.worst[s.GetDay()]; !ok || total < old.Total || (total == old.Total && said && old.Said == "") {
		m.worst[s.GetDay()] = m.moment(s, verdict)
	}
}

func greater(total int, due bool, oldTotal int, oldDue bool) bool {
	return total > oldTotal || (total == oldTotal && due && !oldDue)
}

func (m *Moments) moment(s *environmentv1.Step, e *simv1.Evaluation) Moment {
	action := s.GetAction()
	doing := action.GetDescription()
	if action.GetRoom() != "" {
		doing += ", " + strings.ReplaceAll(action.GetRoom(), "_", " ")
	}
	out := Moment{
		Run: m.run.GetId(), Persona: m.run.GetPersona().GetName(), Method: figures.MethodName(m.run),
		Day: int(s.GetDay()), Step: int(s.GetStep()), Clock: simtime.Clock(s.GetSecondOfDay()),
		Doing: doing, Due: s.GetMoment().GetDue(), Total: int(e.GetTotal()),
	}
	if rec := figures.Delivered(s).GetRecommendation(); rec != nil {
		out.Said, out.Topic, out.Tone = rec.GetText(), rec.GetTopic(), rec.GetTone()
	}
	for _, v := range e.GetVerdicts() {
		out.Verdicts = append(out.Verdicts, Verdict{
			Criterion: strings.ToLower(strings.TrimPrefix(v.GetCriterion().String(), "CRITERION_")),
			Passed:    v.GetOutcome() == simv1.Outcome_OUTCOME_PASS,
			Reason:    v.GetReason(),
		})
	}
	return out
}

// Best returns the n best recommendations of all runs, as many runs as possible
// being heard before one is heard twice, and late days before early ones.
func Best(picks []*Moments, n int) []Moment {
	return choose(picks, n, func(m *Moments) map[int32]Moment { return m.best }, func(a, b Moment) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), compareBool(b.Due, a.Due), cmp.Compare(b.Day, a.Day))
	})
}

// Worst returns the n worst steps in the same way.
func Worst(picks []*Moments, n int) []Moment {
	return choose(picks, n, func(m *Moments) map[int32]Moment { return m.worst }, func(a, b Moment) int {
		return cmp.Or(cmp.Compare(a.Total, b.Total), compareBool(b.Said != "", a.Said != ""), cmp.Compare(b.Day, a.Day))
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func choose(picks []*Moments, n int, of func(*Moments) map[int32]Moment, order func(a, b Moment) int) []Moment {
	type ranked struct {
		Moment
		rank int
	}
	var all []ranked
	for _, p := range picks {
		var own []Moment
		for _, m := range of(p) {
			own = append(own, m)
		}
		slices.SortFunc(own, func(a, b Moment) int { return cmp.Or(order(a, b), cmp.Compare(a.Step, b.Step)) })
		for i, m := range own[:min(n, len(own))] {
			all = append(all, ranked{m, i})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), order(a.Moment, b.Moment), cmp.Compare(a.Run, b.Run))
	})
	out := make([]Moment, 0, n)
	for _, r := range all[:min(n, len(all))] {
		out = append(out, r.Moment)
	}
	return out
}
