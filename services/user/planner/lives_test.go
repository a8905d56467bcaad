package planner_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/services/user/planner"
)

var update = flag.Bool("update", false, "write testdata/lives.txt anew: after a change that is meant to change lives")

// TestTheLivesOfTheBuiltInPeople compares 14 days of each built-in person with the
// recorded ones, so that nobody's life changes by accident: published figures
// depend on it. The digests are those of amd64; another processor may round
// otherwise.
func TestTheLivesOfTheBuiltInPeople(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skipf("recorded on amd64, not on %s", runtime.GOARCH)
	}
	var lives strings.Builder
	for _, one := range builtin(t) {
		plans, err := planner.New(one.Persona, place(t, "home"), settings(one.Persona, 1, 150))
		require.NoError(t, err)
		h := sha256.New()
		for step := int32(0); step < 14*576; step++ {
			a, _ := plans.At(step)
			fmt.Fprintln(h, step, a.GetKind(), a.GetDescription(), a.GetRoom(), a.GetObject(), a.GetStartedStep())
		}
		fmt.Fprintln(&lives, one.Persona.GetId(), hex.EncodeToString(h.Sum(nil)[:12]))
	}
	const file = "testdata/lives.txt"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(lives.String()), 0o644))
	}
	recorded, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(recorded), lives.String(), "run with -update if the lives are meant to change, and say so in docs/results.md")
}
