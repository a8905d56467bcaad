package config

import (
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Trainer has the hyperparameters of a night.
type Trainer struct {
	Beta         float64
	Epochs       int
	LearningRate float64
	WeightDecay  float64
	BatchSize    int
	Pairs        int
	Reference    string
	Objective    string
	Draw         string
	// HalfLife of a recency draw, days.
	HalfLife float64
	// Keep is how many adapters of a run stay in the store; 0 keeps all.
	Keep int
	// Lora is used where a worker trains the model that is the assistant.
	Lora Lora
	// Plus are the nights of proper-plus where the embedded policy is trained.
	Plus Plus
}

// Plus has the hyperparameters of a night of proper-plus.
type Plus struct {
	Beta           float64
	Epochs         int
	AveragedEpochs int
	LearningRate   float64
	WeightDecay    float64
	BatchSize      int
	Pairs          int
	Objective      string
	Draw           string
	// HalfLife of a recency draw, days.
	HalfLife float64
	Factored bool
}

// Lora has the settings of an adapter of a language model.
type Lora struct {
	Rank                       int
	Alpha, Dropout             float64
	Modules                    []string
	Quantization               string
	MaxPromptTokens, MaxTokens int
	GradientCheckpointing      bool
	// HeldOut is the share of the pairs that is tested on, not trained on.
	HeldOut float64
}

func defaultTrainer() Trainer {
	return Trainer{
		Beta: 0.1, Epochs: 2, LearningRate: 0.1, WeightDecay: 0.08, BatchSize: 4, Pairs: 200, Reference: "base",
		Objective: "dpo", Draw: "uniform", HalfLife: 3,
		Plus: Plus{
			Beta: 0.1, Epochs: 2, LearningRate: 0.1, WeightDecay: 0.003, BatchSize: 8, Pairs: 1000,
			Objective: "dpo", Draw: "uniform", HalfLife: 3, Factored: true,
		},
		Lora: Lora{
			Rank: 16, Alpha: 32, Dropout: 0.05, Quantization: "nf4", MaxPromptTokens: 2048, MaxTokens: 2304, HeldOut: 0.1,
			Modules: []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
		},
	}
}

func (t *Trainer) fields() []Field {
	l, p := &t.Lora, &t.Plus
	return []Field{
		number("trainer.beta", &t.Beta, 10, "inverse temperature of the implicit reward"),
		integer("trainer.epochs", &t.Epochs, 1, 100, "passes over the drawn pairs"),
		number("trainer.learning_rate", &t.LearningRate, 10, "step size of the optimizer (a language model: 5e-5 in the paper's code)"),
		share("trainer.weight_decay", &t.WeightDecay, "pull towards the untrained policy, as a share of the step size"),
		integer("trainer.batch_size", &t.BatchSize, 1, 1024, "pairs per update"),
		integer("trainer.pairs", &t.Pairs, 1, 2000, "pairs drawn each night (paper: 200)"),
		choice("trainer.reference", &t.Reference, "policy that training stays close to: the untrained one, or that of the night before", "base", "previous"),
		choice("trainer.objective", &t.Objective, "what a night minimizes", "dpo", "kto", "sft"),
		choice("trainer.draw", &t.Draw, "how a night's pairs are drawn: uniformly (paper), preferring late days, or as many from each day", "uniform", "recency", "stratified"),
		number("trainer.half_life", &t.HalfLife, 3650, "days after which a pair's weight halves in a recency draw"),
		integer("adapters.keep", &t.Keep, 0, 100000, "newest adapters of each run that the trainer keeps, at least 2; 0 keeps all (a run cannot be forked at a day whose adapter is gone)"),
		number("trainer.plus.beta", &p.Beta, 10, "nights of proper-plus where the embedded policy is trained: inverse temperature of the implicit reward"),
		integer("trainer.plus.epochs", &p.Epochs, 1, 100, "passes over the drawn pairs"),
		integer("trainer.plus.averaged_epochs", &p.AveragedEpochs, 0, 100, "last epochs whose weights are averaged; 0 and 1 take the last weights alone"),
		number("trainer.plus.learning_rate", &p.LearningRate, 10, "step size of the optimizer"),
		share("trainer.plus.weight_decay", &p.WeightDecay, "pull towards the untrained policy, as a share of the step size"),
		integer("trainer.plus.batch_size", &p.BatchSize, 1, 1024, "pairs per update"),
		integer("trainer.plus.pairs", &p.Pairs, 1, 2000, "pairs drawn each night"),
		choice("trainer.plus.objective", &p.Objective, "what a night minimizes", "dpo", "kto", "sft"),
		choice("trainer.plus.draw", &p.Draw, "how a night's pairs are drawn", "uniform", "recency", "stratified"),
		number("trainer.plus.half_life", &p.HalfLife, 3650, "days after which a pair's weight halves in a recency draw"),
		flag("trainer.plus.factored", &p.Factored, "whether a silence against a recommendation teaches only when to speak, and two recommendations only what to say"),
		integer("trainer.lora.rank", &l.Rank, 1, 512, "rank of the adapter that a worker trains"),
		number("trainer.lora.alpha", &l.Alpha, 4096, "its scale, which enters as alpha / rank"),
		share("trainer.lora.dropout", &l.Dropout, "share of its inputs that is dropped in training"),
		list("trainer.lora.modules", &l.Modules, "names of the adapted modules"),
		choice("trainer.lora.quantization", &l.Quantization, "quantization of the base model in training", "nf4", "none"),
		integer("trainer.lora.max_prompt_tokens", &l.MaxPromptTokens, 1, 131072, "longest prompt in training; a longer one loses its oldest memories"),
		integer("trainer.lora.max_tokens", &l.MaxTokens, 1, 131072, "longest prompt with its answer in training"),
		share("trainer.lora.held_out", &l.HeldOut, "share of the pairs that a new adapter is compared on with its parent, and that no night trains on (at most 0.5)"),
		flag("trainer.lora.gradient_checkpointing", &l.GradientCheckpointing, "whether to compute activations again instead of keeping them: less memory, more time"),
	}
}

// checkTrainer checks the settings of a night against each other.
func (l *Loaded) checkTrainer(faults *errs.Violations) {
	if l.Trainer.Lora.MaxTokens <= l.Trainer.Lora.MaxPromptTokens {
		faults.Add("trainer.lora.max_tokens", "found %d, want more than trainer.lora.max_prompt_tokens, which is %d", l.Trainer.Lora.MaxTokens, l.Trainer.Lora.MaxPromptTokens)
	}
	if l.Trainer.Lora.HeldOut > 0.5 {
		faults.Add("trainer.lora.held_out", "found %v, want at most 0.5", l.Trainer.Lora.HeldOut)
	}
	if l.trainsModel() && len(l.Trainer.Lora.Modules) == 0 {
		faults.Add("trainer.lora.modules", "is empty, want the names of modules to adapt")
	}
}

// trainsModel reports whether a worker trains the language model that is the
// assistant.
func (c *Config) trainsModel() bool {
	return c.Backends.Trainer == "worker" && c.Backends.Assistant == "model"
}

// hyperparameters returns the message that a run's identity records. The defaults
// of objective and draw are left out of it. plus is for proper-plus, which has
// nights of its own where the embedded policy is trained.
func (c *Config) hyperparameters(plus bool) *trainerv1.Hyperparameters {
	t := c.Trainer
	trainsModel := c.trainsModel()
	plus = plus && !trainsModel
	if plus {
		p := &t.Plus
		t.Beta, t.Epochs, t.LearningRate, t.WeightDecay, t.BatchSize, t.Pairs = p.Beta, p.Epochs, p.LearningRate, p.WeightDecay, p.BatchSize, p.Pairs
		t.Objective, t.Draw, t.HalfLife = p.Objective, p.Draw, p.HalfLife
	}
	out := &trainerv1.Hyperparameters{
		Beta: t.Beta, Epochs: int32(t.Epochs), LearningRate: t.LearningRate, WeightDecay: t.WeightDecay, BatchSize: int32(t.BatchSize),
		Pairs: int32(t.Pairs), Reference: trainerv1.Reference_REFERENCE_BASE,
	}
	if plus {
		out.Factored, out.AveragedEpochs = t.Plus.Factored, int32(t.Plus.AveragedEpochs)
	}
	if t.Reference == "previous" {
		out.Reference = trainerv1.Reference_REFERENCE_PREVIOUS
	}
	switch t.Objective {
	case "kto":
		out.Objective = trainerv1.Objective_OBJECTIVE_KTO
	case "sft":
		out.Objective = trainerv1.Objective_OBJECTIVE_SFT
	}
	switch t.Draw {
	case "recency":
		out.Draw, out.HalfLifeDays = bufferv1.Draw_DRAW_RECENCY, t.HalfLife
	case "stratified":
		out.Draw = bufferv1.Draw_DRAW_STRATIFIED
	}
	if trainsModel {
		l := &t.Lora
		out.Lora = &trainerv1.Lora{
			Model: c.Models.Roles[model.Assistant].Model, Rank: int32(l.Rank), Alpha: l.Alpha, Dropout: &c.Trainer.Lora.Dropout, TargetModules: l.Modules,
			Quantization: l.Quantization, MaxPromptTokens: int32(l.MaxPromptTokens), MaxTokens: int32(l.MaxTokens), GradientCheckpointing: l.GradientCheckpointing, HeldOut: &c.Trainer.Lora.HeldOut,
		}
	}
	return out
}
