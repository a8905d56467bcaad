package persona_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
)

var update = flag.Bool("update", false, "write docs/persona.schema.json anew")

const schemaFile = "../../docs/persona.schema.json"

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := persona.Schema()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("persona.schema.json", doc))
	s, err := c.Compile("persona.schema.json")
	require.NoError(t, err)
	return s
}

func document(t *testing.T, data []byte) any {
	t.Helper()
	var doc any
	require.NoError(t, yaml.Unmarshal(data, &doc))
	return doc
}

func TestTheSchemaOnDiskIsTheProgramsOwn(t *testing.T) {
	want, err := persona.Schema()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, want, 0o644))
	}
	got, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run this test with -update")
}

func TestTheSchemaAcceptsEveryBuiltinPersonWithTheirSpec(t *testing.T) {
	s := schema(t)
	all, err := persona.Builtin()
	require.NoError(t, err)
	for _, n := range all {
		bare, err := persona.Marshal(n.Persona)
		require.NoError(t, err)
		require.NoError(t, s.Validate(document(t, bare)), n.Persona.GetId())
		n.Persona.Spec, _ = rubric.Compile(n.Persona.GetRubric())
		full, err := persona.Marshal(n.Persona)
		require.NoError(t, err)
		require.NoError(t, s.Validate(document(t, full)), n.Persona.GetId())
	}
}

func TestTheSchemaRefusesWhatThePersonaFileMayNotHold(t *testing.T) {
	s := schema(t)
	all, err := persona.Builtin()
	require.NoError(t, err)
	one := all[6].Persona
	one.Spec, _ = rubric.Compile(one.GetRubric())
	data, err := persona.Marshal(one)
	require.NoError(t, err)
	for name, c := range map[string][2]string{
		"an unknown key":      {"name: Callum", "naem: Callum"},
		"a level":             {"extraversion: high", "extraversion: medium"},
		"a topic":             {`"philosophy"`, `"philately"`},
		"an activity":         {`- "writing"`, `- "scribbling"`},
		"a tone":              {`- "playful"`, `- "loud"`},
		"a boundary":          {`"BOUNDARY_NO_PRESSURE"`, `"BOUNDARY_NO_FUN"`},
		"two windows":         {"trailing_minutes: 120", "trailing_minutes: 120\n        day: {}"},
		"a minute of no day":  {"to_minute: 735", "to_minute: 7350"},
		"an age in words":     {"age: ", "age: about "},
		"a text left out":     {"  timing: ", "  # timing: "},
		"a number as a count": {"count: 2", "count: two"},
	} {
		broken := strings.Replace(string(data), c[0], c[1], 1)
		require.NotEqual(t, string(data), broken, name)
		if name == "a text left out" {
			lines := strings.Split(string(data), "\n")
			for i, l := range lines {
				if strings.HasPrefix(l, "  timing: ") && !strings.HasSuffix(l, ":") {
					lines = append(lines[:i], lines[i+1:]...)
					break
				}
			}
			broken = strings.Join(lines, "\n")
		}
		require.Error(t, s.Validate(document(t, []byte(broken))), name)
	}
}
