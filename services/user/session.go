package user

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/planner"
)

// session is one person in one run: a fold over its committed waking steps.
type session struct {
	runID string
	scale simtime.Scale

	mu      sync.Mutex
	planner *planner.Planner // guarded by mu
	history *judge.History   // guarded by mu
}

// newSession checks what a session starts from: errs.Violations for a persona
// without a spec that can be judged by, or a world or time scale that cannot be
// lived in.
func newSession(start *userv1.SessionStart) (*session, error) {
	if start.GetPersona().GetSpec() == nil {
		return nil, errs.Invalid("start.persona.spec", "is missing: a session judges by it")
	}
	judge, err := judge.Compile(start.GetPersona().GetSpec())
	if err != nil {
		return nil, below("start.persona.spec", err)
	}
	plans, err := planner.New(start.GetPersona(), start.GetWorld(), start.GetSettings())
	if err != nil {
		return nil, below("start", err)
	}
	scale := simtime.Scale(start.GetSettings().GetStepSeconds())
	return &session{runID: start.GetRunId(), scale: scale, planner: plans, history: judge.NewHistory(scale)}, nil
}

// below puts a path before the fields of violations.
func below(path string, err error) error {
	var faults errs.Violations
	if !errors.As(err, &faults) {
		return err
	}
	out := make(errs.Violations, len(faults))
	for i, fault := range faults {
		out[i] = errs.Violation{Field: path + "." + fault.Field, Message: fault.Message}
	}
	return out
}

// openSession reads the opening stream into a session.
func openSession(stream grpc.ClientStreamingServer[userv1.OpenSessionRequest, userv1.OpenSessionResponse]) (*session, error) {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil, errs.Invalid("start", "is missing: the stream is empty")
	}
	if err != nil {
		return nil, err
	}
	if first.GetStart() == nil {
		return nil, errs.Invalid("start", "is missing: the first message must be start")
	}
	s, err := newSession(first.GetStart())
	if err != nil {
		return nil, err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		if message.GetStart() != nil {
			return nil, errs.Invalid("start", "comes twice: every message after the first must be history")
		}
		for i, past := range message.GetHistory().GetSteps() {
			if past.GetStep() <= s.history.Last() {
				return nil, errs.Invalid(fmt.Sprintf("history.steps[%d].step", i), "found %d after %d, want ascending steps", past.GetStep(), s.history.Last())
			}
			if err := s.fold(past, fmt.Sprintf("history.steps[%d]", i)); err != nil {
				return nil, err
			}
		}
	}
}

// fold takes in a committed waking step. The caller holds mu, or is alone.
func (s *session) fold(past *simv1.PastStep, field string) error {
	if past.GetAction() == nil {
		return errs.Invalid(field+".action", "is missing: the user is told what it did")
	}
	if past.GetAction().GetAsleep() {
		return errs.Invalid(field+".action.asleep", "found true, want waking steps only")
	}
	s.history.Observe(past.GetStep(), activity.Kind(past.GetAction().GetKind()), past.GetDelivered().GetRecommendation() != nil)
	return nil
}

// expect checks that the caller and the session stand at the same step, and
// that the step asked for comes after it. The caller holds mu.
func (s *session) expect(step, last int32) error {
	if at := s.history.Last(); at != last {
		return fmt.Errorf("run %q: the session has seen step %d, the caller step %d: %w", s.runID, at, last, errs.ErrPrecondition)
	}
	if step <= last {
		return errs.Invalid("step", "found %d, want one after the last committed waking step %d", step, last)
	}
	return nil
}

func (s *session) act(step, last int32) (*simv1.Action, *simv1.Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.expect(step, last); err != nil {
		return nil, nil, err
	}
	action, seen := s.planner.Act(step)
	return action, seen, nil
}

func (s *session) evaluate(req *userv1.EvaluateRequest) (*userv1.EvaluateResponse, error) {
	for i, candidate := range req.GetCandidates() {
		if candidate.GetChoice() == nil {
			return nil, errs.Invalid(fmt.Sprintf("candidates[%d].choice", i), "is missing, want a recommendation or an abstention")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.expect(req.GetStep(), req.GetLastStep()); err != nil {
		return nil, err
	}
	action, _ := s.planner.Act(req.GetStep())
	if action.GetAsleep() {
		return nil, fmt.Errorf("run %q: the user sleeps at step %d and judges nothing: %w", s.runID, req.GetStep(), errs.ErrPrecondition)
	}
	reading := s.history.Read(req.GetStep(), activity.Kind(action.GetKind()))
	out := &userv1.EvaluateResponse{Moment: reading.Moment(), Evaluations: make([]*simv1.Evaluation, len(req.GetCandidates()))}
	for i, candidate := range req.GetCandidates() {
		out.Evaluations[i] = reading.Evaluate(candidate)
	}
	return out, nil
}

func (s *session) observe(past *simv1.PastStep, last int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if past.GetStep() <= s.history.Last() {
		return nil // seen already
	}
	if err := s.expect(past.GetStep(), last); err != nil {
		return err
	}
	return s.fold(past, "past")
}
