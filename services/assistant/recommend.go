package assistant

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	"github.com/propersim/propersim/services/assistant/answer"
	"github.com/propersim/propersim/services/assistant/driver"
	"github.com/propersim/propersim/services/assistant/memory"
	"github.com/propersim/propersim/services/assistant/moments"
)

// recommend answers a step: it finds out what must be looked up, looks it up,
// shows the memory to the policy, and returns the policy's answer with all that
// was done for it. The lock is held in prepare, show and finish alone.
func (s *session) recommend(ctx context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	if s.baseline != nil {
		return s.recommendBaseline(req)
	}
	work, err := s.prepare(req)
	if err != nil {
		return nil, err
	}
	failed := s.lookUp(ctx, work)
	moment, policy, err := s.show(req, work)
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	candidates, prompt, effects, err := policy.Answer(ctx, moment, int(req.GetCandidates()), s.method.GetScheme())
	if err != nil {
		return nil, err
	}
	return s.finish(req, &assistantv1.RecommendResponse{Candidates: candidates, Prompt: prompt, Adapter: policy.Adapter()}, effects)
}

// recommendBaseline answers under the lock: a baseline needs some microseconds.
func (s *session) recommendBaseline(req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkRequest(req); err != nil {
		return nil, err
	}
	s.baseline.Attend(req.GetStep(), req.GetObservation(), s.draws.At(int(req.GetStep())))
	return &assistantv1.RecommendResponse{Candidates: answer.Candidates(s.baseline, s.method.GetScheme(), int(req.GetCandidates()))}, nil
}

// checkRequest refuses a request that does not fit the session. The caller holds
// the lock.
func (s *session) checkRequest(req *assistantv1.RecommendRequest) error {
	if err := s.at(req.GetLastStep()); err != nil {
		return err
	}
	seen := req.GetObservation()
	switch {
	case req.GetStep() <= s.last:
		return errs.Invalid("step", "found %d, want one after the last committed step, %d", req.GetStep(), s.last)
	case seen == nil:
		return errs.Invalid("observation", "is missing")
	case seen.GetStartedStep() > req.GetStep():
		return errs.Invalid("observation.started_step", "found %d, want at most the step, %d", seen.GetStartedStep(), req.GetStep())
	case req.GetCandidates() < 1:
		return errs.Invalid("candidates", "found %d, want at least 1", req.GetCandidates())
	}
	return nil
}

// work is what must be looked up for one step, and what was found.
type work struct {
	query   *moments.Query // nil where nothing must be searched
	similar *memory.Similar
	blocks  []block
	effects role.Effects // of the query
}

// block is a part of today that needs a summary.
type block struct {
	*driver.Block
	text    string
	done    bool
	effects role.Effects
}

// prepare checks a request and returns what must be looked up.
func (s *session) prepare(req *assistantv1.RecommendRequest) (*work, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkRequest(req); err != nil {
		return nil, err
	}
	w := &work{}
	if s.moments != nil {
		w.similar, w.query = s.moments.Similar(req.GetObservation())
	}
	for _, b := range s.memory.Missing(req.GetStep()) {
		b.Run, b.AskedAt = s.run, req.GetStep()
		w.blocks = append(w.blocks, block{Block: b})
	}
	return w, nil
}

// lookUp searches and summarizes, all at the same time. What succeeded is kept in
// w even where something else failed.
func (s *session) lookUp(ctx context.Context, w *work) error {
	if w.query == nil && len(w.blocks) == 0 {
		return nil
	}
	var group errgroup.Group // without a common context: a failure must not discard what others have paid for
	if w.query != nil {
		group.Go(func() (err error) {
			w.similar, w.effects, err = s.index.Find(ctx, w.query)
			return err
		})
	}
	for i := range w.blocks {
		b := &w.blocks[i]
		group.Go(func() (err error) {
			b.text, b.effects, err = s.summarizer.Summarize(ctx, b.Block)
			b.done = err == nil
			return err
		})
	}
	return group.Wait()
}

// show keeps what was found, and returns the moment as the policy may see it.
func (s *session) show(req *assistantv1.RecommendRequest, w *work) (*driver.Moment, driver.Policy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.at(req.GetLastStep()); err != nil {
		return nil, nil, err
	}
	if err := s.keep(w, req.GetStep()); err != nil {
		return nil, nil, err
	}
	step := req.GetStep()
	text, features := s.memory.View(step, req.GetObservation(), w.similar)
	return &driver.Moment{
		Run: s.run, Step: step, At: int64(step) * int64(s.index.Scale), Seen: req.GetObservation(), Memory: s.method.GetMemory(), Text: text, Features: features, Draws: s.draws.At(int(step)),
	}, s.policy, nil
}

// keep stores what was found. Its effects wait in pending until a step is
// committed: whoever asks again, because this answer failed or was lost, must get
// them too. The caller holds the lock.
func (s *session) keep(w *work, step int32) error {
	if w.query != nil && w.similar != nil {
		s.moments.Keep(w.query, w.similar)
		s.pending.Add(w.effects)
	}
	if len(w.blocks) == 0 {
		return nil
	}
	missing := map[string]bool{}
	for _, b := range s.memory.Missing(step) {
		missing[b.Name] = true
	}
	for i := range w.blocks {
		b := &w.blocks[i]
		if !b.done || !missing[b.Name] { // a concurrent call was faster: its text counts
			continue
		}
		s.memory.Summarize(b.Block, b.text)
		if !s.summarizer.Repeatable() {
			note, err := memory.Note(b.Block, b.text)
			if err != nil {
				return err
			}
			b.effects.Notes = append(b.effects.Notes, note)
		}
		s.pending.Add(b.effects)
	}
	return nil
}

// finish adds the effects to an answer, if the session is still at the same step.
func (s *session) finish(req *assistantv1.RecommendRequest, out *assistantv1.RecommendResponse, effects role.Effects) (*assistantv1.RecommendResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.at(req.GetLastStep()); err != nil {
		return nil, err
	}
	var all role.Effects
	all.Add(s.pending)
	all.Add(effects)
	out.Calls, out.Timings, out.Notes = all.Calls, all.Timings, all.Notes
	return out, nil
}
