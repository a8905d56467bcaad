package assistant

import (
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	"github.com/propersim/propersim/services/assistant/oracle"
)

// Methods returns the names of the methods, as SessionStart.method has them.
func Methods() []string {
	return []string{"none", "ar", "ars", "proper", "proper-contrast", "silent", "constant", "persona-given"}
}

// checkStart returns every fault of a session's start.
func checkStart(start *assistantv1.SessionStart) error {
	var faults errs.Violations
	if start.GetRunId() == "" {
		faults.Add("start.run_id", "is empty")
	}
	if err := simtime.Scale(start.GetSettings().GetStepSeconds()).Validate(); err != nil {
		faults.Add("start.settings.step_seconds", "%s", strings.TrimPrefix(err.Error(), "step_seconds: "))
	}
	if start.GetSettings().GetStream() == "" {
		faults.Add("start.settings.stream", "is empty")
	}
	checkMethod(&faults, start)
	return faults.OrNil()
}

// checkMethod holds memory, scheme and what may be told to the method.
func checkMethod(faults *errs.Violations, start *assistantv1.SessionStart) {
	method := start.GetMethod()
	level := func(want assistantv1.MemoryLevel) {
		if start.GetMemory() != want {
			faults.Add("start.memory", "found %v, want %v with method %s", start.GetMemory(), want, method)
		}
	}
	scheme := func(want assistantv1.Scheme) {
		if start.GetScheme() != want {
			faults.Add("start.scheme", "found %v, want %v with method %s", start.GetScheme(), want, method)
		}
	}
	switch method {
	case "none":
		level(assistantv1.MemoryLevel_MEMORY_LEVEL_NONE)
	case "ar":
		level(assistantv1.MemoryLevel_MEMORY_LEVEL_AR)
	case "ars":
		level(assistantv1.MemoryLevel_MEMORY_LEVEL_ARS)
	case "proper":
		scheme(assistantv1.Scheme_SCHEME_SAMPLES)
	case "proper-contrast":
		scheme(assistantv1.Scheme_SCHEME_CONTRAST)
	case "silent", "constant", "persona-given":
	default:
		faults.Add("start.method", "found %q, want one of %s", method, strings.Join(Methods(), ", "))
		return
	}
	if l := start.GetMemory(); l < assistantv1.MemoryLevel_MEMORY_LEVEL_NONE || l > assistantv1.MemoryLevel_MEMORY_LEVEL_ARS {
		faults.Add("start.memory", "found %v, want NONE, A, AR or ARS", l)
	}
	if s := start.GetScheme(); s != assistantv1.Scheme_SCHEME_SAMPLES && s != assistantv1.Scheme_SCHEME_CONTRAST {
		faults.Add("start.scheme", "found %v, want SAMPLES or CONTRAST", s)
	}
	if (method == "persona-given") != (start.GetGiven() != nil) {
		faults.Add("start.given", "must be there with method persona-given and with no other; the method is %s", method)
	}
	if rate := start.GetConstantPerHour(); (method == "constant") != (rate > 0) {
		faults.Add("start.constant_per_hour", "found %v, want a positive rate with method constant and 0 with any other; the method is %s", rate, method)
	}
}

// newVoice returns what speaks for a method that has passed checkStart.
func newVoice(start *assistantv1.SessionStart) (voice, error) {
	switch start.GetMethod() {
	case "silent":
		return newSilent(start), nil
	case "constant":
		return newConstant(start), nil
	case "persona-given":
		adviser, err := oracle.New(start.GetGiven(), simtime.Scale(start.GetSettings().GetStepSeconds()))
		if err != nil {
			return nil, err
		}
		return newTold(start, adviser), nil
	default:
		return newPolicyVoice(start), nil
	}
}
