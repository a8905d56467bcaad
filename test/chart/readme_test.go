package chart_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const readmeHead = `# ProPerSim on Kubernetes

Simulated people at home, each in a pod of its own, and the assistants that learn to live with them. How to install, size, upgrade
and repair a release: [docs/kubernetes.md](../../../docs/kubernetes.md).

` + "```" + `
helm install demo deploy/helm/propersim --wait
` + "```" + `

## Values

Generated from values.yaml: ` + "`go test ./test/chart -update`" + `.

| key | default | what it decides |
|---|---|---|
`

// TestTheReadmeHasEveryValue generates the table of the README from values.yaml:
// a comment that begins with "# -- " describes the key below it.
func TestTheReadmeHasEveryValue(t *testing.T) {
	data, err := os.ReadFile(chart + "/values.yaml")
	require.NoError(t, err)
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal(data, &document))
	var table strings.Builder
	table.WriteString(readmeHead)
	rows(t, &table, "", document.Content[0])
	generated(t, chart+"/README.md", []byte(table.String()))
}

// rows writes a row for each leaf below a mapping.
func rows(t *testing.T, table *strings.Builder, prefix string, mapping *yaml.Node) {
	t.Helper()
	for i := 0; i < len(mapping.Content); i += 2 {
		name, value := mapping.Content[i], mapping.Content[i+1]
		_, doc, documented := strings.Cut(name.HeadComment, "# -- ")
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 && value.Style != yaml.FlowStyle && name.Value != "resources" {
			if documented {
				fmt.Fprintf(table, "| `%s%s` | | %s |\n", prefix, name.Value, doc)
			}
			rows(t, table, prefix+name.Value+".", value)
			continue
		}
		var plain any
		require.NoError(t, value.Decode(&plain))
		shown, err := json.Marshal(plain)
		require.NoError(t, err)
		fmt.Fprintf(table, "| `%s%s` | `%s` | %s |\n", prefix, name.Value, shown, strings.ReplaceAll(doc, "\n# ", " "))
	}
}
