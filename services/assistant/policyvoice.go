package assistant

import (
	"fmt"

	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// policyVoice speaks by the log-linear policy over a memory: the methods none,
// ar, ars, proper and proper-contrast.
type policyVoice struct {
	memory    *memory
	source    seeded.Source
	policy    *policy.Policy
	adapterID string

	// Of the step attended to.
	here         seeded.Source
	distribution policy.Distribution
	features     *simv1.Features
	shown        []byte // the user message; reused
}

func newPolicyVoice(start *assistantv1.SessionStart) *policyVoice {
	return &policyVoice{
		memory: newMemory(start.GetMemory(), simtime.Scale(start.GetSettings().GetStepSeconds())),
		source: source(start), policy: policy.Base(),
	}
}

func (v *policyVoice) observe(past *simv1.PastStep) { v.memory.observe(past) }

func (v *policyVoice) attend(step int32, seen *simv1.Observation, like *likeness) {
	moment := v.memory.moment(step, seen, like)
	v.here = v.source.At(int(step))
	v.features = policy.Extract(&moment)
	v.policy.Read(v.features, &v.distribution)
	v.shown = v.memory.render(v.shown[:0], step, seen, like)
}

func (v *policyVoice) sample(n int) answer {
	at := v.here.At(n)
	return realise(v.distribution.Sample(drawsOf(at)), at)
}

func (v *policyVoice) recommend(n int) answer {
	at := v.here.At(n)
	return realise(v.distribution.Recommend(drawsOf(at)), at)
}

func (v *policyVoice) prompt() *simv1.Prompt {
	return newPrompt(systemMessage[v.memory.level], string(v.shown), v.features)
}

func (v *policyVoice) adapter() string { return v.adapterID }

func (v *policyVoice) use(adapter *assistantv1.Adapter) error {
	trained, err := policy.Load(adapter.GetWeights())
	if err != nil {
		return fmt.Errorf("adapter %q: %w", adapter.GetId(), err)
	}
	v.policy, v.adapterID = trained, adapter.GetId()
	return nil
}
