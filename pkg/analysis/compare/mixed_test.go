package compare_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/compare"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// TestMixedNamesWhatDiffers: each difference alone, and what makes none.
func TestMixedNamesWhatDiffers(t *testing.T) {
	side := func(change func(*compare.Side, *figures.Run)) compare.Side {
		s := compare.Side{Method: "ars", Runs: []figures.Run{{Persona: "ann", Method: "ars", Seed: 1, StepSeconds: 150, World: "home", Rubric: "aa", RubricText: "bb", Judge: "exact"}}}
		change(&s, &s.Runs[0])
		return s
	}
	plain := side(func(*compare.Side, *figures.Run) {})
	require.Empty(t, compare.Mixed(plain, plain))
	for want, change := range map[string]func(*compare.Side, *figures.Run){
		"time steps (2m30s against 10m0s)":          func(_ *compare.Side, r *figures.Run) { r.StepSeconds = 600 },
		"worlds (home against office)":              func(_ *compare.Side, r *figures.Run) { r.World = "office" },
		"seeds (1 against 2)":                       func(_ *compare.Side, r *figures.Run) { r.Seed = 2 },
		"rubrics of ann":                            func(_ *compare.Side, r *figures.Run) { r.Rubric = "cc" },
		"judges (exact against model, m)":           func(_ *compare.Side, r *figures.Run) { r.Judge = "model, m" },
		"judges (exact against not recorded)":       func(_ *compare.Side, r *figures.Run) { r.Judge = "" },
		"score sets (recorded against second-look)": func(s *compare.Side, _ *figures.Run) { s.Scores = "second-look" },
	} {
		require.Equal(t, []string{want}, compare.Mixed(plain, side(change)))
	}
	reworded := func(judge string) compare.Side {
		return side(func(_ *compare.Side, r *figures.Run) { r.RubricText, r.Judge = "dd", judge })
	}
	require.Empty(t, compare.Mixed(plain, reworded("exact")), "the exact judge does not read the texts")
	model := side(func(_ *compare.Side, r *figures.Run) { r.Judge = "model, m" })
	require.Equal(t, []string{"texts of the rubrics of ann"}, compare.Mixed(model, reworded("model, m")))
}
