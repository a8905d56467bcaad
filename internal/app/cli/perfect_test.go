package cli_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// TestWhoKnowsTheWishesIsPerfect: the baseline that is given the spec has full
// marks, misses nothing, says nothing wrong, and says exactly what the band begins
// with.
func TestWhoKnowsTheWishesIsPerfect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "perfect")
	must(t, "simulate", "--personas", "1,9,15,21", "--days", "2", "--method", "persona-given", "--out", dir)
	file, err := figures.Read(filepath.Join(dir, "metrics.json"))
	require.NoError(t, err)
	for _, r := range file.Runs {
		for _, d := range r.Days {
			require.Equal(t, 4.0, *d.MeanScore, r.Persona)
			require.Equal(t, 1.0, *d.Recall, r.Persona)
			require.Equal(t, 1.0, *d.Precision, r.Persona)
			require.Equal(t, d.Counts.Wanted, d.Recommendations, r.Persona)
		}
	}
	require.Len(t, file.Runs, 4)
}
