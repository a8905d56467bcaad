package assistant

import (
	"context"
	"fmt"
	"sync"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// session is a run as its assistant knows it: a fold over the committed waking
// steps.
type session struct {
	run    string
	memory assistantv1.MemoryLevel
	scheme assistantv1.Scheme

	mu    sync.Mutex
	last  int32    // last committed waking step; -1 before the first; guarded by mu
	voice voice    // guarded by mu
	past  *moments // similar past moments; nil for methods that have none; guarded by mu
}

func newSession(start *assistantv1.SessionStart, retrieval retrievalv1.RetrievalServiceClient) (*session, error) {
	if err := checkStart(start); err != nil {
		return nil, err
	}
	speaks, err := newVoice(start)
	if err != nil {
		return nil, err
	}
	s := &session{run: start.GetRunId(), memory: start.GetMemory(), scheme: start.GetScheme(), last: -1, voice: speaks}
	if _, ok := speaks.(*policyVoice); ok && holdsGiven(s.memory) {
		s.past = newMoments(s.run, simtime.Scale(start.GetSettings().GetStepSeconds()), retrieval)
	}
	if start.GetAdapter() != nil {
		if err := s.useAdapter(start.GetAdapter()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// check refuses a past step that is out of order or holds what this session may
// not see.
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
		return errs.Invalid("past.delivered", "is missing, want a recommendation or an abstention")
	case past.Score != nil && s.memory != assistantv1.MemoryLevel_MEMORY_LEVEL_ARS:
		return errs.Invalid("past.score", "is known to memory level ARS alone, the session has %v", s.memory)
	}
	return nil
}

// replay folds in a stretch of history of a session that is not open yet. Its
// moments are brought to the index by ready.
func (s *session) replay(steps []*simv1.PastStep) error {
	for i, past := range steps {
		if err := s.check(past); err != nil {
			return fmt.Errorf("history.steps[%d] (step %d): %w", i, past.GetStep(), err)
		}
		if past.GetStep() <= s.last {
			return errs.Invalid(fmt.Sprintf("history.steps[%d].step", i), "found %d after %d, want ascending steps", past.GetStep(), s.last)
		}
		if s.past != nil {
			if err := s.past.remember(past); err != nil {
				return err
			}
		}
		s.fold(past)
	}
	return nil
}

// ready makes the index agree with the replayed history.
func (s *session) ready(ctx context.Context) error {
	if s.past == nil {
		return nil
	}
	return s.past.rebuild(ctx)
}

func (s *session) fold(past *simv1.PastStep) {
	s.voice.observe(past)
	s.last = past.GetStep()
}

// observe folds in one committed step, once the index has taken the moment that
// it ends.
func (s *session) observe(ctx context.Context, lastStep int32, past *simv1.PastStep) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(past); err != nil {
		return err
	}
	if past.GetStep() <= s.last {
		return nil
	}
	if err := s.standsAt(lastStep); err != nil {
		return err
	}
	if s.past != nil {
		if err := s.past.store(ctx, past); err != nil {
			return err
		}
	}
	s.fold(past)
	return nil
}

func (s *session) standsAt(lastStep int32) error {
	if lastStep != s.last {
		return fmt.Errorf("session of run %q stands at step %d, not %d: %w", s.run, s.last, lastStep, errs.ErrPrecondition)
	}
	return nil
}

func (s *session) recommend(ctx context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.standsAt(req.GetLastStep()); err != nil {
		return nil, err
	}
	seen := req.GetObservation()
	switch {
	case req.GetStep() <= s.last:
		return nil, errs.Invalid("step", "found %d, want one after the last committed step, %d", req.GetStep(), s.last)
	case seen == nil:
		return nil, errs.Invalid("observation", "is missing")
	case seen.GetStartedStep() > req.GetStep():
		return nil, errs.Invalid("observation.started_step", "found %d, want at most the step, %d", seen.GetStartedStep(), req.GetStep())
	case req.GetCandidates() < 1:
		return nil, errs.Invalid("candidates", "found %d, want at least 1", req.GetCandidates())
	}
	var like *likeness
	if s.past != nil {
		found, err := s.past.like(ctx, seen)
		if err != nil {
			return nil, err
		}
		like = found
	}
	s.voice.attend(req.GetStep(), seen, like)
	return &assistantv1.RecommendResponse{
		Candidates: candidates(s.voice, s.scheme, int(req.GetCandidates())),
		Prompt:     s.voice.prompt(),
		Adapter:    s.voice.adapter(),
	}, nil
}

func (s *session) useAdapter(adapter *assistantv1.Adapter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case adapter.GetId() == "":
		return errs.Invalid("adapter.id", "is empty")
	case adapter.GetId() == s.voice.adapter():
		return nil
	case adapter.GetModel() != "":
		return errs.Invalid("adapter.model", "found %q, want weights: the policy is embedded", adapter.GetModel())
	}
	return s.voice.use(adapter)
}
