package user

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/simtime"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// drivers are the planners and judges of all sessions.
type drivers struct {
	planners driver.Planners
	judges   driver.Judges
}

// session checks what a session starts from: errs.Violations for a backend that
// is not the server's, for a persona without a usable spec, and for an invalid
// world or time scale.
func (d *drivers) session(start *userv1.SessionStart) (*session, error) {
	if err := driver.Verify("start.planner", start.GetPlanner(), d.planners.Backend); err != nil {
		return nil, err
	}
	if err := driver.Verify("start.judge", start.GetJudge(), d.judges.Backend); err != nil {
		return nil, err
	}
	if start.GetPersona().GetSpec() == nil {
		return nil, errs.Invalid("start.persona.spec", "is missing: a session judges by it")
	}
	rules, err := judge.Compile(start.GetPersona().GetSpec())
	if err != nil {
		return nil, below("start.persona.spec", err)
	}
	life := driver.Life{RunID: start.GetRunId(), Persona: start.GetPersona(), World: start.GetWorld(), Settings: start.GetSettings()}
	plans, err := d.planners.New(life)
	if err != nil {
		return nil, below("start", err)
	}
	judges, err := d.judges.New(life)
	if err != nil {
		return nil, below("start", err)
	}
	scale := simtime.Scale(start.GetSettings().GetStepSeconds())
	return &session{
		runID: start.GetRunId(), scale: scale, judge: judges,
		turn: make(chan struct{}, 1), planner: plans, history: rules.NewHistory(scale),
	}, nil
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

// open reads the opening stream into a session.
func (d *drivers) open(stream grpc.ClientStreamingServer[userv1.OpenSessionRequest, userv1.OpenSessionResponse]) (*session, error) {
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
	s, err := d.session(first.GetStart())
	if err != nil {
		return nil, err
	}
	for folded := int32(-1); ; {
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
			field := fmt.Sprintf("history.steps[%d]", i)
			if past.GetStep() <= folded {
				return nil, errs.Invalid(field+".step", "found %d after %d, want ascending steps", past.GetStep(), folded)
			}
			if err := s.fold(past, field); err != nil {
				return nil, err
			}
			folded = past.GetStep()
		}
	}
}
