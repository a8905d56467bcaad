package environment

import (
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// method is what the conductor must know of a method.
type method struct {
	memory assistantv1.MemoryLevel
	scheme assistantv1.Scheme
	// trains: the assistant is trained at the turn of each day.
	trains bool
	// given: the assistant is told what the user wants.
	given bool
	// rate: the assistant is told how often to speak.
	rate bool
}

// methods are those that the program brings.
var methods = map[string]method{
	"none":            {memory: assistantv1.MemoryLevel_MEMORY_LEVEL_NONE},
	"ar":              {memory: assistantv1.MemoryLevel_MEMORY_LEVEL_AR},
	"ars":             {memory: assistantv1.MemoryLevel_MEMORY_LEVEL_ARS},
	"proper":          {memory: assistantv1.MemoryLevel_MEMORY_LEVEL_AR, trains: true},
	"proper-contrast": {memory: assistantv1.MemoryLevel_MEMORY_LEVEL_AR, scheme: assistantv1.Scheme_SCHEME_CONTRAST, trains: true},
	"silent":          {memory: assistantv1.MemoryLevel_MEMORY_LEVEL_NONE},
	"constant":        {memory: assistantv1.MemoryLevel_MEMORY_LEVEL_NONE, rate: true},
	"persona-given":   {memory: assistantv1.MemoryLevel_MEMORY_LEVEL_AR, given: true},
}

// methodOf returns the method of a configuration that was checked.
func methodOf(config *environmentv1.RunConfig) method {
	m, ok := methods[config.GetMethod()]
	if !ok {
		custom := config.GetCustomMethod()
		m = method{memory: custom.GetMemory(), scheme: custom.GetScheme(), trains: custom.GetTrains()}
	}
	if m.scheme == assistantv1.Scheme_SCHEME_UNSPECIFIED {
		m.scheme = assistantv1.Scheme_SCHEME_SAMPLES
	}
	return m
}

// checkMethod adds what is wrong with a configuration's method.
func checkMethod(v *errs.Violations, config *environmentv1.RunConfig) {
	name := config.GetMethod()
	_, known := methods[name]
	switch {
	case !known && config.GetCustomMethod() == nil:
		v.Add("config.method", "found %q, want one of %s; another name needs custom_method", name, methodNames())
		return
	case known && config.GetCustomMethod() != nil:
		v.Add("config.custom_method", "%q is a method of the program and needs none", name)
	}
	if config.ConstantPerHour != nil && name != "constant" {
		v.Add("config.constant_per_hour", "is for method constant alone, found method %q", name)
	}
	if methodOf(config).trains && config.GetCandidates() < 2 {
		v.Add("config.candidates", "found %d, want 2 or more: method %q learns from pairs", config.GetCandidates(), name)
	}
}

func methodNames() string {
	var names []string
	for name := range methods {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
