package environment

import (
	"iter"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// CheckForkPairs refuses a fork that is trained on pairs which nothing can be
// trained on: those of shared steps in which an assistant without a policy, such as
// constant, gave no prompt. config is that of the fork, entries are those of the
// run from which it is forked. Errors: errs.Violations under the field names of
// ForkRunRequest, and those of reading the entries.
func CheckForkPairs(config *environmentv1.RunConfig, from *environmentv1.Run, atStep int32, entries iter.Seq2[*environmentv1.Entry, error]) error {
	if !config.GetMethod().GetTrains() {
		return nil
	}
	for e, err := range entries {
		if err != nil {
			return err
		}
		step := e.GetBody().GetStep()
		if step == nil {
			continue
		}
		if step.GetStep() > atStep {
			return nil
		}
		if pair := step.GetPair(); pair == nil || trainable(pair, config.GetExecutor()) {
			continue
		}
		return errs.Invalid("config.method", "found %q, which is trained on the pairs of all steps: the pair of step %d of run %s has no prompt, because no policy answered; "+
			"fork a run in which a policy answered (none, ar, ars, proper, ...) or nobody spoke, or choose a method that is not trained",
			config.GetMethod().GetName(), step.GetStep(), from.GetId())
	}
	return nil
}

// trainable reports whether an executor can train on a pair: the embedded one reads
// the features of its prompt, a worker its messages.
func trainable(pair *environmentv1.Pair, executor trainerv1.Executor) bool {
	if executor == trainerv1.Executor_EXECUTOR_WORKER {
		return len(pair.GetPrompt().GetMessages()) > 0
	}
	return pair.GetPrompt().GetFeatures() != nil
}
