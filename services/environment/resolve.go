package environment

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/environment/method"
)

// resolveMethod fills in the method of a configuration, and adds what does not
// fit it.
func resolveMethod(v *errs.Violations, config *environmentv1.RunConfig) {
	m := method.Resolve(v, "config.method", config.GetMethod())
	if m == nil {
		return
	}
	config.Method = m
	if config.ConstantPerHour != nil && m.GetTold() != simv1.Told_TOLD_RATE {
		v.Add("config.constant_per_hour", "is for methods that are told a rate, such as constant; found method %q", m.GetName())
	}
	if m.GetTrains() && config.GetCandidates() < 2 {
		v.Add("config.candidates", "found %d, want 2 or more: method %q learns from pairs of candidates", config.GetCandidates(), m.GetName())
	}
}

// resolveRate fills in the rate of a method that is told one: the middle of what
// the persona wants, recommendations per waking hour.
func resolveRate(config *environmentv1.RunConfig, persona *simv1.Persona) {
	if config.GetMethod().GetTold() == simv1.Told_TOLD_RATE && config.ConstantPerHour == nil {
		low, high := judge.WantedBand(persona.GetSpec())
		config.ConstantPerHour = proto.Float64((low + high) / 2)
	}
}

// Drivers of backends.
const (
	embedded = "embedded"
	exact    = "exact"
	hybrid   = "hybrid"
	model    = "model"
)

// roleRules are what a backend of a role may be.
type roleRules struct {
	field   string
	backend **simv1.Backend
	drivers []string // the first one is filled in where the backend is absent
	chat    bool     // a model of it is asked by prompts, with sampling parameters
	custom  bool     // a third party's assistant plays it as it likes
}

// resolveBackends fills in the absent backends, and adds what is wrong with the
// others. The roles of a third party's assistant stay absent unless they are
// given: nobody here knows who plays them.
func resolveBackends(v *errs.Violations, config *environmentv1.RunConfig) {
	if config.Backends == nil {
		config.Backends = &simv1.Backends{}
	}
	b := config.Backends
	for _, rules := range []roleRules{
		{field: "planner", backend: &b.Planner, drivers: []string{embedded, model}, chat: true},
		{field: "judge", backend: &b.Judge, drivers: []string{exact, hybrid, model}, chat: true},
		{field: "assistant", backend: &b.Assistant, drivers: []string{embedded, model}, chat: true, custom: true},
		{field: "summarizer", backend: &b.Summarizer, drivers: []string{embedded, model}, chat: true, custom: true},
		{field: "embedder", backend: &b.Embedder, drivers: []string{embedded, model}, custom: true},
	} {
		if *rules.backend != nil {
			rules.check(v, "config.backends."+rules.field, *rules.backend)
		} else if !rules.custom || config.GetMethod().GetDecider() != simv1.Decider_DECIDER_CUSTOM {
			*rules.backend = &simv1.Backend{Driver: rules.drivers[0]}
		}
	}
	if config.GetMethod().GetTrains() && config.GetExecutor() == trainerv1.Executor_EXECUTOR_EMBEDDED && b.GetAssistant().GetDriver() == model {
		v.Add("config.executor", "found %v, want %v: the embedded executor trains the embedded policy, and config.backends.assistant is a model",
			config.GetExecutor(), trainerv1.Executor_EXECUTOR_WORKER)
	}
}

// sha256Hex is a digest of a prompt set.
var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// check adds what is wrong with a backend.
func (r roleRules) check(v *errs.Violations, field string, b *simv1.Backend) {
	if !slices.Contains(r.drivers, b.GetDriver()) {
		v.Add(field+".driver", "found %q, want one of %s", b.GetDriver(), strings.Join(r.drivers, ", "))
		return
	}
	usesModel := b.GetDriver() == model || b.GetDriver() == hybrid
	part := func(name string, given, wanted bool) {
		switch {
		case given && !wanted:
			v.Add(field+"."+name, "is given, but driver %q has none", b.GetDriver())
		case !given && wanted:
			v.Add(field+"."+name, "is absent, but driver %q needs it: it is part of what the run is", b.GetDriver())
		}
	}
	part("model", b.GetModel() != "", usesModel)
	part("sampling", b.GetSampling() != nil, usesModel && r.chat)
	part("prompts", b.GetPrompts() != "", usesModel && r.chat)
	if b.GetPrompts() != "" && !sha256Hex.MatchString(b.GetPrompts()) {
		v.Add(field+".prompts", "found %q, want a SHA-256 in lower-case hexadecimal", b.GetPrompts())
	}
}
