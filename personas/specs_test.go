package personas_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

var update = flag.Bool("update", false, "write testdata/specs.json anew")

// TestTheSpecsOfTheBuiltinPeopleStayTheSame compares the reading of each
// built-in person with a stored copy. Published figures depend on these specs;
// who changes one has to measure again, and runs the test with -update.
func TestTheSpecsOfTheBuiltinPeopleStayTheSame(t *testing.T) {
	all, err := persona.Builtin()
	require.NoError(t, err)
	if *update {
		specs := map[string]json.RawMessage{}
		for _, n := range all {
			spec, _ := rubric.Compile(n.Persona.GetRubric())
			specs[n.Persona.GetId()], err = protojson.Marshal(spec)
			require.NoError(t, err)
		}
		data, err := json.MarshalIndent(specs, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("testdata/specs.json", append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile("testdata/specs.json")
	require.NoError(t, err)
	var specs map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &specs))
	require.Len(t, specs, 32)
	for _, n := range all {
		want := &simv1.PreferenceSpec{}
		require.NoError(t, protojson.Unmarshal(specs[n.Persona.GetId()], want))
		spec, _ := rubric.Compile(n.Persona.GetRubric())
		require.Empty(t, cmp.Diff(want, spec, protocmp.Transform()), n.Persona.GetId())
	}
}
