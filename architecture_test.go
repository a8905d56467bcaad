// Package architecture holds the one test of who may depend on whom.
package architecture

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/propersim/propersim/"

// TestDependenceRunsOneWay checks the tree: proto <- pkg and the shared parts of
// internal <- services/x <- internal/app <- cmd. No service imports another, and
// nothing that the assistant reaches, directly or not, can read a persona or a
// rubric; the persona-given baseline alone judges by one.
func TestDependenceRunsOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Deps}} {{.}}{{end}}`, "./cmd/...", "./internal/...", "./pkg/...", "./services/...", "./personas", "./worlds").Output()
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
				t.Errorf("%s depends on %s: %s", from, to, why)
			}
		}
	}
	require.Greater(t, checked, 200, "the test must see the tree")
}

// forbidden says why one package may not depend on another, directly or through
// others; empty where it may.
func forbidden(from, to string) string {
	fromService, toService := service(from), service(to)
	switch {
	case below(to, "cmd") || (below(to, "internal/app") && !below(from, "internal/app") && !below(from, "cmd")):
		return "the program is built from the parts, never the other way round"
	case toService != "" && fromService == "" && !below(from, "internal/app") && !below(from, "cmd"):
		return "only the program and the service itself may import a service"
	case toService != "" && fromService != "" && fromService != toService:
		return "services meet only at the contracts"
	case fromService == "assistant" && (to == "pkg/persona" || to == "pkg/rubric" || to == "personas"):
		return "no persona and no rubric reaches the assistant but by its method"
	}
	return ""
}

// service is the service that a package belongs to; empty for none.
func service(path string) string {
	rest, ok := strings.CutPrefix(path, "services/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// below reports whether a package is a folder or lies in it.
func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
