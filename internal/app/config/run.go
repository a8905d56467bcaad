package config

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// RunConfig returns what one run of a persona with a method and a seed does.
// backends are those of BackendsMessage.
func (c *Config) RunConfig(persona, method string, seed uint64, backends *simv1.Backends) *environmentv1.RunConfig {
	out := &environmentv1.RunConfig{
		PersonaId: persona, WorldId: c.Simulation.World, Method: c.method(method), Seed: seed,
		Days: int32(c.Simulation.Days), StepSeconds: int32(c.Simulation.Step.Seconds()), Candidates: int32(c.Simulation.Candidates),
		Training:      c.hyperparameters(method == "proper-plus"),
		Executor:      trainerv1.Executor_EXECUTOR_EMBEDDED,
		OnFailedNight: environmentv1.OnFailedNight_ON_FAILED_NIGHT_STOP,
		Backends:      backends,
	}
	if ToldRate(method) {
		out.ConstantPerHour = c.Simulation.ConstantPerHour
	}
	if backends != nil && out.Method.GetDecider() == simv1.Decider_DECIDER_CUSTOM {
		// A third party's assistant says itself who plays its roles.
		out.Backends = proto.CloneOf(backends)
		out.Backends.Assistant, out.Backends.Summarizer = nil, nil
	}
	if c.Backends.Trainer == "worker" {
		out.Executor = trainerv1.Executor_EXECUTOR_WORKER
	}
	if c.Simulation.OnFailedNight == "keep" {
		out.OnFailedNight = environmentv1.OnFailedNight_ON_FAILED_NIGHT_KEEP
	}
	return out
}

// method returns a method of ours by its name alone, which the environment
// resolves, and any other method whole.
func (c *Config) method(name string) *simv1.Method {
	if slices.Contains(Methods(), name) {
		return &simv1.Method{Name: name}
	}
	return c.Custom.Method(name)
}

// Method returns the whole message of a third party's method.
func (m *Custom) Method(name string) *simv1.Method {
	out := &simv1.Method{
		Name:    name,
		Memory:  simv1.MemoryLevel(simv1.MemoryLevel_value["MEMORY_LEVEL_"+strings.ToUpper(m.Memory)]),
		Scheme:  simv1.Scheme_SCHEME_SAMPLES,
		Decider: simv1.Decider_DECIDER_CUSTOM,
		Told:    simv1.Told_TOLD_NOTHING,
		Trains:  m.Trains,
	}
	if m.Scheme == "contrast" {
		out.Scheme = simv1.Scheme_SCHEME_CONTRAST
	}
	return out
}

// Decides reports whether a key decides what runs do. The others say where data
// and services are, how many runs are conducted at the same time and what is logged.
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
		// Which endpoint answers, and what it costs, decides nothing. More repairs change
		// only calls that would have failed, and a record has every attempt: a run that
		// failed by an unusable plan can be resumed with more.
		return strings.HasPrefix(rest, "roles.") && !strings.HasSuffix(rest, ".endpoint") && !strings.HasSuffix(rest, ".aliases")
	}
	return false
}
