package journal

import (
	"encoding/hex"

	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// State is a fold over the entries of a run.
type State struct {
	// Progress counts what is committed; its hash is filled by Snapshot.
	Progress *environmentv1.Progress
	// LastWaking is the last waking step, -1 where there is none.
	LastWaking int32
	// LastNight is the last day whose turn is committed, 0 where there is none.
	LastNight int32
	// Adapter is in force for the next step; empty for the base policy.
	Adapter string

	scale simtime.Scale
	hash  Hash
}

// NewState returns the state of a run without entries.
func NewState(config *environmentv1.RunConfig) *State {
	scale := simtime.Scale(config.GetStepSeconds())
	return &State{
		Progress:   &environmentv1.Progress{StepsTotal: config.GetDays() * scale.StepsPerDay(), Day: 1},
		LastWaking: -1,
		scale:      scale,
	}
}

// Apply adds the next entry.
func (s *State) Apply(body *environmentv1.EntryBody) {
	s.Progress.Sequence++
	if night := body.GetNight(); night != nil {
		s.LastNight = night.GetDay()
		s.Adapter = night.GetAdapter()
		if night.GetFailure() != "" {
			s.Progress.FailedNights++
		}
		return
	}
	s.applyStep(body.GetStep())
}

func (s *State) applyStep(step *environmentv1.Step) {
	p := s.Progress
	p.Steps++
	p.Day = min(s.scale.Day(p.Steps), s.scale.Day(p.StepsTotal-1))
	p.SecondOfDay = s.scale.SecondOfDay(p.Steps)
	for _, call := range step.GetCalls() {
		p.Calls++
		p.PromptTokens += int64(call.GetPromptTokens())
		p.CompletionTokens += int64(call.GetCompletionTokens())
	}
	if step.GetAction().GetAsleep() {
		return
	}
	s.LastWaking = step.GetStep()
	p.WakingSteps++
	for _, candidate := range step.GetCandidates() {
		if candidate.GetFailure() != nil {
			p.Failures++
		}
	}
	if delivered(step).GetRecommendation() != nil {
		p.Recommendations++
	}
	if Judged(step) {
		p.JudgedSteps++
		p.ScoreSum += int64(step.GetEvaluations()[0].GetTotal())
	} else {
		p.UnjudgedSteps++
	}
	if step.GetPair() != nil {
		p.Pairs += int32(1 + len(step.GetFurtherPairs()))
	}
}

// delivered returns the candidate that the user experienced; nil for none.
func delivered(step *environmentv1.Step) *simv1.Candidate {
	if candidates := step.GetCandidates(); len(candidates) > 0 {
		return candidates[0]
	}
	return nil
}

// Judged reports whether the delivered candidate of a waking step has a score. A
// failure of the assistant has none.
func Judged(step *environmentv1.Step) bool {
	evaluations := step.GetEvaluations()
	return len(evaluations) > 0 && evaluations[0].Total != nil && delivered(step).GetFailure() == nil
}

// Snapshot returns a copy of the progress with the hash of the last entry.
func (s *State) Snapshot() *environmentv1.Progress {
	p := s.Progress
	return &environmentv1.Progress{
		Sequence: p.Sequence, Steps: p.Steps, StepsTotal: p.StepsTotal, Day: p.Day, SecondOfDay: p.SecondOfDay,
		WakingSteps: p.WakingSteps, Recommendations: p.Recommendations, ScoreSum: p.ScoreSum,
		JudgedSteps: p.JudgedSteps, UnjudgedSteps: p.UnjudgedSteps, Pairs: p.Pairs,
		Hash: hex.EncodeToString(s.hash[:]), FailedNights: p.FailedNights,
		Failures: p.Failures, Calls: p.Calls, PromptTokens: p.PromptTokens, CompletionTokens: p.CompletionTokens,
	}
}
