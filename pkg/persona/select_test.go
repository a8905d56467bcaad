package persona_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/persona"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestSelect(t *testing.T) {
	all := append(builtin(t), persona.Numbered{Persona: &simv1.Persona{Id: "2-1", Name: "Two One"}})
	numbers := func(n ...int) []int { return n }
	tests := map[string]struct {
		selector string
		want     []int
		bad      string
	}{
		"range":           {"1-4", numbers(1, 2, 3, 4), ""},
		"list":            {"7, 1,3", numbers(7, 1, 3), ""},
		"twice":           {"3,1-4,3", numbers(3, 1, 2, 4), ""},
		"id":              {"adaeze-okonkwo", numbers(1), ""},
		"name":            {"trần minh anh,Holger Brandt", numbers(24, 6), ""},
		"id before range": {"2-1", numbers(0), ""},
		"unknown":         {"1,nobody,2", nil, `"nobody" is no persona's number, id or name`},
		"letter case":     {"Adaeze-Okonkwo", nil, `did you mean "adaeze-okonkwo"?`},
		"mistyped":        {"adaese-okonko", nil, `did you mean "adaeze-okonkwo"?`},
		"a file":          {"me.yaml", nil, "simulation.persona_files"},
		"number":          {"33", nil, `"33"`},
		"zero":            {"0", nil, `"0"`},
		"range end":       {"30-40", nil, `"30-40"`},
		"backwards":       {"9-3", nil, "want 3-9"},
		"empty":           {"", nil, "empty"},
		"empty part":      {"1,,2", nil, "empty"},
		"too large":       {"99999999999999999999", nil, `"99999999999999999999"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := persona.Select(tt.selector, all)
			if tt.bad != "" {
				require.Contains(t, messageOf(t, err, "personas"), tt.bad)
				return
			}
			require.NoError(t, err)
			var found []int
			for _, n := range got {
				found = append(found, n.Number)
			}
			require.Equal(t, tt.want, found)
		})
	}
	got, err := persona.Select("all", all)
	require.NoError(t, err)
	require.Equal(t, all, got)
}

// TestSelectParts selects the two sets: "all" is everybody but the hard set.
func TestSelectParts(t *testing.T) {
	included, err := persona.Included()
	require.NoError(t, err)
	require.Len(t, included, 2*persona.Own)
	added := append(included, persona.Numbered{Persona: &simv1.Persona{Id: "zoe", Name: "Zoe"}})
	for selector, want := range map[string]int{"all": persona.Own + 1, "hard": persona.Own, "all,hard": 2*persona.Own + 1, "31-34": 4, "hard,33": persona.Own, "zoe,hard": persona.Own + 1} {
		chosen, err := persona.Select(selector, added)
		require.NoError(t, err, selector)
		require.Len(t, chosen, want, selector)
	}
	_, err = persona.Select("65", added)
	require.ErrorContains(t, err, "1 to 64")
}
