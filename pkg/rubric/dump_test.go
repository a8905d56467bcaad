package rubric

import (
	"fmt"
	"os"
	"testing"

	"github.com/propersim/propersim/pkg/persona"
)

func TestDump(t *testing.T) {
	if os.Getenv("DUMP") == "" {
		t.Skip()
	}
	all, err := persona.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		r := n.Persona.GetRubric()
		fmt.Printf("=== %d %s\nPREF %s\nTIME %s\nFREQ %s\nCOMM %s\n", n.Number, n.Persona.GetName(), r.GetPersonalPreference(), r.GetTiming(), r.GetFrequency(), r.GetCommunicationSafety())
		spec, warns := Compile(r)
		for _, l := range Describe(spec) {
			fmt.Println("  ", l)
		}
		for _, w := range warns {
			fmt.Printf("  !! %s: %q: %s\n", w.GetField(), w.GetPhrase(), w.GetReason())
		}
	}
}
