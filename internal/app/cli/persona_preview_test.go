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
