// Package architecture holds the one test of who may depend on whom.
package architecture

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/propersim/propersim/"

// TestDependenceRunsOneWay holds the tree to: proto <- pkg <- services/x <-
// services/propersim, no service importing another, and an assistant that
// cannot know a persona or read a rubric.
func TestDependenceRunsOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./pkg/...", "./services/...", "./personas", "./worlds").Output()
	require.NoError(t, err)
	checked := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		from := strings.TrimPrefix(fields[0], module)
		for _, to := range fields[1:] {
			if !strings.HasPrefix(to, module) {
				continue
			}
			checked++
			if why := forbidden(from, strings.TrimPrefix(to, module)); why != "" {
				t.Errorf("%s imports %s: %s", from, to, why)
			}
		}
	}
	require.Greater(t, checked, 50, "the test must see the tree")
}

func forbidden(from, to string) string {
	service := func(path string) string {
		if rest, ok := strings.CutPrefix(path, "services/"); ok {
			name, _, _ := strings.Cut(rest, "/")
			return name
		}
		return ""
	}
	switch {
	case service(from) == "" && service(to) != "":
		return "only the binary and the service itself may import a service"
	case service(from) != "" && service(to) != "" && service(from) != service(to) && service(from) != "propersim":
		return "services meet only at the contracts"
	case service(from) == "assistant" && (to == "pkg/persona" || to == "pkg/rubric" || to == "personas"):
		return "no persona and no rubric reaches the assistant but by its method"
	case service(from) == "assistant" && to == "pkg/preference" && from != "services/assistant/given":
		return "only the persona-given baseline judges by a rubric"
	}
	return ""
}
