package assistant

import (
	"context"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// checkStart returns every fault of a session's start. The backends of the roles
// are compared with those of the configuration.
func checkStart(start *assistantv1.SessionStart, cfg *Config) error {
	var faults errs.Violations
	if start.GetRunId() == "" {
		faults.Add("start.run_id", "is empty")
	}
	if err := simtime.Scale(start.GetSettings().GetStepSeconds()).Validate(); err != nil {
		faults.Add("start.settings.step_seconds", "%s", strings.TrimPrefix(err.Error(), "step_seconds: "))
	}
	checkMethod(&faults, start.GetMethod())
	checkTold(&faults, start)
	role.CheckBackend(&faults, "start.policy", start.GetPolicy(), cfg.Policy.Backend())
	role.CheckBackend(&faults, "start.summarizer", start.GetSummarizer(), cfg.Summarizer.Backend())
	return faults.OrNil()
}

// told is what each decider must be told about the user.
var told = map[simv1.Decider]simv1.Told{
	simv1.Decider_DECIDER_POLICY:   simv1.Told_TOLD_NOTHING,
	simv1.Decider_DECIDER_SILENCE:  simv1.Told_TOLD_NOTHING,
	simv1.Decider_DECIDER_RATE:     simv1.Told_TOLD_RATE,
	simv1.Decider_DECIDER_SPEC:     simv1.Told_TOLD_SPEC,
	simv1.Decider_DECIDER_SCHEDULE: simv1.Told_TOLD_NOTHING,
	simv1.Decider_DECIDER_BANDIT:   simv1.Told_TOLD_NOTHING,
}

func checkMethod(faults *errs.Violations, m *simv1.Method) {
	if m.GetName() == "" {
		faults.Add("start.method.name", "is empty")
	}
	if l := m.GetMemory(); l < simv1.MemoryLevel_MEMORY_LEVEL_NONE || l > simv1.MemoryLevel_MEMORY_LEVEL_ARS {
		faults.Add("start.method.memory", "found %v, want NONE, A, AR or ARS", l)
	}
	switch s := m.GetScheme(); {
	case s < simv1.Scheme_SCHEME_SAMPLES || s > simv1.Scheme_SCHEME_COMPLETE:
		faults.Add("start.method.scheme", "found %v, want SAMPLES, CONTRAST or COMPLETE", s)
	case s == simv1.Scheme_SCHEME_COMPLETE && m.GetDecider() != simv1.Decider_DECIDER_POLICY:
		faults.Add("start.method.scheme", "found %v with %v, want SAMPLES or CONTRAST: only a policy explores", s, m.GetDecider())
	}
	want, known := told[m.GetDecider()]
	if !known {
		faults.Add("start.method.decider", "found %v, want POLICY, SILENCE, RATE, SPEC, SCHEDULE or BANDIT: this assistant has no other rules", m.GetDecider())
		return
	}
	if m.GetTold() != want {
		faults.Add("start.method.told", "found %v, want %v with %v", m.GetTold(), want, m.GetDecider())
	}
	if m.GetDecider() == simv1.Decider_DECIDER_BANDIT && m.GetMemory() != simv1.MemoryLevel_MEMORY_LEVEL_ARS {
		faults.Add("start.method.memory", "found %v, want ARS with %v, which learns from scores", m.GetMemory(), m.GetDecider())
	}
	if m.GetTrains() && m.GetDecider() != simv1.Decider_DECIDER_POLICY {
		faults.Add("start.method.trains", "is set, but %v has no policy to train", m.GetDecider())
	}
}

// checkTold refuses whatever the method may not be told, and asks for what it
// must be told.
func checkTold(faults *errs.Violations, start *assistantv1.SessionStart) {
	m := start.GetMethod()
	if (m.GetTold() == simv1.Told_TOLD_SPEC) != (start.GetToldSpec() != nil) {
		faults.Add("start.told_spec", "must be set with TOLD_SPEC and only then; the method is told %v", m.GetTold())
	}
	if rate := start.GetToldRate(); (m.GetTold() == simv1.Told_TOLD_RATE) != (rate > 0) {
		faults.Add("start.told_rate", "found %v, want a positive rate with TOLD_RATE and 0 otherwise; the method is told %v", rate, m.GetTold())
	}
	if start.GetAdapter() != nil && m.GetDecider() != simv1.Decider_DECIDER_POLICY {
		faults.Add("start.adapter", "is set, but %v has no policy that an adapter could change", m.GetDecider())
	}
}

// checkEmbedder compares the embedder of the retrieval service with the one that
// the session asks for.
func (s *session) checkEmbedder(ctx context.Context, want *simv1.Backend) error {
	if want == nil || s.moments == nil {
		return nil
	}
	have, err := s.index.Embedder(ctx)
	if err != nil {
		return err
	}
	var faults errs.Violations
	role.CheckBackend(&faults, "start.embedder", want, have)
	return faults.OrNil()
}
