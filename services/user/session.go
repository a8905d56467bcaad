package user

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// session is one person in one run: a fold over the committed steps and their
// notes. Planning and judging may take as long as a model call, so neither keeps
// mu while it works.
type session struct {
	runID string
	scale simtime.Scale
	judge driver.Judge

	// turn is a semaphore of one: its owner may call the planner.
	turn    chan struct{}
	planner driver.Planner

	mu      sync.Mutex
	history *judge.History // guarded by mu
	day     int32          // of today; guarded by mu
	today   []*simv1.PastStep
	latest  acted // the last answer of the planner; guarded by mu
}

// acted is an answer of the planner. A repeated call gets the same answer, notes
// and calls included, because the first one may have been lost.
type acted struct {
	made    bool // false: there is no answer yet
	step    int32
	plan    driver.Plan
	effects role.Effects
}

// fold takes in a committed step. The caller owns the session, or has mu and,
// where the step has notes, the turn.
func (s *session) fold(past *simv1.PastStep, field string) error {
	if past.GetAction() == nil {
		return errs.Invalid(field+".action", "is missing: a user session knows what the user did")
	}
	for i, note := range past.GetNotes() {
		if note.GetRole() != simv1.Role_ROLE_PLANNER {
			return errs.Invalid(fmt.Sprintf("%s.notes[%d].role", field, i), "found %v, want ROLE_PLANNER", note.GetRole())
		}
		if err := s.planner.Restore(note); err != nil {
			return below(fmt.Sprintf("%s.notes[%d]", field, i), err)
		}
	}
	if past.GetAction().GetAsleep() {
		if len(past.GetNotes()) == 0 {
			return errs.Invalid(field+".action.asleep", "found true at a step without notes, want waking steps, and sleeping ones that have notes")
		}
		return nil
	}
	s.history.Observe(past.GetStep(), activity.Kind(past.GetAction().GetKind()), past.GetDelivered().GetRecommendation() != nil)
	if day := s.scale.Day(past.GetStep()); day != s.day {
		s.day, s.today = day, nil
	}
	if past.GetDelivered().GetRecommendation() != nil {
		s.today = append(s.today, past)
	}
	return nil
}

// expect checks that caller and session know the same committed steps, and that
// the step asked for comes after them. The caller has mu.
func (s *session) expect(step, last int32) error {
	if at := s.history.Last(); at != last {
		return fmt.Errorf("run %q: the last committed waking step is %d here and %d at the caller; open the session again: %w", s.runID, at, last, errs.ErrSessionBehind)
	}
	if step <= last {
		return errs.Invalid("step", "found %d, want one after the last committed waking step %d", step, last)
	}
	return nil
}

// act returns what the user does at a step.
func (s *session) act(ctx context.Context, step, last int32) (acted, error) {
	if known, err := s.known(step, last); known.made || err != nil {
		return known, err
	}
	if err := s.take(ctx); err != nil {
		return acted{}, err
	}
	defer s.release()
	if known, err := s.known(step, last); known.made || err != nil {
		return known, err // answered while this call waited
	}
	plan, effects, err := s.planner.Act(ctx, step)
	if err != nil {
		return acted{}, fmt.Errorf("plan step %d of run %q: %w", step, s.runID, err)
	}
	if plan.Action == nil || plan.Action.GetAsleep() != (plan.Observation == nil) {
		return acted{}, fmt.Errorf("plan step %d of run %q: the planner gave no action, or an observation of a sleeper: %w", step, s.runID, errs.ErrInternal)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.expect(step, last); err != nil {
		return acted{}, err
	}
	s.latest = acted{made: true, step: step, plan: plan, effects: effects}
	return s.latest, nil
}

// known returns the answer that was already given for a step, if any.
func (s *session) known(step, last int32) (acted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.expect(step, last); err != nil {
		return acted{}, err
	}
	if s.latest.made && s.latest.step == step {
		return s.latest, nil
	}
	return acted{}, nil
}

// take waits for the planner; errs.ErrDeadline or ErrCanceled where ctx ends
// before.
func (s *session) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errs.FromContext(ctx)
	}
}

func (s *session) release() { <-s.turn }

// evaluate judges candidates at a step. It keeps no lock while it judges, and
// refuses the judgement if the session has moved to another step by then.
func (s *session) evaluate(ctx context.Context, req *userv1.EvaluateRequest) (*userv1.EvaluateResponse, error) {
	for i, candidate := range req.GetCandidates() {
		if candidate.GetChoice() == nil {
			return nil, errs.Invalid(fmt.Sprintf("candidates[%d].choice", i), "is missing, want a recommendation, an abstention or a failure")
		}
	}
	action := req.GetAction()
	if action.GetAsleep() {
		return nil, fmt.Errorf("run %q: the user sleeps at step %d and judges nothing: %w", s.runID, req.GetStep(), errs.ErrPrecondition)
	}
	situation, err := s.situation(req.GetStep(), req.GetLastStep(), action)
	if err != nil {
		return nil, err
	}
	evaluations, effects, err := s.judge.Judge(ctx, situation, req.GetCandidates())
	if err != nil {
		return nil, fmt.Errorf("judge step %d of run %q: %w", req.GetStep(), s.runID, err)
	}
	if len(evaluations) != len(req.GetCandidates()) {
		return nil, fmt.Errorf("judge step %d of run %q: %d evaluations of %d candidates: %w", req.GetStep(), s.runID, len(evaluations), len(req.GetCandidates()), errs.ErrInternal)
	}
	s.mu.Lock()
	err = s.expect(req.GetStep(), req.GetLastStep())
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return &userv1.EvaluateResponse{
		Evaluations: evaluations, Moment: situation.Reading.Moment(),
		Calls: effects.Calls, Timings: effects.Timings, Notes: effects.Notes,
	}, nil
}

// situation reads the moment of a step from a copy of what the session knows.
func (s *session) situation(step, last int32, action *simv1.Action) (*driver.Situation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.expect(step, last); err != nil {
		return nil, err
	}
	reading := s.history.Snapshot().Read(step, activity.Kind(action.GetKind()))
	out := &driver.Situation{Action: action, Reading: &reading}
	if s.scale.Day(step) == s.day {
		out.Today = slices.Clip(s.today)
	}
	return out, nil
}

// observe takes in what was delivered at a committed waking step.
func (s *session) observe(ctx context.Context, past *simv1.PastStep, last int32) error {
	if len(past.GetNotes()) > 0 {
		if err := s.take(ctx); err != nil {
			return err
		}
		defer s.release()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if past.GetStep() <= s.history.Last() {
		return nil // observed before
	}
	if err := s.expect(past.GetStep(), last); err != nil {
		return err
	}
	return s.fold(past, "past")
}
