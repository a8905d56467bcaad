package trainer

import (
	"fmt"
	"slices"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// LoraPolicy is the kind and version of an adapter of a language model.
const LoraPolicy = artifact.LoraPolicy

// policyOf is the kind of policy that a job trains.
func policyOf(job *trainerv1.Job) string {
	if job.GetHyperparameters().GetLora() != nil {
		return LoraPolicy
	}
	return policy.Name
}

// loraModules are the adapted modules where a job names none: those of the
// research code.
var loraModules = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// setLoraDefaults fills what a request leaves to the defaults, so that a worker
// and a manifest have every value.
func setLoraDefaults(l *trainerv1.Lora) {
	setDefault(&l.Rank, 16)
	setDefault(&l.Alpha, 32)
	setDefault(&l.Quantization, "nf4")
	setDefault(&l.MaxPromptTokens, 2048)
	setDefault(&l.MaxTokens, 2304)
	if l.Dropout == nil {
		l.Dropout = new(0.05)
	}
	if l.HeldOut == nil {
		l.HeldOut = new(0.1)
	}
	if len(l.TargetModules) == 0 {
		l.TargetModules = slices.Clone(loraModules)
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// checkRequest returns Violations for settings that do not go together. Ranges of
// single fields are checked by the contract.
func checkRequest(req *trainerv1.SubmitJobRequest) error {
	var faults errs.Violations
	hp := req.GetHyperparameters()
	if hp.GetLora() != nil && req.GetExecutor() == trainerv1.Executor_EXECUTOR_EMBEDDED {
		faults.Add("hyperparameters.lora", "is present, want none for the embedded executor, which trains the policy %s", policy.Name)
	}
	if hp.GetHalfLifeDays() != 0 && hp.GetDraw() != bufferv1.Draw_DRAW_RECENCY {
		faults.Add("hyperparameters.half_life_days", "found %v, want 0 for a draw other than RECENCY", hp.GetHalfLifeDays())
	}
	if l := hp.GetLora(); l != nil && l.GetMaxTokens() <= l.GetMaxPromptTokens() {
		faults.Add("hyperparameters.lora.max_tokens", "found %d, want more than max_prompt_tokens, which is %d", l.GetMaxTokens(), l.GetMaxPromptTokens())
	}
	return faults.OrNil()
}

// describe says in words what a worker for a job must be able to train.
func describe(job *trainerv1.Job) string {
	l := job.GetHyperparameters().GetLora()
	if l == nil {
		return policyOf(job)
	}
	return fmt.Sprintf("%s of rank %d on model %q in %s", policyOf(job), l.GetRank(), l.GetModel(), l.GetQuantization())
}

// trains reports whether a worker of a base model may train a job.
func trains(job *trainerv1.Job, model string) bool {
	l := job.GetHyperparameters().GetLora()
	return l != nil && (l.GetModel() == "" || l.GetModel() == model)
}

// canTrain reports whether a worker with these capabilities can train a job.
func canTrain(c *trainerv1.WorkerCapabilities, job *trainerv1.Job) bool {
	if !slices.Contains(c.GetPolicies(), policyOf(job)) {
		return false
	}
	l := job.GetHyperparameters().GetLora()
	if l == nil {
		return true
	}
	return (l.GetModel() == "" || l.GetModel() == c.GetModel()) && l.GetQuantization() == c.GetQuantization() && l.GetRank() <= c.GetMaxRank()
}
