package observability_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documented is a row of the tables of docs/observability.md: name, kind,
// labels, unit, meaning.
var documented = regexp.MustCompile("(?m)^\\| `(propersim_[a-z_]+\\*?)` \\| (\\w+) \\| ([^|]*) \\| ([^|]+) \\| ([^|]+) \\|$")

// TestDocumentationNamesWhatIsExported holds the tables to the program, both
// ways. A name that ends in * stands for all that begin so and have no row of
// their own.
func TestDocumentationNamesWhatIsExported(t *testing.T) {
	families := allExported(t)
	page, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	left := maps.Clone(families)
	var open []string
	for _, row := range documented.FindAllStringSubmatch(string(page), -1) {
		name, kind, listed := row[1], row[2], strings.Fields(strings.NewReplacer(",", " ", "`", "").Replace(row[3]))
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			open = append(open, prefix)
			continue
		}
		m, ok := families[name]
		require.True(t, ok, "%s is documented and not exported", name)
		require.Equal(t, m.kind, kind, name)
		require.Equal(t, slices.Sorted(maps.Keys(m.labels)), slices.Sorted(slices.Values(listed)), "the labels of %s", name)
		_, twice := left[name]
		require.True(t, twice, "%s is documented twice", name)
		delete(left, name)
	}
	for _, prefix := range open {
		found := false
		for name := range left {
			if strings.HasPrefix(name, prefix) {
				found = true
				delete(left, name)
			}
		}
		require.True(t, found, "%s* is documented, and nothing of that name exported", prefix)
	}
	require.Empty(t, slices.Sorted(maps.Keys(left)), "exported and not documented")
}

// TestNothingPersonalInLabels keeps series from growing with people, runs and
// steps.
func TestNothingPersonalInLabels(t *testing.T) {
	for name, m := range allExported(t) {
		require.True(t, strings.HasPrefix(name, "propersim_"), name)
		for _, label := range []string{"persona", "run", "run_id", "step"} {
			require.NotContains(t, m.labels, label, name)
		}
	}
}
