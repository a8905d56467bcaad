package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
)

func load(t *testing.T, text string) (*Loaded, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return Load(Sources{File: path})
}

func TestEveryFormOfAValueIsRead(t *testing.T) {
	for text, want := range map[string]int{"3": 3, "0x0e": 14, "1_0": 10, "1e1": 10, `"4"`: 4, "0o14": 12, "&n 5": 5} {
		got, err := load(t, "simulation: {days: "+text+"}")
		require.NoError(t, err, text)
		require.EqualValues(t, want, got.Simulation.Days, text)
	}
	got, err := load(t, "# a comment\nsimulation:\n  methods: [proper, none]\n  days: 2\n")
	require.NoError(t, err)
	require.Equal(t, []string{"proper", "none"}, got.Simulation.Methods)
	for _, empty := range []string{"", "# nothing\n", "---\n", "~"} {
		_, err := load(t, empty)
		require.NoError(t, err, "%q", empty)
	}
}

func TestAFileThatCannotBeMeantIsRefused(t *testing.T) {
	for text, says := range map[string]string{
		"simulation: {days: 014}":            "line 1: simulation.days: found 014, which YAML reads as an octal number; write 14",
		"simulation: {seed: 08}":             "write 8",
		"simulation:\n  days: 1\n  days: 2":  "line 3: simulation.days is given twice",
		"- simulation":                       "want sections with keys",
		"simulation: {methods: [{name: a}]}": "simulation.methods: found keys, want a value",
		"simulation: [":                      "line 1",
		"simulation: {methods: [none, 01]}":  "write 1",
	} {
		_, err := load(t, text)
		require.ErrorIs(t, err, errs.ErrInvalid, text)
		require.ErrorContains(t, err, says, text)
	}
}

// TestAliasesDoNotFillTheMemory: ten lines can stand for a billion values, and an
// alias can name what it is in.
func TestAliasesDoNotFillTheMemory(t *testing.T) {
	lists, maps := "a: &a [1]\n", "a: &a {k: 1}\n"
	for name := 'b'; name <= 'k'; name++ {
		of := string(name - 1)
		lists += fmt.Sprintf("%c: &%c [%s]\n", name, name, strings.TrimSuffix(strings.Repeat("*"+of+", ", 9), ", "))
		maps += fmt.Sprintf("%c: &%c {k: *%s, l: *%s, m: *%s, n: *%s, o: *%s, p: *%s, q: *%s, r: *%s}\n", name, name, of, of, of, of, of, of, of, of)
	}
	for _, text := range []string{lists, maps, "a: &a [*a]", "a: &a {b: *a}"} {
		_, err := load(t, text)
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, "more than 10000 values")
	}
	got, err := load(t, "simulation: {days: &n 3, candidates: *n}")
	require.NoError(t, err)
	require.Equal(t, 3, got.Simulation.Days)
}
