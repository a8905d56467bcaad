package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPersonaPreview(t *testing.T) {
	out := must(t, "persona", "preview", "7", "--days", "2")
	require.Contains(t, out, "DAY 1\n")
	require.Contains(t, out, "DAY 2\n")
	require.NotContains(t, out, "DAY 3\n")
	require.Regexp(t, `(?m)^  \d\d:\d\d-\d\d:\d\d +breakfast .* kitchen|dining`, out)
	require.Regexp(t, `Awake 1\d\.\d h, open \d+\.\d h, with something liked \d+\.\d h\. A perfect assistant speaks (once|\d+ times)`, out)

	file := filepath.Join(t.TempDir(), "me.yaml")
	require.NoError(t, os.WriteFile(file, []byte(must(t, "persona", "show", "7")), 0o600))
	require.Equal(t, out, must(t, "persona", "preview", file, "--days", "2"), "a file is read like the person it describes")

	var days []map[string]any
	require.NoError(t, json.Unmarshal([]byte(must(t, "--json", "persona", "preview", "7", "--days", "1")), &days))
	require.Len(t, days, 1)

	code, _, errOut := call(t, "persona", "preview", "7", "--world", "hme")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, `did you mean "home"?`)
	code, _, errOut = call(t, "persona", "preview", "7", "--days", "0")
	require.NotZero(t, code)
	require.Contains(t, errOut, "want 1 to 31")
}

// TestImportOfAFileWithGapsWritesADraft: what a file of that family's own
// simulations does not say is marked and listed, and the draft is refused until it
// is filled.
func TestImportOfAFileWithGapsWritesADraft(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "scratch.json")
	require.NoError(t, os.WriteFile(from, []byte(`{"first_name": "Ilse", "last_name": "Brandt", "age": 34, "innate": "patient, witty",
		"learned": "Ilse Brandt runs a small bakery.", "currently": "Ilse tries out rye starters.", "lifestyle": "Ilse goes to bed around 9pm.",
		"daily_plan_req": "bake from 5:00 to 9:00", "curr_time": null, "mood": "fine"}`), 0o600))
	out := filepath.Join(dir, "mine")
	code, said, errOut := call(t, "persona", "import", from, "--out", out)
	require.Equal(t, 1, code)
	require.Contains(t, said, "ilse-brandt, a draft with 10 gaps")
	require.Contains(t, errOut, `"mood" is not read`)
	require.Contains(t, errOut, "persona.rubric.timing")
	draft := filepath.Join(out, "ilse-brandt.yaml")
	data, err := os.ReadFile(draft)
	require.NoError(t, err)
	require.Contains(t, string(data), "timing: # GAP: ")
	code, _, errOut = call(t, "persona", "validate", draft)
	require.NotZero(t, code)
	require.Contains(t, errOut, "persona.long_term_goals")
}
