package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const scratchFile = `{
  "name": "Nora Lind", "age": 47,
  "big_five_personality_traits": "High in Extraversion, Low in Agreeableness, High in Conscientiousness, Low in Neuroticism, High in Openness",
  "background": "Nora tunes pianos in Malmö.", "current_interests": ["just intonation"],
  "lifestyle": "Up at 6:30, dinner at 19:00, to bed at 22:30.", "daily_plan_req": ["breakfast at 7:00"], "long_term_goals": ["restore a square piano"],
  "criteria": {
    "Personal_Preference": "Nora likes books and music, and bassoon reeds.",
    "Timing": "Between 7:00 and 8:30 AM, before the tram rattles by.",
    "Frequency": "TIMES", "Communication_&_Safety": "Direct, under 30 words."
  }
}`

func write(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// TestImportOfManyOverwritesNothing imports two people of one name, a person
// whose wishes contradict each other, and a file that is none.
func TestImportOfManyOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	one := write(t, filepath.Join(dir, "one.json"), strings.Replace(scratchFile, "TIMES", "Twice a day.", 1))
	two := write(t, filepath.Join(dir, "two.json"), strings.NewReplacer("TIMES", "At least five a day, at most three a day.").Replace(scratchFile))
	bad := write(t, filepath.Join(dir, "bad.json"), "{")
	out := filepath.Join(dir, "mine")

	code, said, errOut := call(t, "persona", "import", one, bad, two, "--out", out)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, bad)
	require.Contains(t, said, filepath.Join(out, "nora-lind.yaml")+": nora-lind, 7 clauses, 2 not read\n")
	require.Contains(t, said, "nora-lind-2")
	require.Contains(t, said, "at least 5 a day, but at most 3 a day")

	first, err := os.ReadFile(filepath.Join(out, "nora-lind.yaml"))
	require.NoError(t, err)
	code, _, errOut = call(t, "persona", "import", two, "--out", out)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "nothing was overwritten")
	again, err := os.ReadFile(filepath.Join(out, "nora-lind.yaml"))
	require.NoError(t, err)
	require.Equal(t, string(first), string(again))

	code, _, errOut = call(t, "persona", "import", one, two)
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "--out")
}

// TestCompileShowsEveryClauseAndWritesTheSpec corrects a reading by hand.
func TestCompileShowsEveryClauseAndWritesTheSpec(t *testing.T) {
	dir := t.TempDir()
	from := write(t, filepath.Join(dir, "one.json"), strings.Replace(scratchFile, "TIMES", "Twice a day.", 1))
	file := filepath.Join(dir, "nora.yaml")
	must(t, "persona", "import", from, "--out", file)

	said := must(t, "persona", "compile", file)
	require.Contains(t, said, `+ "Twice a day": at least 2 a day; at most 2 a day`)
	require.Contains(t, said, `? "before the tram rattles by": this condition was not understood`)
	require.Contains(t, said, `? "and bassoon reeds": not understood`)
	require.Contains(t, said, "A typical day, awake for 16 h: open 1 h 30 min, with a topic that passes 1 h 30 min; wants 2 to 2, can get 2.")

	before, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, must(t, "persona", "compile", file, "--write"), "spec written, 2 doubts")
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(after), string(before)), "the prose stays as it was")
	require.Contains(t, string(after), `# not sure: timing: "before the tram rattles by"`)
	require.Contains(t, must(t, "persona", "validate", file), "0 warnings")

	code, _, errOut := call(t, "persona", "compile", file, "--write")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "has a spec already")
	code, _, errOut = call(t, "persona", "compile", "7", "--write")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "want a persona file")

	write(t, file, strings.Replace(string(after), "- count: 2\n        day: {}\n    at_most", "- count: 9\n        day: {}\n    at_most", 1))
	code, said, errOut = call(t, "persona", "validate", file)
	require.Equal(t, 1, code, said)
	require.Contains(t, errOut, "spec.frequency")
}

// TestFaultsOfSeveralFilesNameEachFile finds the faults of all files before anybody
// is stored.
func TestFaultsOfSeveralFilesNameEachFile(t *testing.T) {
	dir := t.TempDir()
	one := write(t, filepath.Join(dir, "one.yaml"), "name: One\nage: old\n")
	two := write(t, filepath.Join(dir, "two.yaml"), "name: Two\nage: older\n")
	fine := write(t, filepath.Join(dir, "fine.yaml"), must(t, "persona", "show", "7"))
	missing, data := filepath.Join(dir, "missing.yaml"), filepath.Join(dir, "data")

	code, _, errOut := call(t, "persona", "validate", one, two)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "persona.age: "+one+": line 2:")
	require.Contains(t, errOut, "persona.age: "+two+": line 2:")

	code, out, errOut := call(t, "persona", "add", fine, two, missing, "--data", data)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errOut, "persona.age: "+two+": line 2:")
	require.Contains(t, errOut, "persona file: open "+missing)
	require.NoDirExists(t, data)

	runs := filepath.Join(dir, "runs")
	code, _, errOut = call(t, "simulate", "--days", "1", "--out", runs, "--persona-file", strings.Join([]string{fine, one, fine}, ","))
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "persona.age: "+one+": line 2:")
	require.Contains(t, errOut, "the id of "+fine+" too")
	require.NoDirExists(t, runs)

	scratch := write(t, filepath.Join(dir, "scratch.json"), `{"name":"Ann","age":"x"}`)
	empty := write(t, filepath.Join(dir, "empty.json"), `{}`)
	code, _, errOut = call(t, "persona", "import", scratch, empty, "--out", filepath.Join(dir, "imported"))
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "persona.age: "+scratch+": ")
	require.Contains(t, errOut, "propersim: "+empty+": ")
}
