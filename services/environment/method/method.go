// Package method has the one table of the methods that the program brings. The
// environment resolves the name of a method into the whole message when a run is
// created; every other service reads the message and never compares names.
package method

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const (
	noMemory = simv1.MemoryLevel_MEMORY_LEVEL_NONE
	ar       = simv1.MemoryLevel_MEMORY_LEVEL_AR
	ars      = simv1.MemoryLevel_MEMORY_LEVEL_ARS
	samples  = simv1.Scheme_SCHEME_SAMPLES
	contrast = simv1.Scheme_SCHEME_CONTRAST
	complete = simv1.Scheme_SCHEME_COMPLETE
	policy   = simv1.Decider_DECIDER_POLICY
	nothing  = simv1.Told_TOLD_NOTHING
)

// table is in the order in which the methods are listed.
var table = []*simv1.Method{
	{Name: "none", Memory: noMemory, Scheme: samples, Decider: policy, Told: nothing},
	{Name: "ar", Memory: ar, Scheme: samples, Decider: policy, Told: nothing},
	{Name: "ars", Memory: ars, Scheme: samples, Decider: policy, Told: nothing},
	{Name: "proper", Memory: ar, Scheme: samples, Decider: policy, Told: nothing, Trains: true},
	{Name: "proper-contrast", Memory: ar, Scheme: contrast, Decider: policy, Told: nothing, Trains: true},
	{Name: "proper-plus", Memory: ar, Scheme: complete, Decider: policy, Told: nothing, Trains: true},
	{Name: "silent", Memory: noMemory, Scheme: samples, Decider: simv1.Decider_DECIDER_SILENCE, Told: nothing},
	{Name: "constant", Memory: noMemory, Scheme: samples, Decider: simv1.Decider_DECIDER_RATE, Told: simv1.Told_TOLD_RATE},
	{Name: "scheduled", Memory: noMemory, Scheme: samples, Decider: simv1.Decider_DECIDER_SCHEDULE, Told: nothing},
	{Name: "bandit", Memory: ars, Scheme: samples, Decider: simv1.Decider_DECIDER_BANDIT, Told: nothing},
	{Name: "persona-given", Memory: ar, Scheme: samples, Decider: simv1.Decider_DECIDER_SPEC, Told: simv1.Told_TOLD_SPEC},
}

// All returns copies of the methods that the program brings.
func All() []*simv1.Method {
	out := make([]*simv1.Method, len(table))
	for i, m := range table {
		out[i] = proto.CloneOf(m)
	}
	return out
}

// Names returns their names, in the same order.
func Names() []string {
	out := make([]string, len(table))
	for i, m := range table {
		out[i] = m.GetName()
	}
	return out
}

// Named returns a copy of the method of that name, and false for a name that is
// not in the table.
func Named(name string) (*simv1.Method, bool) {
	for _, m := range table {
		if m.GetName() == name {
			return proto.CloneOf(m), true
		}
	}
	return nil, false
}

// UsesAdapters reports that an adapter changes what the method does: only a
// policy can be adapted. Whether a third party's method has one is not known.
func UsesAdapters(m *simv1.Method) bool {
	return m.GetDecider() == policy || m.GetDecider() == simv1.Decider_DECIDER_CUSTOM
}

// name is what a third party's method may be called: its name is part of run
// ids.
var name = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

// Resolve returns the whole method for what a request gives. A name of the table
// may come alone, or with exactly the values of the table; any other name must
// come with all values. Faults are added under field, the path of the method in
// the request; the result is then nil.
func Resolve(v *errs.Violations, field string, given *simv1.Method) *simv1.Method {
	before := len(*v)
	known, ok := Named(given.GetName())
	if !ok {
		checkForeign(v, field, given)
	} else if alone := (&simv1.Method{Name: given.GetName()}); !proto.Equal(given, alone) {
		checkKnown(v, field, given, known)
	}
	switch {
	case len(*v) > before:
		return nil
	case ok:
		return known
	}
	return proto.CloneOf(given)
}

// checkKnown adds a fault for every value that differs from the table's.
func checkKnown(v *errs.Violations, field string, given, want *simv1.Method) {
	differs := func(part string, found, want any) {
		if found != want {
			v.Add(field+"."+part, "found %v, want %v: %q is a method of the program (give its name alone)", found, want, given.GetName())
		}
	}
	differs("memory", given.GetMemory(), want.GetMemory())
	differs("scheme", given.GetScheme(), want.GetScheme())
	differs("decider", given.GetDecider(), want.GetDecider())
	differs("told", given.GetTold(), want.GetTold())
	differs("trains", given.GetTrains(), want.GetTrains())
}

// checkForeign adds what is wrong with a method that is not in the table.
func checkForeign(v *errs.Violations, field string, m *simv1.Method) {
	if !name.MatchString(m.GetName()) {
		v.Add(field+".name", "found %q, want a letter and then up to 63 letters, digits, hyphens, dots or underscores", m.GetName())
		return
	}
	if proto.Equal(m, &simv1.Method{Name: m.GetName()}) {
		v.Add(field, "found %q alone, want one of %s; a method of your own needs memory, scheme, decider and told as well", m.GetName(), strings.Join(Names(), ", "))
		return
	}
	missing := func(part string, absent bool) {
		if absent {
			v.Add(field+"."+part, "is absent: a method that the program does not bring (%q) must come whole", m.GetName())
		}
	}
	missing("memory", m.GetMemory() == simv1.MemoryLevel_MEMORY_LEVEL_UNSPECIFIED)
	missing("scheme", m.GetScheme() == simv1.Scheme_SCHEME_UNSPECIFIED)
	missing("decider", m.GetDecider() == simv1.Decider_DECIDER_UNSPECIFIED)
	missing("told", m.GetTold() == simv1.Told_TOLD_UNSPECIFIED)
	if err := consistent(m); err != nil {
		v.Add(field+".decider", "%v", err)
	}
}

// consistent reports a decider that lacks what it decides by.
func consistent(m *simv1.Method) error {
	switch decider := m.GetDecider(); {
	case decider == simv1.Decider_DECIDER_RATE && m.GetTold() != simv1.Told_TOLD_RATE:
		return fmt.Errorf("%v needs told %v", decider, simv1.Told_TOLD_RATE)
	case decider == simv1.Decider_DECIDER_SPEC && m.GetTold() != simv1.Told_TOLD_SPEC:
		return fmt.Errorf("%v needs told %v", decider, simv1.Told_TOLD_SPEC)
	case decider == simv1.Decider_DECIDER_BANDIT && m.GetMemory() != ars:
		return fmt.Errorf("%v needs memory %v, the one that has scores", decider, ars)
	case m.GetTrains() && decider != simv1.Decider_DECIDER_UNSPECIFIED && !UsesAdapters(m):
		return fmt.Errorf("%v cannot be trained: want %v or %v", decider, policy, simv1.Decider_DECIDER_CUSTOM)
	}
	return nil
}
