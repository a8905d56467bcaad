package config

import (
	"slices"
	"strings"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// RunConfig returns what one run of a persona with a method does.
func (c *Config) RunConfig(persona, method string) *environmentv1.RunConfig {
	out := &environmentv1.RunConfig{
		PersonaId: persona, WorldId: c.Simulation.World, Method: method, Seed: c.Simulation.Seed,
		Days: int32(c.Simulation.Days), StepSeconds: int32(c.Simulation.Step.Seconds()), Candidates: int32(c.Simulation.Candidates),
		ConstantPerHour: c.Simulation.ConstantPerHour,
		Training:        c.Trainer.hyperparameters(),
		Executor:        trainerv1.Executor_EXECUTOR_EMBEDDED,
		OnFailedNight:   environmentv1.OnFailedNight_ON_FAILED_NIGHT_STOP,
	}
	if c.Backends.Trainer == "worker" {
		out.Executor = trainerv1.Executor_EXECUTOR_WORKER
	}
	if c.Simulation.OnFailedNight == "keep" {
		out.OnFailedNight = environmentv1.OnFailedNight_ON_FAILED_NIGHT_KEEP
	}
	if !slices.Contains(Methods(), method) {
		out.CustomMethod = c.Custom.method()
	}
	return out
}

func (t *Trainer) hyperparameters() *trainerv1.Hyperparameters {
	out := &trainerv1.Hyperparameters{
		Beta: t.Beta, Epochs: int32(t.Epochs), LearningRate: t.LearningRate, WeightDecay: t.WeightDecay, BatchSize: int32(t.BatchSize),
		Pairs: int32(t.Pairs), Reference: trainerv1.Reference_REFERENCE_BASE,
	}
	if t.Reference == "previous" {
		out.Reference = trainerv1.Reference_REFERENCE_PREVIOUS
	}
	return out
}

func (m *Custom) method() *environmentv1.CustomMethod {
	out := &environmentv1.CustomMethod{
		Memory: assistantv1.MemoryLevel(assistantv1.MemoryLevel_value["MEMORY_LEVEL_"+upper(m.Memory)]),
		Scheme: assistantv1.Scheme_SCHEME_SAMPLES,
		Trains: m.Trains,
	}
	if m.Scheme == "contrast" {
		out.Scheme = assistantv1.Scheme_SCHEME_CONTRAST
	}
	return out
}

// upper spells "none" as the contract does; the other levels already are.
func upper(memory string) string {
	if memory == "none" {
		return "NONE"
	}
	return memory
}

// Decides reports whether a key decides what runs do. The others say where data
// and services are, how many runs go on at once and what is logged.
func Decides(key string) bool {
	switch key {
	case "simulation.parallel", "simulation.persona_files":
		return false
	}
	section, rest, _ := strings.Cut(key, ".")
	switch section {
	case "simulation", "custom", "trainer", "backends":
		return true
	case "models":
		// Which endpoint answers, and what it costs, decides nothing.
		return rest == "repairs" || strings.HasPrefix(rest, "roles.") && !strings.HasSuffix(rest, ".endpoint") && !strings.HasSuffix(rest, ".aliases")
	}
	return false
}
