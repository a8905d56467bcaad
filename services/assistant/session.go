package assistant

import (
	"context"
	"fmt"
	"sync"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
	"github.com/propersim/propersim/services/assistant/memory"
	"github.com/propersim/propersim/services/assistant/moments"
)

// session is a run as its assistant knows it: a fold over the committed steps and
// their notes. Its lock is never held while a policy, a summarizer or the
// retrieval service works: such a call copies what it needs, works, and verifies
// afterwards that the session is still at the same step.
type session struct {
	run        string
	method     *simv1.Method
	draws      seeded.Source // of the run
	summarizer driver.Summarizer
	index      moments.Index

	mu sync.Mutex
	// All of these are guarded by mu. Which of them are nil never changes.
	last     int32            // last committed waking step; -1 before the first
	baseline baseline         // nil where a policy decides
	policy   driver.Policy    // nil where a baseline decides
	memory   *memory.Memory   // nil where a baseline decides
	moments  *moments.Moments // nil for methods that do not search the past
	pending  role.Effects     // of work whose answer may not have arrived
}

// newSession returns the session of a run without steps. It returns the faults of
// the start and the errors of driver.Policy.With.
func (s *Server) newSession(ctx context.Context, start *assistantv1.SessionStart) (*session, error) {
	if err := checkStart(start, &s.cfg); err != nil {
		return nil, err
	}
	scale := simtime.Scale(start.GetSettings().GetStepSeconds())
	opened := &session{
		run: start.GetRunId(), method: start.GetMethod(), last: -1, summarizer: s.cfg.Summarizer,
		draws: seeded.New(start.GetSettings().GetSeed(), "assistant", start.GetMethod().GetName()),
		index: moments.Index{Run: start.GetRunId(), Scale: scale, Client: s.retrieval},
	}
	var err error
	if opened.baseline, err = newBaseline(start, opened.draws); err != nil || opened.baseline != nil {
		return opened, err
	}
	opened.policy = s.cfg.Policy
	opened.memory = memory.New(opened.method.GetMemory(), scale)
	if opened.method.GetMemory() >= simv1.MemoryLevel_MEMORY_LEVEL_AR {
		opened.moments = moments.New(scale)
	}
	if start.GetAdapter() != nil {
		if err := opened.useAdapter(ctx, start.GetAdapter()); err != nil {
			return nil, err
		}
	}
	return opened, opened.checkEmbedder(ctx, start.GetEmbedder())
}

// check refuses a committed waking step with something that this session may not
// see.
func (s *session) check(past *simv1.PastStep) error {
	switch {
	case past == nil:
		return errs.Invalid("past", "is missing")
	case past.GetAction() != nil:
		return errs.Invalid("past.action", "is for the user alone, want an observation")
	case past.GetObservation() == nil:
		return errs.Invalid("past.observation", "is missing")
	case past.GetObservation().GetStartedStep() > past.GetStep():
		return errs.Invalid("past.observation.started_step", "found %d, want at most the step, %d", past.GetObservation().GetStartedStep(), past.GetStep())
	case past.GetDelivered().GetChoice() == nil:
		return errs.Invalid("past.delivered", "is missing, want a recommendation, an abstention or a failure")
	case past.Score != nil && s.method.GetMemory() != simv1.MemoryLevel_MEMORY_LEVEL_ARS:
		return errs.Invalid("past.score", "is for memory level ARS alone, the session has %v", s.method.GetMemory())
	}
	return nil
}

// at verifies that the session is at a step. The caller holds the lock.
func (s *session) at(lastStep int32) error {
	if lastStep != s.last {
		return fmt.Errorf("the session of run %q is at step %d, not %d: %w", s.run, s.last, lastStep, errs.ErrSessionBehind)
	}
	return nil
}

// fold folds in a committed waking step. The caller holds the lock.
func (s *session) fold(past *simv1.PastStep) error {
	if err := s.restore(past.GetNotes()); err != nil {
		return err
	}
	s.last = past.GetStep()
	s.pending = role.Effects{}
	if s.baseline != nil {
		s.baseline.Observe(past)
		return nil
	}
	s.memory.Observe(past)
	if s.moments != nil {
		s.moments.Observe(past)
	}
	return nil
}

// restore stores the summaries of notes again. Notes are about what was known
// before their step, so they come before it. The caller holds the lock.
func (s *session) restore(notes []*simv1.Note) error {
	if s.memory == nil {
		return nil
	}
	for _, note := range notes {
		if err := s.memory.Restore(note); err != nil {
			return err
		}
	}
	return nil
}

// replay folds a stretch of the history into a session that is not open yet, and
// returns the points of the episodes that ended in it. reached is the last step so
// far, sleeping or waking.
func (s *session) replay(steps []*simv1.PastStep, reached *int32) (ended []*retrievalv1.Point, err error) {
	for i, past := range steps {
		if past.GetStep() <= *reached {
			return nil, errs.Invalid(fmt.Sprintf("history.steps[%d].step", i), "found %d after %d, want ascending steps", past.GetStep(), *reached)
		}
		*reached = past.GetStep()
		point, err := s.replayStep(past)
		if err != nil {
			return nil, fmt.Errorf("history.steps[%d] (step %d): %w", i, past.GetStep(), err)
		}
		if point != nil {
			ended = append(ended, point)
		}
	}
	return ended, nil
}

func (s *session) replayStep(past *simv1.PastStep) (ended *retrievalv1.Point, err error) {
	if past.GetObservation() == nil && past.GetDelivered() == nil && past.GetAction() == nil && len(past.GetNotes()) > 0 {
		return nil, s.restore(past.GetNotes()) // the user sleeps
	}
	if err := s.check(past); err != nil {
		return nil, err
	}
	if s.moments != nil {
		if ended, err = s.moments.Ending(past.GetObservation()); err != nil {
			return nil, err
		}
	}
	return ended, s.fold(past)
}

// observe folds in one committed step, after the index has the episode that it
// ends. A step already observed is a no-op.
func (s *session) observe(ctx context.Context, lastStep int32, past *simv1.PastStep) (role.Effects, error) {
	ended, err := s.prepareObserve(lastStep, past)
	if err != nil {
		return role.Effects{}, err
	}
	var effects role.Effects
	if ended != nil {
		if effects, err = s.index.Store(ctx, ended); err != nil {
			return role.Effects{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if past.GetStep() <= s.last { // observed before, or by a concurrent call
		return effects, nil
	}
	if err := s.at(lastStep); err != nil {
		return role.Effects{}, err
	}
	return effects, s.fold(past)
}

// prepareObserve checks a step and returns the point of the episode that it ends;
// nil where it ends none.
func (s *session) prepareObserve(lastStep int32, past *simv1.PastStep) (*retrievalv1.Point, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(past); err != nil {
		return nil, err
	}
	if past.GetStep() <= s.last {
		return nil, nil
	}
	if err := s.at(lastStep); err != nil || s.moments == nil {
		return nil, err
	}
	return s.moments.Ending(past.GetObservation())
}

// useAdapter puts an adapter in force.
func (s *session) useAdapter(ctx context.Context, adapter *assistantv1.Adapter) error {
	if adapter.GetId() == "" {
		return errs.Invalid("adapter.id", "is empty")
	}
	s.mu.Lock()
	now := s.policy
	s.mu.Unlock()
	if now == nil {
		return errs.Invalid("adapter", "the method %q has no policy that an adapter could change", s.method.GetName())
	}
	if now.Adapter() == adapter.GetId() {
		return nil
	}
	next, err := now.With(ctx, adapter)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = next
	return nil
}
