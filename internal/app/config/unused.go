package config

import (
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
)

// plus is the method that has hyperparameters of its own.
const plus = "proper-plus"

// Unused returns a violation for each setting of the command line that no selected
// method uses: whoever wrote it expects that it changes something. Files and
// variables may have more than one experiment needs.
func (l *Loaded) Unused() errs.Violations {
	var faults errs.Violations
	for _, f := range l.Fields() {
		if origin := l.Origin(f.Key); origin != "--set" && !strings.HasPrefix(origin, "flag ") {
			continue
		}
		if use := l.use(f.Key); use.of != "" && !slices.ContainsFunc(l.Simulation.Methods, use.by) {
			faults.Add(f.Key, "is for %s; found %s, which use no such setting", use.of, strings.Join(l.Simulation.Methods, ", "))
		}
	}
	return faults
}

// user says who uses a setting: methods of some kind, in words and as a test of a
// method's name. The zero value is any method.
type user struct {
	of string
	by func(method string) bool
}

// use returns who uses a key.
func (l *Loaded) use(key string) user {
	own := func(method string) bool { return method == plus && !l.trainsModel() } // has nights of its own
	section, rest, _ := strings.Cut(key, ".")
	switch {
	case key == "simulation.constant_per_hour":
		return user{"methods that are told a rate, such as constant", ToldRate}
	case section == "custom":
		return user{"methods of a third party (--assistant-address)", func(method string) bool { return !slices.Contains(Methods(), method) }}
	case section != "trainer":
		return user{}
	case strings.HasPrefix(rest, "plus."):
		return user{"proper-plus where the embedded policy is trained", own}
	case strings.HasPrefix(rest, "lora."):
		return user{"methods that are trained, where a worker trains the model that is the assistant", func(method string) bool { return l.trainsModel() && l.Trains(method) }}
	case rest == "reference":
		return user{"methods that are trained", l.Trains}
	}
	return user{"methods that are trained (proper-plus has trainer.plus)", func(method string) bool { return l.Trains(method) && !own(method) }}
}
