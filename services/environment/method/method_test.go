package method_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/environment/method"
)

func TestANameAloneIsEnoughForAMethodOfTheTable(t *testing.T) {
	require.Equal(t, []string{"none", "ar", "ars", "proper", "proper-contrast", "proper-plus", "silent", "constant", "scheduled", "bandit", "persona-given"}, method.Names())
	for _, whole := range method.All() {
		for _, given := range []*simv1.Method{whole, {Name: whole.GetName()}} {
			var v errs.Violations
			require.True(t, proto.Equal(whole, method.Resolve(&v, "method", given)), whole.GetName())
			require.Empty(t, v)
		}
	}
}

func TestTheTableCannotBeChanged(t *testing.T) {
	method.All()[0].Trains = true
	m, ok := method.Named("none")
	require.True(t, ok)
	require.False(t, m.GetTrains())
}

func TestFaultsOfAMethodAreNamed(t *testing.T) {
	whole := func(change func(*simv1.Method)) *simv1.Method {
		m := &simv1.Method{Name: "desk-break", Memory: simv1.MemoryLevel_MEMORY_LEVEL_A, Scheme: simv1.Scheme_SCHEME_SAMPLES,
			Decider: simv1.Decider_DECIDER_CUSTOM, Told: simv1.Told_TOLD_NOTHING}
		change(m)
		return m
	}
	for name, c := range map[string]struct {
		given  *simv1.Method
		fields []string
	}{
		"a third party's, whole":            {whole(func(*simv1.Method) {}), nil},
		"that trains":                       {whole(func(m *simv1.Method) { m.Trains = true }), nil},
		"an unknown name alone":             {&simv1.Method{Name: "best"}, []string{"config.method"}},
		"no name":                           {&simv1.Method{}, []string{"config.method.name"}},
		"a name with a control character":   {whole(func(m *simv1.Method) { m.Name = "a\tb" }), []string{"config.method.name"}},
		"a name of digits":                  {whole(func(m *simv1.Method) { m.Name = "12" }), []string{"config.method.name"}},
		"parts are absent":                  {&simv1.Method{Name: "best", Trains: true}, []string{"config.method.memory", "config.method.scheme", "config.method.decider", "config.method.told"}},
		"a rate that it is not told":        {whole(func(m *simv1.Method) { m.Decider = simv1.Decider_DECIDER_RATE }), []string{"config.method.decider"}},
		"wishes that it is not told":        {whole(func(m *simv1.Method) { m.Decider = simv1.Decider_DECIDER_SPEC }), []string{"config.method.decider"}},
		"a bandit without scores":           {whole(func(m *simv1.Method) { m.Decider = simv1.Decider_DECIDER_BANDIT }), []string{"config.method.decider"}},
		"silence cannot be trained":         {whole(func(m *simv1.Method) { m.Decider, m.Trains = simv1.Decider_DECIDER_SILENCE, true }), []string{"config.method.decider"}},
		"other values for one of the table": {&simv1.Method{Name: "proper", Memory: simv1.MemoryLevel_MEMORY_LEVEL_ARS}, []string{"config.method.memory", "config.method.scheme", "config.method.decider", "config.method.told", "config.method.trains"}},
		"one that does not train":           {&simv1.Method{Name: "ar", Trains: true}, []string{"config.method.memory", "config.method.scheme", "config.method.decider", "config.method.told", "config.method.trains"}},
	} {
		t.Run(name, func(t *testing.T) {
			var v errs.Violations
			got := method.Resolve(&v, "config.method", c.given)
			var fields []string
			for _, one := range v {
				fields = append(fields, one.Field)
			}
			require.Equal(t, c.fields, fields)
			require.Equal(t, c.fields == nil, got != nil)
		})
	}
}
